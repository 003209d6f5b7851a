// Publishes H264 and Opus to an RTSP server, or reads them from it, by way of gortsplib.
//
//	client [-udp] [-units N] publish|read URL
//
// A publisher goes on until it is ended; a reader ends when it has N access units of each track.
// Both print a line for each unit, "H264 HASH" or "Opus HASH": SHA-256, in hexadecimal.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/pion/rtp"
)

const (
	pictureTime   = 40 * time.Millisecond
	pictureTicks  = 3600 // of 90 kHz
	soundsEach    = 2    // Opus packets of 20 ms, for each picture
	soundTicks    = 960  // of 48 kHz
	keyframeEvery = 25
)

var (
	sps = []byte{ // Baseline, 320x180
		0x67, 0x42, 0xc0, 0x0c, 0xd9, 0x01, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00,
		0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0xa4,
		0x80,
	}
	pps = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

func main() {
	log.SetFlags(0)
	udp := flag.Bool("udp", false, "media by datagrams")
	units := flag.Int("units", 50, "access units of each track that a reader reads")
	flag.Parse()
	protocol := gortsplib.ProtocolTCP
	if *udp {
		protocol = gortsplib.ProtocolUDP
	}
	client := &gortsplib.Client{
		Protocol:      &protocol,
		OnPacketsLost: func(lost uint64) { log.Fatalf("%d packets lost", lost) },
		OnDecodeError: func(err error) { log.Fatalf("decode: %v", err) },
	}
	var err error
	switch flag.Arg(0) {
	case "publish":
		err = publish(client, flag.Arg(1))
	case "read":
		err = read(client, flag.Arg(1), *units)
	default:
		flag.Usage()
		err = errors.New("neither publish nor read")
	}
	client.Close()
	if err != nil {
		log.Fatal(err)
	}
}

func report(codec string, nalus ...[]byte) {
	fmt.Printf("%s %x\n", codec, sha256.Sum256(bytes.Join(nalus, []byte{0, 0, 1})))
}

// picture has parameter sets in front of keyframes, and a slice of a size that changes: most need
// several packets, some share one.
func picture(number uint32) [][]byte {
	slice := filler(0x41, number, 100+number*397%6000)
	if number%keyframeEvery != 0 {
		return [][]byte{slice}
	}
	slice[0] = 0x65
	return [][]byte{sps, pps, slice}
}

func sound(number uint32) []byte {
	return filler(0xfc, number, 60+number%100) // one CELT frame of 20 ms, stereo
}

// filler tells its number, and has no two zeros in a row behind that.
func filler(first byte, number uint32, size uint32) []byte {
	unit := bytes.Repeat([]byte{0x80}, int(size))
	unit[0] = first
	unit[1] = 0x88 // first_mb_in_slice is 0
	binary.BigEndian.PutUint32(unit[2:], number|0x80808080)
	binary.BigEndian.PutUint32(unit[6:], number>>7|0x80808080)
	return unit
}

func publish(client *gortsplib.Client, url string) error {
	h264 := &format.H264{PayloadTyp: 96, SPS: sps, PPS: pps, PacketizationMode: 1}
	opus := &format.Opus{PayloadTyp: 97, ChannelCount: 2}
	video := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{h264}}
	audio := &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{opus}}
	pictures, err := h264.CreateEncoder()
	if err != nil {
		return err
	}
	sounds, err := opus.CreateEncoder()
	if err != nil {
		return err
	}
	session := &description.Session{Medias: []*description.Media{video, audio}}
	if err = client.StartRecording(url, session); err != nil {
		return err
	}
	ticker := time.NewTicker(pictureTime)
	defer ticker.Stop()
	for number := uint32(0); ; number++ {
		nalus := picture(number)
		packets, err := pictures.Encode(nalus)
		if err != nil {
			return err
		}
		report("H264", nalus...)
		if err := write(client, video, packets, number*pictureTicks); err != nil {
			return err
		}
		for i := number * soundsEach; i < (number+1)*soundsEach; i++ {
			packet, err := sounds.Encode(sound(i))
			if err != nil {
				return err
			}
			report("Opus", sound(i))
			if err := write(client, audio, []*rtp.Packet{packet}, i*soundTicks); err != nil {
				return err
			}
		}
		<-ticker.C
	}
}

func write(client *gortsplib.Client, media *description.Media, packets []*rtp.Packet,
	ticks uint32) error {
	for _, packet := range packets {
		packet.Timestamp = ticks
		if err := client.WritePacketRTP(media, packet); err != nil {
			return err
		}
	}
	return nil
}

func read(client *gortsplib.Client, address string, units int) error {
	url, err := base.ParseURL(address)
	if err != nil {
		return err
	}
	client.Scheme, client.Host = url.Scheme, url.Host
	if err = client.Start(); err != nil {
		return err
	}
	session, _, err := client.Describe(url)
	if err != nil {
		return err
	}
	if err = client.SetupAll(session.BaseURL, session.Medias); err != nil {
		return err
	}
	done := make(chan error, 3) // of each track, and of the connection
	if err = readPictures(client, session, units, done); err != nil {
		return err
	}
	if err = readSounds(client, session, units, done); err != nil {
		return err
	}
	if _, err = client.Play(nil); err != nil {
		return err
	}
	go func() { done <- client.Wait() }()
	for range 2 {
		if err = <-done; err != nil {
			return err
		}
	}
	return nil
}

func readPictures(client *gortsplib.Client, session *description.Session, units int,
	done chan<- error) error {
	var h264 *format.H264
	media := session.FindFormat(&h264)
	if media == nil {
		return errors.New("no H264 track")
	}
	decoder, err := h264.CreateDecoder()
	if err != nil {
		return err
	}
	client.OnPacketRTP(media, h264, func(packet *rtp.Packet) {
		nalus, err := decoder.Decode(packet)
		switch {
		case errors.Is(err, rtph264.ErrMorePacketsNeeded),
			errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious): // it came amid a picture
		case err != nil:
			log.Fatalf("H264: %v", err)
		default:
			count("H264", &units, done, nalus...)
		}
	})
	return nil
}

func readSounds(client *gortsplib.Client, session *description.Session, units int,
	done chan<- error) error {
	var opus *format.Opus
	media := session.FindFormat(&opus)
	if media == nil {
		return errors.New("no Opus track")
	}
	decoder, err := opus.CreateDecoder()
	if err != nil {
		return err
	}
	client.OnPacketRTP(media, opus, func(packet *rtp.Packet) {
		unit, err := decoder.Decode(packet)
		if err != nil {
			log.Fatalf("Opus: %v", err)
		}
		count("Opus", &units, done, unit)
	})
	return nil
}

// count tells of the unit until there are none left to read.
func count(codec string, left *int, done chan<- error, nalus ...[]byte) {
	if *left == 0 {
		return
	}
	report(codec, nalus...)
	*left--
	if *left == 0 {
		done <- nil
	}
}
