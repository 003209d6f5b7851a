"""RTSP whose media goes by datagrams: what is set up, who gets what, and in which order."""

from __future__ import annotations

import random
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.link import Link, NEAR
from harness.media import (URL, Client, assert_tail, clip_picture_hashes, ffmpeg, ffmpeg_read,
                           gstreamer, make_clip, picture_hashes)
from harness.patience import PATIENCE, patience, wait_until
from harness.publisher import H264_SDP, Publisher
from harness.rtp import FramePart, H264Writer, Packet, sender_report
from harness.rtsp import Closed, Rtsp
from harness.server import DEFAULT_SETTINGS, Server, Servers
from harness.udp import UdpRtsp

QUICK = "readTimeout: 1s\nrtcpReportPeriod: 200ms\npaths:\n  all_others:\n"
SENDER_REPORT, RECEIVER_REPORT, BYE = 200, 201, 203
STAP_A = 24
SECONDS = 6
AT_LEAST = 25 * (SECONDS - 4)


def publish_udp(start: bool = False, **options: int) -> Publisher:
    return Publisher("cam", start=start, client=UdpRtsp, **options)  # type: ignore[arg-type]


def sequences(reader: Rtsp, count: int) -> list[int]:
    return [Packet.parse(reader.read_frame(0).payload).sequence for _ in range(count)]


# Real clients


def ffmpeg_publish_udp(folder: Path, clip: Path) -> Client:
    return ffmpeg(folder, "publish", "-re", "-i", clip, "-c", "copy", "-f", "rtsp",
                  "-rtsp_transport", "udp", f"{URL}/cam")


def gstreamer_publish_udp(folder: Path, clip: Path) -> Client:
    return gstreamer(folder, "publish", f"filesrc location={clip} ! qtdemux ! queue ! h264parse ! "
                     f"identity sync=true ! rtspclientsink location={URL}/cam protocols=udp")


@pytest.mark.parametrize("publish", (ffmpeg_publish_udp, gstreamer_publish_udp))
def test_pictures(server: Server, folder: Path, media: Path,
                  publish: Callable[[Path, Path], Client]) -> None:
    """ffmpeg's packets have 1472 bytes: over `udpMaxPayloadSize`, so they are made smaller."""
    clip = make_clip(media, "h264", SECONDS, audio=False)
    publisher = publish(folder, clip)
    server.wait_log(r"is publishing to path 'cam'", 15)
    outputs = [folder / f"{name}.h264" for name in ("ffmpeg", "gstreamer", "tcp")]
    readers = [
        ffmpeg(folder, "read-udp", "-rtsp_transport", "udp", "-i", f"{URL}/cam", "-c", "copy",
               "-f", "h264", outputs[0]),
        gstreamer(folder, "gst-read", f"rtspsrc location={URL}/cam protocols=udp ! "
                  "rtph264depay ! video/x-h264,stream-format=byte-stream,alignment=au ! "
                  f"filesink location={outputs[1]}"),
        ffmpeg_read(folder, "cam", outputs[2], "-f", "h264"),
    ]
    if publish is gstreamer_publish_udp:
        publisher.wait_or_stop(2 * SECONDS)
    else:
        publisher.wait()
    for reader in readers:
        reader.wait(15, status=None)
    assert server.count_log("with UDP, 1 track") == 2
    assert not server.count_log("RTP packets? lost")
    server.stop()
    whole = clip_picture_hashes(folder, clip, "h264")
    for output in outputs:
        assert_tail(picture_hashes(output, "h264"), whole, AT_LEAST)


# Bytes


@pytest.mark.parametrize("workers", (1, 2))
def test_every_byte_of_a_packet_arrives(millrace: Servers, workers: int) -> None:
    millrace(f"workers: {workers}\n{DEFAULT_SETTINGS}")
    with publish_udp() as publisher, UdpRtsp() as reader, Rtsp() as tcp_reader:
        setup = reader.setup("cam", 0).get("Transport") or ""
        ssrc = int(setup.rpartition(";ssrc=")[2], 16)
        reader.expect(200, "PLAY", "cam")
        tcp_reader.play("cam")
        for number in range(200):
            sent = publisher.video.write(3, is_keyframe=number % 10 == 0)
            publisher.rtsp.send_frame(0, *sent)
            for packet in sent:
                want = Packet.parse(packet)._replace(ssrc=ssrc)
                assert Packet.parse(reader.read_frame(0).payload) == want
                assert Packet.parse(tcp_reader.read_frame(0).payload) == want


