"""Keyframes that viewers ask for: of publishers that can be asked, and of nobody else."""

from __future__ import annotations

import struct
import sys
import time
from pathlib import Path

import pytest

from harness.media import Client
from harness.patience import PATIENCE, patience, wait_until
from harness.player import Player
from harness.publisher import H264_SDP, Publisher
from harness.rtp import Packet
from harness.rtsp import Rtsp
from harness.server import DEFAULT_SETTINGS, Servers
from harness.viewer import FU_A, PSFB, RECEIVER_REPORT, STAP_A, Viewer
from harness.whep import STARTED

HERE = Path(__file__).parent
SDES = 202
IDR = 5
NO_CACHE = "gopCache: 'no'\n" + DEFAULT_SETTINGS  # so that nobody starts in the past


def publish(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> Client:
    """An encoder that makes a keyframe at the start, and then only when it is asked for one."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return Client([sys.executable, "-m", "harness.rtpbin", "cam", *lines], folder, "rtpbin")


def starts_keyframe(packet: Packet) -> bool:
    kind = packet.payload[0] & 0x1F
    return kind == IDR or kind == FU_A and packet.payload[1] & 0x9F == 0x80 | IDR


def keyframes(viewer: Viewer) -> list[float]:
    """When they began to come; one may have several slices."""
    began: dict[int, float] = {}
    for moment, packet in zip(viewer.video.times, viewer.video.packets):
        if starts_keyframe(packet):
            began.setdefault(packet.timestamp, moment)
    return list(began.values())


def say_pli(viewer: Viewer) -> None:
    viewer.send_rtcp(struct.pack("!BBHII", 0x81, PSFB, 2, 1, viewer.video.ssrc))


def say_fir(viewer: Viewer) -> None:
    viewer.send_rtcp(struct.pack("!BBHIIII", 0x84, PSFB, 4, 1, 0, viewer.video.ssrc, 0))


@pytest.mark.parametrize("line", ["a=rtcp-fb:96 nack pli", "a=rtcp-fb:* ccm fir"])
def test_an_encoder_answers(millrace: Servers, folder: Path, monkeypatch: pytest.MonkeyPatch,
                            line: str) -> None:
    server = millrace(NO_CACHE, wait=STARTED)
    publish(folder, monkeypatch, line)
    server.wait_log("stream is available", 20)
    time.sleep(1)  # the keyframe at the start is gone
    with Viewer() as viewer:
        viewer.wait_connected()
        connected = time.monotonic()
        wait_until(lambda: keyframes(viewer), "the keyframe that it needs")
        assert keyframes(viewer)[0] - connected < 0.3 * PATIENCE
        for number, ask in enumerate((say_pli, say_fir), 2):
            time.sleep(1)
            asked = time.monotonic()
            ask(viewer)
            wait_until(lambda: len(keyframes(viewer)) == number, "another keyframe")
            between = [moment for moment, packet in zip(viewer.video.times, viewer.video.packets)
                       if asked < moment < keyframes(viewer)[-1] and packet.marker]
            assert len(between) <= 3 * PATIENCE, "it takes a frame or two"
        viewer.wait_frames(10)
        assert len(keyframes(viewer)) == 3, "nobody has asked for more"
        assert viewer.video.packets[0].payload[0] & 0x1F == STAP_A


def test_a_player_needs_no_patience(millrace: Servers, folder: Path,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    server = millrace(NO_CACHE, wait=STARTED)
    publish(folder, monkeypatch, "a=rtcp-fb:96 nack pli")
    server.wait_log("stream is available", 20)
    time.sleep(1)
    with Player("cam") as player:
        player.wait_pictures(25, 5)


def test_requests_are_few(millrace: Servers, folder: Path,
                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Two viewers that are never content."""
    server = millrace(wait=STARTED)
    publish(folder, monkeypatch, "a=rtcp-fb:96 nack pli")
    server.wait_log("stream is available", 20)
    with Viewer() as first, Viewer() as second:
        for viewer in (first, second):
            viewer.wait_connected().wait_frames(5)
        time.sleep(1.1)  # a missed start is sent again for so long
        began, before = time.monotonic(), len(keyframes(first))
        for _ in range(100):
            say_pli(first)
            say_pli(second)
            time.sleep(0.02)
        passed = time.monotonic() - began
        first.wait_frames(10)
        assert 3 <= len(keyframes(first)) - before <= 2 * passed + 2


@pytest.mark.parametrize("lines, packets", [
    ("", []),
    ("a=rtcp-fb:96 nack\r\n", []),
    ("a=rtcp-fb:96 nack pli\r\n", [RECEIVER_REPORT, SDES, PSFB]),
])
def test_what_the_publisher_hears(millrace: Servers, lines: str, packets: list[int]) -> None:
    millrace("rtcpReportPeriod: 1h\n" + NO_CACHE, wait=STARTED)
    with Publisher("cam", H264_SDP + lines) as publisher, Viewer() as viewer:
        viewer.wait_connected().wait_frames(5)
        say_pli(viewer)
        heard = hear(publisher.rtsp)
        types = []
        while heard:
            types.append(heard[1])
            end = 4 + 4 * int.from_bytes(heard[2:4], "big")
            heard = heard[end:]
        assert types == packets


def hear(rtsp: Rtsp) -> bytes:
    """The RTCP that comes next, if any does."""
    rtsp.socket.settimeout(patience(1))
    try:
        return rtsp.read_frame(1).payload
    except TimeoutError:
        return b""


def test_avpf(millrace: Servers) -> None:
    """The profile itself, as rtspclientsink names it in its requests."""
    millrace(NO_CACHE, wait=STARTED)
    with Rtsp() as rtsp:
        sdp = H264_SDP.replace("RTP/AVP", "RTP/AVPF")
        rtsp.expect(200, "ANNOUNCE", "cam", {"Content-Type": "application/sdp"}, sdp.encode())
        transport = "RTP/AVPF/TCP;unicast;interleaved=0-1;mode=record"
        answer = rtsp.expect(200, "SETUP", "cam/trackID=0", {"Transport": transport})
        assert answer.get("Transport") == "RTP/AVPF/TCP;unicast;interleaved=0-1"
        rtsp.expect(200, "RECORD", "cam")
