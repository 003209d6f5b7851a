"""A reader that does not keep up loses whole frames, and nobody else loses anything."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.media import URL
from harness.patience import PATIENCE, patience
from harness.publisher import Publisher
from harness.rtp import FramePart, Packet
from harness.rtsp import Rtsp
from harness.server import DEFAULT_SETTINGS, Servers
from harness.udp import UdpRtsp

PARTS = 10  # packets a frame
FRAMES = 600
LIMITS = {
    "frames": "writeQueueSize: 16\n",
    "bytes": "readerQueueMaxSize: 512K\nwriteQueueSize: 4096\n",
    "time": "readerQueueMaxTime: 200ms\nwriteQueueSize: 4096\n",
}


def parts_of(reader: Rtsp, until_frame: int) -> Iterator[FramePart]:
    while True:
        part = FramePart.of(Packet.parse(reader.read_frame(0).payload).payload)
        yield part
        if part.frame >= until_frame and part.part == part.parts - 1:
            return


@pytest.mark.parametrize("limit", LIMITS)
def test_stalled_reader_beside_healthy_ones(millrace: Servers, limit: str) -> None:
    server = millrace(LIMITS[limit] + "paths:\n  all_others:\n")
    with (Publisher("cam", parts=PARTS, start=False, keyframe_every=20) as publisher,
          Rtsp(receive_buffer=8192) as stalled, Rtsp() as healthy, Rtsp() as other):
        for reader in (stalled, healthy, other):
            reader.play("cam")
        first = publisher.video.frame
        expected = first
        for number in range(FRAMES):
            publisher.send_frame()
            for reader in (healthy, other):
                for part in range(PARTS):
                    got = next(parts_of(reader, 0))
                    assert (got.frame, got.part) == (expected, part)
            expected += 1
            if limit == "time" and number % 10 == 0:
                time.sleep(0.01)
        server.wait_log(r"\[session .*reader is too slow, discarding \d+ frames")
        assert server.count_log("reader is too slow") < 20, "once a while, not for each frame"
        check_what_the_stalled_one_gets(publisher, stalled, first)
    server.stop()


def check_what_the_stalled_one_gets(publisher: Publisher, stalled: Rtsp, first: int) -> None:
    """It wakes up and reads: whole frames only, and after a gap a keyframe comes first."""
    deadline = time.monotonic() + patience(10)
    seen = []
    expected_frame, expected_part = first, 0
    caught_up = publisher.video.frame
    while time.monotonic() < deadline:
        publisher.send_frame()
        for part in parts_of(stalled, 0):
            pass_gap = part.frame != expected_frame
            if pass_gap:
                assert expected_part == 0, f"frame {expected_frame} was cut short"
                assert part.is_keyframe, f"frame {part.frame} comes after a gap"
            assert part.part == (0 if pass_gap else expected_part)
            expected_frame = part.frame + (part.part == PARTS - 1)
            expected_part = (part.part + 1) % PARTS
            seen.append(part.frame)
            if expected_part == 0:
                break
        if seen[-1] >= caught_up:
            break
    assert seen[-1] >= caught_up, "it never caught up"
    assert len(set(seen)) < FRAMES, "nothing was dropped: the test is too weak"


def test_memory_of_a_stalled_reader_is_bounded(millrace: Servers) -> None:
    server = millrace("readerQueueMaxSize: 1M\nwriteQueueSize: 65536\npaths:\n  all_others:\n")
    with (Publisher("cam", parts=PARTS, start=False) as publisher,
          Rtsp(receive_buffer=8192) as stalled, Rtsp() as healthy):
        stalled.play("cam")
        healthy.play("cam")
        highest = []
        for _ in range(4):
            for _ in range(500):
                publisher.send_frame()
                for _ in range(PARTS):
                    healthy.read_frame(0)
            highest.append(server.rss())
        assert highest[-1] - highest[0] < 2 << 20, f"grows: {highest}"


def delay_p99_ms(millrace_bin: Path) -> float:
    """Of 64 readers of one stream; not one of them loses anything."""
    done = subprocess.run([millrace_bin, "load", "--json", "--url", f"{URL}/cam", "--streams", "1",
                           "--readers", "64", "--duration", "2s"], capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["delivered"]["readers"] == 64, report["notes"]
    assert not any(report["lost"][what] for what in ("packets_lost", "frames_lost")), report["lost"]
    return float(report["times"]["delay_p99_ms"])


def test_healthy_readers_beside_a_stalled_one_and_one_that_has_gone(
        millrace: Servers, millrace_bin: Path) -> None:
    """One takes nothing from its connection, one's UDP ports are closed."""
    server = millrace(DEFAULT_SETTINGS)
    alone = delay_p99_ms(millrace_bin)
    memory = server.rss()
    with (Publisher("other", parts=PARTS, interval=0.005), Rtsp(receive_buffer=8192) as stalled,
          UdpRtsp() as gone):
        stalled.play("other")
        gone.play("other")
        for sock in gone.sockets.values():
            sock.close()
        # whatever else the machine does meanwhile: it would have to do it three times
        assert any(delay_p99_ms(millrace_bin) < alone + 5 * PATIENCE for _ in range(3))
        server.wait_log("reader is too slow")
        assert server.rss() - memory < 32 << 20
    server.stop()
