"""AV1, by hand at both ends: nothing on the machine puts it into RTP. `test_browser` plays it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.av1 import (NEW_SEQUENCE, PACKET_BYTES, SEQUENCE_HEADER, Av1Publisher, join,
                         make_av1_clip, packetise, type_of)
from harness.patience import wait_until
from harness.rtp import Packet
from harness.server import Server
from harness.viewer import Viewer
from harness.whep import Offer

OFFER = Offer(video=[("AV1/90000", "level-idx=5;profile=0;tier=0")])
MAX_PAYLOAD = 1156
PICTURES = 60


@pytest.mark.parametrize("rest", range(-6, 7))
def test_what_is_cut_is_joined_again(rest: int) -> None:
    """Where an OBU ends near the end of a packet, alone and behind others."""
    header = bytes([SEQUENCE_HEADER << 3])
    for sizes in ([1], [PACKET_BYTES + rest], [9, PACKET_BYTES + rest], [9] * 5 + [1300 + rest] * 5,
                  [690 + rest // 2, 690, 1], [3 * PACKET_BYTES + rest, 1]):
        unit = [header + bytes([i]) * size for i, size in enumerate(sizes)]
        payloads = packetise(unit)
        assert max(map(len, payloads)) <= PACKET_BYTES
        packets = [Packet(96, payload is payloads[-1], i, 0, 1, payload)
                   for i, payload in enumerate(payloads)]
        assert join(packets) == [unit]


def test_pictures_arrive_whole(server: Server, media: Path) -> None:
    """Larger packets than a viewer is sent are cut anew; every OBU is there, bit for bit."""
    clip = make_av1_clip(media)
    assert max(len(payload) for unit in clip for payload in packetise(unit)) > MAX_PAYLOAD
    with Av1Publisher("cam", clip), Viewer(offer=OFFER) as viewer:
        viewer.wait_connected()
        wait_until(lambda: len(viewer.video.frames()) >= PICTURES, "pictures", 10)
        server.wait_log(r"is reading from path 'cam', 1 track \(AV1\)")
        packets = list(viewer.video.packets)
        assert not viewer.video.missing()
    assert max(len(packet.payload) for packet in packets) <= MAX_PAYLOAD
    assert packets[0].payload[0] & NEW_SEQUENCE
    got = join(packets)
    assert type_of(got[0][0]) == SEQUENCE_HEADER
    starts = [at for at in range(len(clip)) if clip[at] == got[0]]
    endless = clip * (len(got) // len(clip) + 2)
    assert any(endless[at:at + len(got)] == got for at in starts)
    server.stop()