@pytest.mark.parametrize("address", ("127.0.0.1", "127.0.0.2", "::1"))
def test_addresses(server: Server, address: str) -> None:
    """Datagrams come from where the client has connected to."""
    with publish_udp() as publisher, UdpRtsp(address) as reader:
        reader.play("cam")
        publisher.send_frame()
        sequences(reader, 2)
        assert reader.read_frame(1).payload[1] == SENDER_REPORT


def test_many_clients_on_two_workers(millrace: Servers) -> None:
    """The kernel spreads them over the workers' sockets by their ports, whoever they belong to."""
    server = millrace(f"workers: 2\nspreadReaders: yes\n{DEFAULT_SETTINGS}")
    publishers = [Publisher(f"cam{i}", client=UdpRtsp, start=False) for i in range(8)]
    readers = []
    for i in range(8):
        for _ in range(2):
            readers.append(UdpRtsp())
            readers[-1].play(f"cam{i}")
    for number in range(50):
        for publisher in publishers:
            publisher.send_frame()
        if number % 10 == 9:
            for reader in readers:
                reader.send_frame(1, bytes.fromhex("80c9000100000001"))
        for reader in readers:
            parts = [FramePart.of(Packet.parse(reader.read_frame(0).payload).payload)
                     for _ in range(2)]
            assert [(part.frame, part.part) for part in parts] == [(number + 1, 0), (number + 1, 1)]
    for publisher in publishers:
        publisher.close()
    for reader in readers:
        reader.close()
    server.stop()


def test_too_large_packets(millrace: Servers) -> None:
    server = millrace(f"udpMaxPayloadSize: 500\n{DEFAULT_SETTINGS}")
    with publish_udp() as publisher, UdpRtsp() as reader, Rtsp() as tcp_reader:
        reader.play("cam")
        tcp_reader.play("cam")
        number = None
        for frame in range(20):
            sent = publisher.video.write(3, is_keyframe=frame % 5 == 0)
            publisher.rtsp.send_frame(0, *sent)
            for packet in sent:
                assert tcp_reader.read_frame(0).payload[12:] == packet[12:]
            nal, marker = b"", False
            while not marker:
                data = reader.read_frame(0).payload
                assert len(data) <= 500
                got = Packet.parse(data)
                assert number is None or got.sequence == number
                number = (got.sequence + 1) & 0xFFFF
                if got.payload[0] & 0x1F != STAP_A:  # parameter sets in front of a keyframe
                    nal += got.payload[2:]
                marker = got.marker
            assert nal == b"".join(packet[14:] for packet in sent)
    assert len(server.stop()) > 0
    assert server.count_log(r"RTP packets are too big \(1000 > 488\), remuxing them") == 1


def test_rtp_info_fits_what_comes(millrace: Servers) -> None:
    """Also for who comes when packets have been made smaller for others."""
    millrace(f"udpMaxPayloadSize: 500\n{DEFAULT_SETTINGS}")
    with publish_udp() as publisher, UdpRtsp() as first, UdpRtsp() as second:
        first.play("cam")
        for _ in range(5):
            publisher.send_frame()
        sequences(first, 5)
        info = second.play("cam").get("RTP-Info") or ""
        promised = int(info.partition(";seq=")[2].partition(";")[0])
        publisher.send_frame()
        assert sequences(second, 1) == [promised]


def test_start_with_the_last_keyframe(millrace: Servers) -> None:
    millrace("gopCache: all\n" + DEFAULT_SETTINGS)
    with publish_udp(keyframe_every=10) as publisher, UdpRtsp() as first, UdpRtsp() as second:
        for _ in range(14):  # a frame was sent at the beginning
            publisher.send_frame()
        for reader in (first, second):
            info = reader.play("cam").get("RTP-Info") or ""
            packet = Packet.parse(reader.read_frame(0).payload)
            assert FramePart.of(packet.payload)[:2] == (10, 0)
            assert f";seq={packet.sequence};" in info


# Setting up


@pytest.mark.parametrize("ports", ("0-1", "65535-65536", "65535", "4-0"))
def test_ports_that_are_none(server: Server, ports: str) -> None:
    with Publisher("cam"), Rtsp() as client:
        client.expect(400, "SETUP", "cam/trackID=0",
                      {"Transport": f"RTP/AVP;unicast;client_port={ports}"})


