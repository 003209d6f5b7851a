"""RTP packets for tests that need to know every byte: H264 frames with a number in each packet."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

FU_A_KEYFRAME = bytes([0x7C])  # nal_ref_idc 3, type 28
FU_A_OTHER = bytes([0x5C])
IDR, NON_IDR = 5, 1
TAG = struct.Struct("!IHH")  # frame number, packet of the frame, packets of the frame


class Packet(NamedTuple):
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        assert first == 0x80, f"not a plain RTP header: {data[:12].hex()}"
        return cls(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[12:])

    def build(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        return struct.pack("!BBHII", 0x80, second, self.sequence & 0xFFFF,
                           self.timestamp & 0xFFFFFFFF, self.ssrc) + self.payload


class FramePart(NamedTuple):
    """What a packet of H264Writer says about itself."""

    frame: int
    part: int
    parts: int
    is_keyframe: bool

    @classmethod
    def of(cls, payload: bytes) -> FramePart:
        frame, part, parts = TAG.unpack_from(payload, 2)
        return cls(frame, part, parts, payload[1] & 0x1F == IDR)


@dataclass
class H264Writer:
    """Makes frames of FU-A packets. Nothing can decode them, but a server forwards them."""

    payload_type: int = 96
    ssrc: int = 0x11223344
    sequence: int = 65000  # wraps early in every test
    timestamp: int = 0xFFFF0000
    ticks: int = 3600
    packet_bytes: int = 1000
    frame: int = 0

    def write(self, parts: int, is_keyframe: bool) -> list[bytes]:
        """The packets of the next frame; a frame has at least two."""
        assert parts >= 2
        packets = []
        for part in range(parts):
            last = part == parts - 1
            header = (0x80 if part == 0 else 0) | (0x40 if last else 0)
            header |= IDR if is_keyframe else NON_IDR
            payload = (FU_A_KEYFRAME if is_keyframe else FU_A_OTHER) + bytes([header])
            payload += TAG.pack(self.frame, part, parts)
            payload = payload.ljust(self.packet_bytes, b"\x55")
            packets.append(Packet(self.payload_type, last, self.sequence, self.timestamp,
                                  self.ssrc, payload).build())
            self.sequence = (self.sequence + 1) & 0xFFFF
        self.frame += 1
        self.timestamp = (self.timestamp + self.ticks) & 0xFFFFFFFF
        return packets


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int = 0, octets: int = 0) -> bytes:
    """An RTCP sender report without blocks (RFC 3550, 6.4.1)."""
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp, timestamp, packets, octets)
