"""AV1 in RTP, which ffmpeg can't yet: a clip as OBUs, cut into packets and put together again.

"RTP Payload Format for AV1", version 1.0; sections are of that.
"""

from __future__ import annotations

import fcntl
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.media import ffmpeg
from harness.publisher import Publisher
from harness.rtp import Packet

# Section 4.4: the aggregation header.
CONTINUES, GOES_ON, NEW_SEQUENCE = 0x80, 0x40, 0x08
COUNT_SHIFT, COUNT_MASK = 4, 3
HAS_EXTENSION, HAS_SIZE = 0x04, 0x02  # in an OBU's header
SEQUENCE_HEADER, TEMPORAL_DELIMITER = 1, 2
LENGTH_BYTES = 2  # of a length in front of an OBU, at most
PACKET_BYTES = 1400  # more than a viewer is sent
TICKS = 3600

SDP = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=No Name\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 AV1/90000\r
a=fmtp:96 profile=0;level-idx=5;tier=0\r
a=control:trackID=0\r
"""

Unit = list[bytes]  # the OBUs of one picture, without their lengths


def make_av1_clip(media: Path, seconds: int = 3) -> list[Unit]:
    """Of 320 x 180 and 25 pictures a second; encoded once a run."""
    clip = media / f"av1-{seconds}.ivf"
    with (media / "av1.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not clip.exists():
            draft = clip.with_suffix(".draft.ivf")
            ffmpeg(media, f"make-{clip.name}", "-f", "lavfi", "-i",
                   f"testsrc2=size=320x180:rate=25:duration={seconds}", "-pix_fmt", "yuv420p",
                   "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames",
                   "0", "-g", "25", "-b:v", "500k", draft).wait(120)
            draft.rename(clip)
    return [list(split_obus(unit)) for unit in read_ivf(clip.read_bytes())]


def read_ivf(data: bytes) -> Iterator[bytes]:
    """The frames of the file: temporal units, with their OBUs' lengths."""
    (at,) = struct.unpack_from("<H", data, 6)
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield data[at + 12:at + 12 + length]
        at += 12 + length


def split_obus(unit: bytes) -> Iterator[bytes]:
    """Without lengths and delimiters, as they are sent (section 5)."""
    while unit:
        header = 2 if unit[0] & HAS_EXTENSION else 1
        length, used = read_leb128(unit[header:])
        end = header + used + length
        if type_of(unit) != TEMPORAL_DELIMITER:
            yield bytes([unit[0] & ~HAS_SIZE]) + unit[1:header] + unit[header + used:end]
        unit = unit[end:]


def type_of(obu: bytes) -> int:
    return obu[0] >> 3 & 15


def read_leb128(data: bytes) -> tuple[int, int]:
    """The number, and how many bytes it takes."""
    value = 0
    for i, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * i)
        if not byte & 0x80:
            return value, i + 1
    raise ValueError("a number was cut short")


def write_leb128(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def packetise(unit: Unit) -> list[bytes]:
    """The payloads of one unit. Where a packet is full an OBU goes on in the next one."""
    payloads: list[bytes] = []
    elements: list[bytes] = []
    flags = NEW_SEQUENCE if type_of(unit[0]) == SEQUENCE_HEADER else 0

    def room() -> int:
        used = sum(LENGTH_BYTES + len(element) for element in elements)
        return PACKET_BYTES - 1 - used - LENGTH_BYTES

    def end_packet(more: int) -> None:
        nonlocal flags
        payloads.append(build_payload(elements, flags | more))
        elements.clear()
        flags = CONTINUES if more else 0

    for obu in unit:
        if room() < 1:
            end_packet(0)
        while len(obu) > (size := room()):
            elements.append(obu[:size])
            obu = obu[size:]
            end_packet(GOES_ON)
        elements.append(obu)
    end_packet(0)
    return payloads


def build_payload(elements: Sequence[bytes], flags: int) -> bytes:
    """Up to three OBUs are counted, and then the last one needs no length."""
    count = len(elements) if len(elements) <= COUNT_MASK else 0
    parts = [write_leb128(len(element)) + element for element in elements]
    if count:
        parts[-1] = elements[-1]
    return bytes([flags | count << COUNT_SHIFT]) + b"".join(parts)


def elements_of(payload: bytes) -> list[bytes]:
    elements: list[bytes] = []
    count = payload[0] >> COUNT_SHIFT & COUNT_MASK
    rest = payload[1:]
    while rest:
        length, used = len(rest), 0
        if len(elements) + 1 != count:
            length, used = read_leb128(rest)
        assert length <= len(rest) - used, "an OBU is longer than its packet"
        elements.append(rest[used:used + length])
        rest = rest[used + length:]
    assert count in (0, len(elements)), f"{len(elements)} OBUs, said to be {count}"
    return elements


def join(packets: Sequence[Packet]) -> list[Unit]:
    """The whole units in a row of packets that begins with one."""
    units: list[Unit] = []
    unit: Unit = []
    goes_on = False
    for packet in packets:
        header, elements = packet.payload[0], elements_of(packet.payload)
        assert bool(header & CONTINUES) == goes_on, "a part of an OBU stands alone"
        if goes_on:
            unit[-1] += elements.pop(0)
        unit += elements
        goes_on = bool(header & GOES_ON)
        if packet.marker:
            assert not goes_on, "a picture ends within an OBU"
            units.append(unit)
            unit = []
    return units


class Av1Publisher(Publisher):
    """Shows a clip again and again."""

    def __init__(self, path: str, clip: list[Unit]) -> None:
        self.clip = clip
        self.frame = 0
        self.sequence = 65000
        super().__init__(path, SDP, interval=TICKS / 90000)

    def send_frame(self) -> None:
        payloads = packetise(self.clip[self.frame % len(self.clip)])
        packets = []
        for payload in payloads:
            is_last = payload is payloads[-1]
            packets.append(Packet(96, is_last, self.sequence, TICKS * self.frame, 0x11223344,
                                  payload).build())
            self.sequence += 1
        self.rtsp.send_frame(0, *packets)
        self.frame += 1
