"""What a WHEP viewer gets: where it starts, in which form, with which reports."""

from __future__ import annotations

import struct
import subprocess
import time

import pytest

from harness.namespace import die_with_parent
from harness.patience import PATIENCE, wait_until
from harness.publisher import H264_SDP, Publisher
from harness.server import DEFAULT_SETTINGS, Server, Servers
from harness.viewer import SENDER_REPORT, STAP_A, Viewer, assert_whole
from harness.whep import H264, OPUS, STARTED, Offer

OPUS_SDP = """m=audio 0 RTP/AVP 97\r
a=rtpmap:97 opus/48000/2\r
a=control:trackID=1\r
"""
PLAYOUT_DELAY = "5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
NO_DELAY = b"\x52\0\0\0"  # RFC 8285: id 5, three bytes: from 0 to 0


@pytest.fixture
def whep(millrace: Servers) -> Server:
    return millrace(wait=STARTED)


def publisher_in_the_middle(frames: int, keyframe_every: int, **options: object) -> Publisher:
    """Has sent so many frames since its last keyframe, and goes on when it is told to."""
    publisher = Publisher("cam", start=False, keyframe_every=keyframe_every,
                          **options)  # type: ignore[arg-type]
    for _ in range(keyframe_every + frames):
        publisher.send_frame()
    return publisher


def test_first_picture(whep: Server) -> None:
    """All since the last keyframe comes at once, within 300 ms, and then what is live."""
    with publisher_in_the_middle(40, 50, parts=6) as publisher:
        with Viewer(offer=Offer(extensions=[PLAYOUT_DELAY])) as viewer:
            viewer.wait_connected()
            wait_until(lambda: len(viewer.video.frames()) == 41, "the start", 3)
            burst = len(viewer.video.packets)
            assert viewer.video.times[-1] - viewer.video.times[0] < 0.4 * PATIENCE
            publisher.send_frame()
            wait_until(lambda: len(viewer.video.frames()) == 42, "a live frame")
        video = viewer.video
        assert video.packets[0].payload[0] & 0x1F == STAP_A
        assert video.parts()[0].is_keyframe and video.parts()[0].part == 0
        assert_whole(video)
        assert not video.missing()
        assert video.numbers[0] < 1 << 14, "its rollover counter may come to 1 too early"
        steps = [b - a & 0xFFFFFFFF for a, b in zip(video.frames(), video.frames()[1:])]
        assert set(steps) == {3600}, "their own timestamps"
        assert set(video.extensions[:burst]) == {NO_DELAY}
        assert set(video.extensions[burst:]) == {b""}


def test_sound_starts_live(whep: Server) -> None:
    """In the start it would make a browser's buffer long."""
    with publisher_in_the_middle(40, 50, sdp=H264_SDP + OPUS_SDP,
                                 payload_types=(96, 97)) as publisher, Viewer() as viewer:
        viewer.wait_connected()
        wait_until(lambda: len(viewer.video.frames()) == 41, "the start", 3)
        assert viewer.audio.packets == []
        publisher.send_frame()
        wait_until(lambda: viewer.audio.packets, "sound")
        assert len(viewer.audio.packets) == 1


@pytest.mark.parametrize("settings", ["gopCache: 'no'\n", "gopCacheMaxSize: 64K\n"])
def test_start_without_a_cache(millrace: Servers, settings: str) -> None:
    """Then it is with the next keyframe."""
    millrace(settings + DEFAULT_SETTINGS, wait=STARTED)
    with publisher_in_the_middle(40, 50, parts=6) as publisher, Viewer() as viewer:
        viewer.wait_connected()
        while not viewer.video.packets:
            assert publisher.video.frame < 120
            publisher.send_frame()
            time.sleep(0.005)
        wait_until(lambda: viewer.video.parts(), "a packet")
        first = viewer.video.parts()[0]
        assert (first.frame, first.part, first.is_keyframe) == (100, 0, True)