@pytest.mark.parametrize("workers", (1, 2))
def test_ports_of_another(millrace: Servers, workers: int) -> None:
    server = millrace(f"workers: {workers}\n{DEFAULT_SETTINGS}")
    with Publisher("cam"), UdpRtsp() as client:
        client.play("cam")
        rtp, rtcp = client.client_ports(0)
        transport = {"Transport": f"RTP/AVP;unicast;client_port={rtp}-{rtcp}"}
        with Rtsp() as thief:
            thief.expect(400, "SETUP", "cam/trackID=0", transport)
        server.wait_log("the client's ports are those of another session")
        client.expect(200, "TEARDOWN", "cam")
        with Rtsp() as heir:
            heir.expect(200, "SETUP", "cam/trackID=0", transport)


@pytest.mark.parametrize("first", (Rtsp, UdpRtsp))
def test_one_way_for_all_tracks(server: Server, first: type[Rtsp]) -> None:
    other = {Rtsp: "RTP/AVP;unicast;client_port=20000-20001",
             UdpRtsp: "RTP/AVP/TCP;unicast;interleaved=2-3"}[first]
    sdp = H264_SDP + H264_SDP[H264_SDP.index("m="):].replace("trackID=0", "trackID=1")
    with Publisher("cam", sdp), first() as client:
        client.setup("cam", 0)
        client.expect(400, "SETUP", "cam/trackID=1", {"Transport": other})


