"""`source: demo`: a clip without an end, for as long as somebody reads it."""

from __future__ import annotations

import pytest

from harness.rtp import Packet
from harness.rtsp import Rtsp
from harness.server import Servers

SETTINGS = """
paths:
  demo:
    source: demo
    sourceOnDemandCloseAfter: 300ms
"""
VIDEO, AUDIO = 0, 2  # interleaved channels
PICTURES, PICTURE_TICKS, PACKET_TICKS = 150, 3600, 960
REPEATED = 20  # packets: pictures of the first round that the second shows again


@pytest.mark.limit(60)
def test_the_clip_is_looped_without_a_seam(millrace: Servers) -> None:
    millrace(SETTINGS)
    last: dict[int, Packet] = {}
    pictures = 0
    payloads: list[bytes] = []
    with Rtsp() as reader:
        reader.play("demo", tracks=2)
        while pictures < PICTURES + 10:
            frame = reader.read_frame()
            if frame.channel not in (VIDEO, AUDIO):
                continue
            packet = Packet.parse(frame.payload)
            before = last.get(frame.channel)
            if before:
                assert packet.sequence == (before.sequence + 1) & 0xFFFF
                step = (packet.timestamp - before.timestamp) & 0xFFFFFFFF
                if frame.channel == AUDIO:
                    assert step == PACKET_TICKS
                else:
                    assert step == (PICTURE_TICKS if before.marker else 0)
            if frame.channel == VIDEO:
                pictures += packet.marker
                payloads.append(packet.payload)
            last[frame.channel] = packet
    assert len(payloads) - len(set(payloads)) >= REPEATED


def test_it_runs_only_while_somebody_reads(millrace: Servers) -> None:
    server = millrace(SETTINGS)
    with Rtsp() as reader:
        reader.play("demo")
        reader.read_frame(VIDEO)
    server.wait_log(r"\[path demo\] source stopped: not needed by anyone", 10)
    with Rtsp() as reader:
        reader.play("demo")
        reader.read_frame(VIDEO)