def test_parameter_sets_before_each_keyframe(whep: Server) -> None:
    with Publisher("cam", keyframe_every=10), Viewer() as viewer:
        viewer.wait_connected().wait_frames(35)
        packets = viewer.video.packets
        starts = [i for i, packet in enumerate(packets) if packet.payload[0] & 0x1F == STAP_A]
        assert len(starts) >= 3
        for i in starts:
            sps_length = int.from_bytes(packets[i].payload[1:3], "big")
            assert packets[i].payload[3] & 0x1F == 7
            assert packets[i].payload[5 + sps_length] & 0x1F == 8
            assert packets[i].timestamp == packets[i + 1].timestamp and not packets[i].marker
        assert_whole(viewer.video)


def test_sender_reports(millrace: Servers) -> None:
    """The first comes with the first packets; all speak of one clock."""
    millrace("rtcpReportPeriod: 500ms\n" + DEFAULT_SETTINGS, wait=STARTED)
    with (Publisher("cam", H264_SDP + OPUS_SDP, payload_types=(96, 97), interval=0.04),
          Viewer() as viewer):
        viewer.wait_connected()
        wait_until(lambda: len(viewer.reports) >= 4, "reports")
        assert viewer.reports[0][0] - viewer.video.times[0] < 1 * PATIENCE
        senders = set()
        clocks: dict[int, list[float]] = {}
        for _, report in viewer.reports:
            while len(report) >= 28:
                end = 4 + 4 * int.from_bytes(report[2:4], "big")
                if report[1] == SENDER_REPORT:
                    ssrc, ntp, ticks, packets, _ = struct.unpack_from("!IQIII", report, 4)
                    rate = 90000 if ssrc == viewer.video.ssrc else 48000
                    clocks.setdefault(ssrc, []).append(ntp / 2**32 - ticks / rate)
                    senders.add(ssrc)
                    assert packets > 0
                report = report[end:]
        assert senders <= {viewer.video.ssrc, viewer.audio.ssrc} and viewer.video.ssrc in senders
        offsets = [offset % (2**32 / 90000) for offset in clocks[viewer.video.ssrc]]
        assert max(offsets) - min(offsets) < 0.05 * PATIENCE


VIDEO = {
    "VP8": ["libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k"],
    "VP9": ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-strict",
            "experimental"],
    "H265": ["libx265", "-preset", "ultrafast", "-x265-params", "bframes=0:log-level=none"],
}
AUDIO = {
    "G722": ["g722", "-ar", "16000", "-ac", "1"],
    "G711 (PCMU)": ["pcm_mulaw", "-ar", "8000", "-ac", "1"],
    "G711 (PCMA)": ["pcm_alaw", "-ar", "8000", "-ac", "1"],
    "LPCM": ["pcm_s16be", "-ar", "48000", "-ac", "2"],
}
EVERYTHING = Offer(video=[("VP8/90000", ""), ("VP9/90000", "profile-id=0"),
                          ("H265/90000", "level-id=93"), H264],
                   audio=[OPUS, ("G722/8000", ""), ("PCMU/8000", ""), ("PCMA/8000", ""),
                          ("L16/48000/2", "")])
PAYLOAD_TYPES = {"VP8": 96, "VP9": 97, "H265": 98, "G722": 113, "G711 (PCMU)": 114,
                 "G711 (PCMA)": 115, "LPCM": 116}


@pytest.mark.parametrize("name", [*VIDEO, *AUDIO])
def test_codecs(whep: Server, name: str) -> None:
    if name in VIDEO:
        source = ["testsrc2=size=320x180:rate=25", "-c:v", *VIDEO[name], "-g", "25", "-pix_fmt",
                  "yuv420p"]
    else:
        source = ["sine=440", "-c:a", *AUDIO[name]]
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", *source,
               "-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://127.0.0.1:8554/cam"]
    with subprocess.Popen(command, preexec_fn=die_with_parent) as publisher:
        whep.wait_log("stream is available", 20)
        with Viewer(offer=EVERYTHING) as viewer:
            viewer.wait_connected()
            track = viewer.video if name in VIDEO else viewer.audio
            wait_until(lambda: len(track.packets) >= 30, "media", 10)
            assert {packet.payload_type for packet in track.packets} == {PAYLOAD_TYPES[name]}
            assert not track.missing()
            assert max(len(packet.payload) for packet in track.packets) <= 1156
            whep.wait_log(rf"is reading from path 'cam', 1 track \({name.split(' ')[0]}\)")
        publisher.kill()