def test_without_tcp(millrace: Servers) -> None:
    millrace(f"rtspTransports: [udp]\n{DEFAULT_SETTINGS}")
    with publish_udp(start=True), Rtsp() as client, UdpRtsp() as reader:
        client.expect(461, "SETUP", "cam/trackID=0",
                      {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        reader.play("cam")
        reader.read_frame(0)


def test_port_in_use(server: Server, millrace: Servers) -> None:
    second = millrace("rtspAddress: :8555\nwebrtc: no\npaths:\n", wait=None)
    assert second.wait_exit() == 1
    second.wait_log(r"ERR.* listen udp :8000: bind: address already in use$")


def test_pause_and_teardown(server: Server) -> None:
    with publish_udp() as publisher, UdpRtsp() as reader, Rtsp() as witness:
        witness.play("cam")
        reader.play("cam")
        publisher.send_frame()
        first = sequences(reader, 2)
        reader.expect(200, "PAUSE", "cam")
        publisher.send_frame()
        sequences(witness, 4)
        reader.expect(200, "PLAY", "cam")
        publisher.send_frame()
        assert sequences(reader, 2) == [(first[1] + 3) & 0xFFFF, (first[1] + 4) & 0xFFFF]
        reader.expect(200, "TEARDOWN", "cam")
        publisher.send_frame()
        sequences(witness, 4)
        publisher.rtsp.expect(200, "PAUSE", "cam")
        assert reader.waiting(0) == []
        publisher.rtsp.expect(200, "RECORD", "cam")
        with UdpRtsp() as another:
            another.play("cam")
            publisher.send_frame()
            sequences(another, 2)


# The end of the connection


def hang_up(client: Rtsp) -> None:
    """As one that has crashed, or whose router has forgotten the connection."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def test_media_outlives_the_connection(millrace: Servers) -> None:
    server = millrace(QUICK)
    with publish_udp() as publisher, UdpRtsp() as reader, Rtsp() as witness:
        reader.play("cam")
        witness.play("cam")
        hang_up(publisher.rtsp)
        server.wait_log(r"\[conn .* closed")
        reader.socket.shutdown(socket.SHUT_WR)
        server.wait_log(r"\[conn .* closed", count=2)
        for _ in range(20):
            publisher.send_frame()
            assert sequences(witness, 2) == [Packet.parse(reader.receive(0)).sequence
                                             for _ in range(2)]
            time.sleep(0.1)  # twice the timeout in all
        server.wait_log("destroyed: i/o timeout: the publisher sends no packets")
        server.wait_log("destroyed: terminated: the stream has ended", count=2)
    assert server.count_log(r"\[conn .* closed") == 3


def test_session_that_does_not_play_ends_with_the_connection(server: Server) -> None:
    with Publisher("cam"), UdpRtsp() as reader:
        reader.setup("cam", 0)
        hang_up(reader)
        server.wait_log("session .* destroyed: ")


def test_player_that_comes_back_from_the_same_ports(server: Server) -> None:
    with Publisher("cam"), UdpRtsp() as reader, Rtsp() as again:
        reader.play("cam")
        rtp, rtcp = reader.client_ports(0)
        hang_up(reader)
        server.wait_log(r"\[conn .* closed")
        again.expect(200, "SETUP", "cam/trackID=0",
                     {"Transport": f"RTP/AVP;unicast;client_port={rtp}-{rtcp}"})
        server.wait_log("session .* destroyed: another client has its ports")


# RTCP


def test_reports_to_readers(server: Server) -> None:
    with publish_udp(start=True), UdpRtsp() as reader:
        setup = reader.setup("cam", 0).get("Transport") or ""
        reader.expect(200, "PLAY", "cam")
        report = reader.read_frame(1).payload
        assert report[1] == SENDER_REPORT
        assert report[4:8].hex().upper() == setup.rpartition(";ssrc=")[2]
        server.stop()
        goodbye = reader.read_frame(1).payload
        assert goodbye[1] == BYE


def test_ways_are_opened_for_publishers(server: Server) -> None:
    with publish_udp() as publisher:
        assert publisher.rtsp.read_frame(0).payload == bytes.fromhex("80" + "00" * 11)
        assert publisher.rtsp.read_frame(1).payload == bytes.fromhex("80c9000100000000")


def loss_reports(client: Rtsp) -> Iterator[tuple[int, int, int]]:
    """Fraction lost, lost and jitter of receiver reports as they come."""
    while True:
        report = client.read_frame(1).payload
        if report[1] == RECEIVER_REPORT and len(report) == 32:
            lost, _, jitter = struct.unpack_from("!III", report, 12)
            yield lost >> 24, lost & 0xFFFFFF, jitter


def test_loss_is_counted(millrace: Servers) -> None:
    server = millrace(QUICK)
    with publish_udp() as publisher, UdpRtsp() as reader:
        reader.play("cam")
        for number in range(20):
            sent = publisher.video.write(4, is_keyframe=number == 0)
            publisher.rtsp.send_frame(0, *(sent if number % 5 else sent[:1] + sent[2:]))
        assert any(lost == 4 for _, lost, _ in loss_reports(publisher.rtsp))
        server.wait_log(r"\[session .*\] \d+ RTP packets? lost")
        assert len(sequences(reader, 76)) == 76


def test_what_is_no_rtcp_is_no_sign_of_life(millrace: Servers) -> None:
    server = millrace(QUICK)
    with publish_udp() as publisher:
        started = time.monotonic()
        with pytest.raises((OSError, Closed)):
            while time.monotonic() - started < patience(5):
                publisher.rtsp.expect(200, "GET_PARAMETER", "cam")
                publisher.rtsp.send_frame(0, b"", b"\x00", b"\x80" * 5, b"\x40" + b"\x00" * 40)
                publisher.rtsp.send_frame(1, b"", b"\x80\xc8", b"\x80\xc8\xff\xff" + b"\x00" * 24)
                time.sleep(0.1)
    server.wait_log("the publisher sends no packets")


@pytest.mark.parametrize("channel", (0, 1))
def test_datagrams_keep_a_publisher(millrace: Servers, channel: int) -> None:
    server = millrace(QUICK)
    with publish_udp() as publisher:
        for _ in range(20):
            if channel:
                publisher.rtsp.send_frame(1, sender_report(publisher.video.ssrc, 1 << 40, 1000))
            else:
                publisher.send_frame()
            time.sleep(0.1)  # twice the timeout in all
        publisher.rtsp.expect(200, "GET_PARAMETER", "cam")
    server.stop()


@pytest.mark.long
@pytest.mark.limit(150)
def test_rtcp_keeps_a_reader(server: Server) -> None:
    with Publisher("cam"), UdpRtsp() as alive, UdpRtsp() as silent:
        alive.play("cam")
        silent.play("cam")
        started = time.monotonic()
        while not silent.is_closed(1):
            alive.send_frame(1, bytes.fromhex("80c9000100000001"))
            silent.send_frame(0, bytes.fromhex("80600001000000000000000000"))
            assert time.monotonic() - started < 65
        assert time.monotonic() - started > 55
        alive.waiting(0)
        alive.read_frame(0)


# Faults


@pytest.mark.parametrize("seed", range(4))
def test_order_is_restored(server: Server, seed: int) -> None:
    """Packets change places within the window, come twice, or not at all."""
    dice = random.Random(seed)
    writer = H264Writer(packet_bytes=200, ssrc=7)
    packets = [packet for number in range(150) for packet in writer.write(2, number % 25 == 0)]
    lost = set(dice.sample(range(10, len(packets) - 80), 5))
    arrivals = sorted((number + dice.uniform(0, 20), number) for number in range(len(packets))
                      if number and number not in lost)
    arrivals += [(at + dice.uniform(0, 30), number) for at, number in dice.sample(arrivals, 20)]
    with publish_udp() as publisher, UdpRtsp() as reader, Rtsp() as tcp_reader:
        reader.play("cam")
        tcp_reader.play("cam")
        publisher.rtsp.send_frame(0, packets[0])
        server.signal(signal.SIGSTOP)  # or a pause of ours could look like a loss
        wait_until(lambda: all(") T " in task.read_text() for task in
                               Path(f"/proc/{server.pid}/task").glob("*/stat")), "it stands still")
        for _, index in sorted(arrivals):
            publisher.rtsp.send_frame(0, packets[index])
        server.signal(signal.SIGCONT)
        want = [packets[number][12:] for number in range(len(packets)) if number not in lost]
        for client in (reader, tcp_reader):
            for index, payload in enumerate(want):
                got = client.read_frame(0).payload[12:]
                assert got == payload, f"{index}: {FramePart.of(got)}, {FramePart.of(payload)}"


def test_gap_is_given_up(server: Server) -> None:
    """Nothing more comes that would push the window on."""
    with publish_udp() as publisher, UdpRtsp() as reader:
        reader.play("cam")
        sent = publisher.video.write(4, is_keyframe=True)
        publisher.rtsp.send_frame(0, sent[0], sent[2], sent[3])
        started = time.monotonic()
        assert sequences(reader, 3)[1:] == [Packet.parse(packet).sequence for packet in sent[2:]]
        assert 0.05 < time.monotonic() - started < 0.5 * PATIENCE
        publisher.rtsp.send_frame(0, sent[1])  # too late
        publisher.send_frame()
        assert sequences(reader, 1) == [(Packet.parse(sent[3]).sequence + 1) & 0xFFFF]


def test_sender_that_begins_anew(server: Server) -> None:
    with publish_udp() as publisher, UdpRtsp() as reader:
        reader.play("cam")
        publisher.send_frame()
        last = sequences(reader, 2)[-1]
        publisher.video = H264Writer(sequence=3, ssrc=0x99)
        publisher.send_frame()
        assert sequences(reader, 2) == [last + 2, last + 3]


def test_others_are_not_listened_to(server: Server) -> None:
    with publish_udp() as publisher, UdpRtsp() as reader, Rtsp() as tcp_reader:
        reader.play("cam")
        tcp_reader.play("cam")
        sent = publisher.video.write(4, is_keyframe=True)
        client = publisher.rtsp
        assert isinstance(client, UdpRtsp)
        port = client.client_ports(0)[0]
        for address in (("127.0.0.1", 0), ("127.0.0.2", port)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(address)
                stranger.sendto(sent[0], ("127.0.0.1", 8000))
        client.sockets[1].sendto(sent[1], ("127.0.0.1", 8000))
        client.sockets[0].sendto(sent[2], ("127.0.0.1", 8001))
        client.send_frame(0, sent[3])
        for each in (reader, tcp_reader):
            assert sequences(each, 1) == [Packet.parse(sent[3]).sequence]


def test_strange_packets(server: Server) -> None:
    """CSRCs, extensions and padding as they may be, and as they may not."""
    with publish_udp() as publisher, UdpRtsp() as reader, Rtsp() as tcp_reader:
        reader.play("cam")
        tcp_reader.play("cam")
        head = Packet.parse(publisher.video.write(2, True)[0])
        fixed = head._replace(payload=b"").build()[1:]
        body = head.payload
        good = [b"\x82" + fixed + b"\x01" * 8 + body,
                b"\x90" + fixed + b"\xbe\xde\x00\x01" + b"\x10\xaa\x00\x00" + body,
                b"\xa0" + fixed + body + b"\x00\x00\x00\x04",
                b"\x80" + fixed + body * 40]
        bad = [b"\x8f" + fixed, b"\x90" + fixed + b"\xbe\xde\xff\xff", b"\xa0" + fixed + b"\xff",
               b"\x00" + fixed + body, b"\x80" + fixed[:5], b""]
        for number, packet in enumerate(good):
            packet = packet[:2] + struct.pack("!H", head.sequence + number) + packet[4:]
            publisher.rtsp.send_frame(0, *bad, packet)
            for client in (reader, tcp_reader):
                got = client.read_frame(0).payload
                if len(packet) < 1453 or client is tcp_reader:
                    assert got[12:] == packet[12:]
        publisher.rtsp.expect(200, "GET_PARAMETER", "cam")
    server.stop()


def test_reader_whose_ports_are_closed(server: Server) -> None:
    with publish_udp() as publisher, UdpRtsp() as gone, UdpRtsp() as reader:
        gone.play("cam")
        reader.play("cam")
        for sock in gone.sockets.values():
            sock.close()
        for _ in range(50):
            publisher.send_frame()
            sequences(reader, 2)


def test_full_receive_buffer(millrace: Servers) -> None:
    """What the kernel throws away is told apart from what the network loses."""
    server = millrace(f"logLevel: debug\nrtspUDPReadBufferSize: 20000\n{DEFAULT_SETTINGS}")
    with publish_udp() as publisher:
        publisher.rtsp.expect(200, "GET_PARAMETER", "cam")
        server.signal(signal.SIGSTOP)
        for _ in range(100):
            publisher.send_frame()
        server.signal(signal.SIGCONT)
        publisher.rtsp.expect(200, "GET_PARAMETER", "cam")
        publisher.send_frame()
        server.wait_log(r"WAR .*\d+ datagrams have come and found the receive buffer of \d+ bytes "
                        "full.* net.core.rmem_max")
    server.stop()
    assert server.count_log(r"counters:.* inboundDatagramsDropped=[1-9]")


def test_receive_buffer_that_may_not_be_so_large(millrace: Servers) -> None:
    server = millrace(f"rtspUDPReadBufferSize: 100000000\n{DEFAULT_SETTINGS}",
                      wrapper=("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"))
    server.wait_log(r"the receive buffers of UDP have \d+ bytes, not 100000000: raise the sysctl "
                    "net.core.rmem_max")


@pytest.mark.limit(90)
def test_slow_way(millrace: Servers) -> None:
    """A full socket costs whole frames, and other readers nothing."""
    server = millrace(f"readerQueueMaxSize: 64K\n{DEFAULT_SETTINGS}")
    with Link() as link:
        link.limit(2_000_000)
        with Publisher("cam", start=False, keyframe_every=10) as publisher, Rtsp() as near:
            near.play("cam")
            far = [link.udp_socket() for _ in range(2)]
            rtp, rtcp = (sock.getsockname()[1] for sock in far)
            with link.connect(8554) as tcp:
                client = Rtsp.__new__(Rtsp)
                Rtsp.__init__(client)
                client.socket.close()
                client.socket = tcp
                tcp.settimeout(patience(5))
                client.base = f"rtsp://{NEAR}:8554"
                client.expect(200, "SETUP", "cam/trackID=0",
                              {"Transport": f"RTP/AVP;unicast;client_port={rtp}-{rtcp}"})
                client.expect(200, "PLAY", "cam")
                for _ in range(1000):
                    publisher.send_frame()
                    publisher.send_frame()
                    for _ in range(4):
                        near.read_frame(0)
                server.wait_log(r"reader is too slow, discarding .*\(its socket is full\)")
                assert_whole_frames(far[0])
    server.stop()


def assert_whole_frames(sock: socket.socket) -> None:
    """Of those that came: all of their packets, but perhaps of the last one."""
    frames: dict[int, set[int]] = {}
    sock.settimeout(patience(2))
    while True:
        try:
            part = FramePart.of(Packet.parse(sock.recv(2048)).payload)
        except TimeoutError:
            break
        frames.setdefault(part.frame, set()).add(part.part)
    assert len(frames) > 50
    broken = [frame for frame, parts in frames.items() if len(parts) != 2]
    assert broken in ([], [max(frames)])
