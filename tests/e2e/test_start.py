"""Where a reader's stream begins: with the next packet, or with the last keyframe."""

from __future__ import annotations

import subprocess

import pytest

from harness.patience import patience

from harness.publisher import Publisher
from harness.rtp import FramePart, Packet
from harness.rtsp import Rtsp
from harness.server import Servers

PATHS = "paths:\n  all_others:\n"


def first_packet(reader: Rtsp) -> Packet:
    return Packet.parse(reader.read_frame(0).payload)


def publish_frames(publisher: Publisher, count: int) -> None:
    """Sends frames, and knows that the server has handled them when it answers what follows."""
    for _ in range(count):
        publisher.send_frame()
    publisher.rtsp.expect(200, "OPTIONS", "cam")


@pytest.mark.parametrize("workers", ["workers: 1\n", "workers: 2\nspreadReaders: yes\n",
                                     "writeQueueSize: 2\n"],
                         ids=["one-worker", "other-worker", "more-than-the-queue"])
def test_gop_cache_starts_with_the_keyframe(millrace: Servers, workers: str) -> None:
    millrace(f"gopCache: all\n{workers}{PATHS}")
    with Publisher("cam", start=False, keyframe_every=10) as publisher:
        publish_frames(publisher, 14)  # frames 0..14: keyframes 0 and 10
        for _ in range(3):  # on either worker
            with Rtsp() as reader:
                info = reader.play("cam").get("RTP-Info") or ""
                first = first_packet(reader)
                part = FramePart.of(first.payload)
                assert part == FramePart(10, 0, 2, True)
                assert info.endswith(f"seq={first.sequence};rtptime={first.timestamp}")
                for frame in range(10, 15):
                    for index in range(2):
                        if (frame, index) != (10, 0):
                            part = FramePart.of(first_packet(reader).payload)
                            assert (part.frame, part.part) == (frame, index)


def test_without_it_the_next_packet_is_the_first(millrace: Servers) -> None:
    millrace(PATHS)
    with Publisher("cam", start=False, keyframe_every=10) as publisher, Rtsp() as reader:
        publish_frames(publisher, 14)
        reader.play("cam")
        publisher.send_frame()
        assert FramePart.of(first_packet(reader).payload).frame == 15


def test_a_gop_that_does_not_fit_is_not_kept_at_all(millrace: Servers) -> None:
    millrace(f"gopCache: all\ngopCacheMaxSize: 64K\n{PATHS}")
    with (Publisher("cam", start=False, keyframe_every=60, parts=10) as publisher,
          Rtsp() as reader):
        publish_frames(publisher, 14)  # 150 kB
        reader.play("cam")
        publisher.send_frame()
        assert FramePart.of(first_packet(reader).payload) == FramePart(15, 0, 10, False)


def test_sender_reports_come_before_the_first_packet(millrace: Servers) -> None:
    millrace(PATHS)
    with Publisher("cam", start=False) as publisher, Rtsp() as reader:
        publish_frames(publisher, 3)
        reader.play("cam")
        publisher.send_frame()
        frame = reader.read_frame()
        assert (frame.channel, frame.payload[1]) == (1, 200)
        assert reader.read_frame().channel == 0


@pytest.mark.parametrize("readers", [1, 5])
def test_readers_on_another_worker_get_everything(millrace: Servers, readers: int) -> None:
    millrace(f"workers: 2\nspreadReaders: yes\n{PATHS}")
    clients = [Rtsp() for _ in range(readers)]
    with Publisher("cam", start=False, parts=3) as publisher:
        for client in clients:
            client.play("cam")
        first = publisher.video.frame
        for number in range(200):
            publisher.send_frame()
            for client in clients:
                parts = [FramePart.of(first_packet(client).payload) for _ in range(3)]
                assert parts == [FramePart(first + number, i, 3, parts[0].is_keyframe)
                                 for i in range(3)]
    for client in clients:
        assert client.is_closed()
        client.close()


def test_a_client_that_wants_udp_first_falls_back(millrace: Servers) -> None:
    """As typed by everybody: no options."""
    millrace("paths:\n  demo:\n    source: demo\n")
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of",
                           "csv=p=0", "rtsp://127.0.0.1:8554/demo"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=patience(30))
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["h264", "opus"]
