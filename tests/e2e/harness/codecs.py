"""Each codec that a client can put into RTP: how its clip is made, published and read."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.media import (URL, Client, ffmpeg, format_of, gstreamer, packet_hashes,
                           picture_hashes)

SECONDS = 20  # of a clip; tests read a part of it and are done
PICTURE = ("-f", "lavfi", "-i", f"testsrc2=size=352x288:rate=25:duration={SECONDS}")
TONE = ("-f", "lavfi", "-i", f"sine=440:sample_rate=48000:duration={SECONDS}")
SWEEP = ("-f", "lavfi", "-i",  # of which no second is like another
         f"aevalsrc=sin(300*t*t):sample_rate=48000:duration={SECONDS}")
KLV_KEY = bytes.fromhex("060e2b34020b01010e01030101000000")  # MISB ST 0601
KLV_BYTES = 2000  # of a message: more than a packet holds
KLV_RATE = 20

MKV = "matroskademux ! queue"
PCM = "rawaudioparse format={} sample-rate={} num-channels={}"
AS = "capssetter join=false replace=true caps={}"
# What has as many bytes a second as PCM of 8 bits at that rate is given times by its parser.
BYTES = f"rawaudioparse format=alaw num-channels=1 sample-rate={{}} ! {AS}"

Got = list[str] | bytes  # hashes of units, or what they hold

UNITS = "units"  # access units are compared
SAMPLES = "samples"  # bytes are: what a packet holds is up to each program
PICTURES = "pictures"  # NAL units are: parameter sets come and go
DECODED = "decoded"  # so are pictures where headers may differ, and nothing of what they show


@dataclass(frozen=True)
class Codec:
    key: str  # of the path, the clip and the test
    name: str  # that the server's log has for it
    clip: str  # the file's suffix
    encode: tuple[str, ...]  # ffmpeg's options
    gst_source: str = ""  # elements behind filesrc
    gst_depay: str = ""
    compare: str = UNITS
    source: tuple[str, ...] = PICTURE
    demux: tuple[str, ...] = ()  # ffmpeg's options for the clip
    mux: tuple[str, ...] = ()  # ... and for RTSP
    gst_payloader: str = ""  # where rtspclientsink would take another one
    gst_headers: int = 0  # that a depayloader puts in front, of its own accord
    count: int = 40  # units that a reader reads; they are packets where samples are compared


def audio(key: str, name: str, clip: str, encode: str, gst_source: str, gst_depay: str, *,
          demux: str = "", mux: str = "", compare: str = UNITS, gst_payloader: str = "",
          gst_headers: int = 0, count: int = 40) -> Codec:
    return Codec(key, name, clip, tuple(encode.split()), gst_source, gst_depay, compare, SWEEP,
                 tuple(demux.split()), tuple(mux.split()), gst_payloader, gst_headers, count)


def video(key: str, name: str, clip: str, encode: str, gst_source: str, gst_depay: str, *,
          mux: str = "", compare: str = UNITS, gst_headers: int = 0) -> Codec:
    return Codec(key, name, clip, (*encode.split(), "-g", "25"), gst_source, gst_depay, compare,
                 mux=tuple(mux.split()), gst_headers=gst_headers)


VIDEO = (
    video("h264", "H264", "mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p",
          "qtdemux ! queue ! h264parse",
          "rtph264depay ! video/x-h264,stream-format=byte-stream,alignment=au", compare=PICTURES),
    video("h265", "H265", "mp4", "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -tag:v hvc1 "
          "-x265-params bframes=0:log-level=none:pools=none", "qtdemux ! queue ! h265parse",
          "rtph265depay ! video/x-h265,stream-format=byte-stream,alignment=au", compare=PICTURES),
    video("vp8", "VP8", "mkv", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 300k", MKV,
          "rtpvp8depay"),
    video("vp9", "VP9", "mkv", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 300k",
          f"{MKV} ! vp9parse", "rtpvp9depay", mux="-strict experimental"),
    video("mpeg4", "MPEG-4 Video", "mkv", "-c:v mpeg4 -b:v 400k", f"{MKV} ! mpeg4videoparse",
          "rtpmp4vdepay ! mpeg4videoparse"),
    video("mpeg2", "MPEG-1/2 Video", "mkv", "-c:v mpeg2video -b:v 600k",
          f"{MKV} ! mpegvideoparse", "rtpmpvdepay ! mpegvideoparse"),
    video("mpeg1", "MPEG-1/2 Video", "m1v", "-c:v mpeg1video -b:v 600k",
          "mpegvideoparse", "rtpmpvdepay ! mpegvideoparse"),
    video("mjpeg", "M-JPEG", "mkv", "-c:v mjpeg -pix_fmt yuvj420p -huffman default "
          "-force_duplicated_matrix 1 -q:v 8", f"{MKV} ! jpegparse", "rtpjpegdepay",
          compare=DECODED),
)
AUDIO = (
    audio("opus", "Opus", "mkv", "-c:a libopus", MKV, "rtpopusdepay"),
    audio("vorbis", "Vorbis", "mkv", "-c:a libvorbis", MKV, "rtpvorbisdepay",
          gst_headers=3),
    audio("aac", "MPEG-4 Audio", "mp4", "-c:a aac", "qtdemux ! queue ! aacparse",
          "rtpmp4gdepay", gst_payloader="rtpmp4gpay"),
    audio("latm", "MPEG-4 Audio LATM", "mp4", "-c:a aac", "qtdemux ! queue ! aacparse",
          "rtpmp4adepay", mux="-rtpflags latm", gst_payloader="rtpmp4apay",
          gst_headers=1),  # the first frame still has its length in front
    audio("mp3", "MPEG-1/2 Audio", "mp3", "-c:a libmp3lame -write_xing 0", "mpegaudioparse",
          "rtpmpadepay ! mpegaudioparse"),
    audio("mp2", "MPEG-1/2 Audio", "mp2", "-c:a mp2", "mpegaudioparse",
          "rtpmpadepay ! mpegaudioparse"),
    audio("ac3", "AC3", "ac3", "-c:a ac3", "ac3parse", "rtpac3depay ! ac3parse"),
    audio("speex", "Speex", "ogg", "-ar 16000 -c:a libspeex", "oggdemux ! queue",
          "rtpspeexdepay", gst_headers=2),
    audio("g726", "G726", "g726", "-ar 8000 -c:a g726 -b:a 32k -f g726",
          BYTES.format(4000, "audio/x-adpcm,layout=g726,rate=8000,channels=1,bitrate=32000"),
          "rtpg726depay", demux="-f g726 -code_size 4 -sample_rate 8000", compare=SAMPLES, count=8),
    audio("g722", "G722", "g722", "-ar 16000 -c:a g722",
          BYTES.format(8000, "audio/G722,rate=16000,channels=1"), "rtpg722depay",
          compare=SAMPLES, count=8),
    audio("pcma", "G711", "alaw", "-ar 8000 -c:a pcm_alaw -f alaw", PCM.format("alaw", 8000, 1),
          "rtppcmadepay", demux="-f alaw -ar 8000", compare=SAMPLES, count=8),
    audio("pcmu", "G711", "mulaw", "-ar 8000 -c:a pcm_mulaw -f mulaw", PCM.format("mulaw", 8000, 1),
          "rtppcmudepay", demux="-f mulaw -ar 8000", compare=SAMPLES, count=8),
    audio("l16", "LPCM", "s16be", "-ac 2 -c:a pcm_s16be -f s16be",
          f"{PCM.format('pcm', 48000, 2)} pcm-format=s16be", "rtpL16depay",
          demux="-f s16be -ar 48000 -ac 2", compare=SAMPLES),
    audio("l24", "LPCM", "s24be", "-ac 2 -c:a pcm_s24be -f s24be",
          f"{PCM.format('pcm', 48000, 2)} pcm-format=s24be", "rtpL24depay",
          demux="-f s24be -ar 48000 -ac 2", compare=SAMPLES),
)
OTHERS = (
    audio("flac", "Generic", "mkv", "-c:a flac", f"{MKV} ! flacparse", ""),
    video("av1", "AV1", "mkv", "-c:v libsvtav1 -preset 12", MKV, ""),
    video("theora", "Generic", "mkv", "-c:v libtheora", MKV, "rtptheoradepay",
          gst_headers=3),
    Codec("klv", "KLV", "klv", (), f"rawvideoparse format=gray8 width={KLV_BYTES} height=1 "
          f"framerate={KLV_RATE} ! {AS.format('meta/x-klv,parsed=true')}", "rtpklvdepay", SAMPLES,
          demux=("-f", "data")),
    Codec("mp2t", "MPEG-TS", "ts", ("-c:v", "mpeg2video", "-b:v", "600k", "-muxrate", "1200k"),
          "tsparse set-timestamps=true alignment=7", "rtpmp2tdepay", SAMPLES,
          demux=("-f", "mpegtsraw", "-compute_pcr", "1")),
)
ALL = {codec.key: codec for codec in (*VIDEO, *AUDIO, *OTHERS)}


def make_once(path: Path, write: Callable[[Path], None]) -> Path:
    """Tests that run side by side share the file."""
    with path.with_name(f"lock-{path.name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            draft = path.with_name(f"draft-{path.name}")
            write(draft)
            os.rename(draft, path)
    return path


def make(media: Path, codec: Codec) -> Path:
    """Its clip, made once a run."""
    def write(draft: Path) -> None:
        if codec.key == "klv":
            draft.write_bytes(klv_messages())
        else:
            ffmpeg(media, f"make-{codec.key}", *codec.source, *codec.encode, draft).wait(120)

    return make_once(media / f"codec-{codec.key}.{codec.clip}", write)


def klv_messages() -> bytes:
    length = KLV_BYTES - len(KLV_KEY) - 3
    return b"".join(KLV_KEY + b"\x82" + length.to_bytes(2, "big") +
                    (i.to_bytes(4, "big") * KLV_BYTES)[:length] for i in range(SECONDS * KLV_RATE))


def ffmpeg_publish(folder: Path, clip: Path, codec: Codec, transport: str) -> Client:
    return ffmpeg(folder, f"publish-{codec.key}", "-re", *codec.demux, "-i", clip, "-map", "0",
                  "-c", "copy", *codec.mux, "-f", "rtsp", "-rtsp_transport", transport,
                  f"{URL}/{codec.key}")


def gstreamer_publish(folder: Path, clip: Path, codec: Codec, transport: str) -> Client:
    payloader = f"sink_0::payloader={codec.gst_payloader}" if codec.gst_payloader else ""
    return gstreamer(folder, f"publish-{codec.key}", f"filesrc location={clip} ! "
                     f"{codec.gst_source} ! identity sync=true ! rtspclientsink "
                     f"location={URL}/{codec.key} protocols={transport} {payloader}")


def ffmpeg_output(codec: Codec) -> tuple[str, ...]:
    if codec.compare == DECODED:
        return "-f", "framemd5"
    form = {UNITS: "framemd5", SAMPLES: "data"}.get(codec.compare) or format_of(codec.key)
    return "-c", "copy", "-copyinkf", "-f", form


def ffmpeg_read(folder: Path, codec: Codec, transport: str) -> Client:
    return ffmpeg(folder, f"ffmpeg-read-{codec.key}", "-analyzeduration", "1M", "-rtsp_transport",
                  transport, "-i", f"{URL}/{codec.key}", "-map", "0:0", *ffmpeg_output(codec),
                  "-frames", str(codec.count), folder / f"{codec.key}.ffmpeg")


def ffmpeg_got(folder: Path, codec: Codec) -> Got:
    return load(folder / f"{codec.key}.ffmpeg", codec)


def gstreamer_read(folder: Path, codec: Codec, transport: str) -> Client:
    output = folder / f"{codec.key}.gstreamer"
    output.mkdir()
    kind = "multifilesink" if codec.compare == UNITS else "filesink"
    end = codec.gst_headers + codec.count + 1  # where `identity` has its last one left out
    return gstreamer(folder, f"gstreamer-read-{codec.key}", "rtspsrc latency=200 "
                     f"location={URL}/{codec.key} protocols={transport} ! {codec.gst_depay} ! "
                     f"identity eos-after={end} ! {kind} location={output}/%05d")


def gstreamer_got(folder: Path, codec: Codec) -> Got:
    output = folder / f"{codec.key}.gstreamer"
    if codec.compare == UNITS:
        files = sorted(output.iterdir())[codec.gst_headers:][:codec.count]
        return [hashlib.md5(file.read_bytes()).hexdigest() for file in files]
    (whole,) = output.iterdir()
    if codec.compare != DECODED:
        return load(whole, codec)
    decoded = folder / f"{codec.key}.decoded"
    ffmpeg(folder, f"decode-{codec.key}", "-f", codec.key, "-i", whole, "-f", "framemd5",
           decoded).wait()
    return load(decoded, codec)


def published(media: Path, codec: Codec, reader: str) -> Got:
    """What the reader should get a part of, made once a run."""
    is_inside = (codec.key, reader) == ("mp2t", "ffmpeg")  # it gives what the transport stream has
    output = media / f"published-{codec.key}{'-inside' if is_inside else ''}"
    demux = () if is_inside else codec.demux

    def write(draft: Path) -> None:
        ffmpeg(media, f"make-{output.name}", *demux, "-i", make(media, codec), "-map", "0",
               *ffmpeg_output(codec), draft).wait()

    return load(make_once(output, write), codec)


def load(output: Path, codec: Codec) -> Got:
    if codec.compare == SAMPLES:
        return output.read_bytes()
    return picture_hashes(output, codec.key) if codec.compare == PICTURES else packet_hashes(output)


def find(got: Got, whole: Got) -> int:
    """Where it is in the whole, in one piece; -1: nowhere."""
    if isinstance(got, bytes):
        assert isinstance(whole, bytes)
        return whole.find(got)
    return next((i for i in range(len(whole) - len(got) + 1) if whole[i:i + len(got)] == got), -1)
