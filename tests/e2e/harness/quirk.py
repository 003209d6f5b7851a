"""What cameras and players do that no RFC foresees, each as one file of data.

A file begins with remarks (`# `) that say what it is and who does it. Sections follow, in the order
in which they happen; each may be left out but for the first two:

    == announce     the SDP, line by line
    == setup        the URL of each track behind that of the path; without it: trackID=0, 1, ...
    == sent         packets of the publisher, one a line, and when: MS CHANNEL KIND ...
                      rtp SEQUENCE TIMESTAMP SSRC [m] PAYLOAD     `m`: with the marker
                      raw BYTES                                   without an interleaved header
                      rtcp BYTES
    == read         what a reader gets, RTP only: CHANNEL SEQUENCE TIMESTAMP [m] PAYLOAD
    == described    lines that the stream's description has by then

Bytes are hexadecimal; `*N` pads them with 55 to N bytes. A timestamp that is read may be a range,
LOW..HIGH. A line with `xN` in front stands for N packets with sequence numbers one behind the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.rtp import Packet

FILLER = b"\x55"
PAYLOAD_TYPE = 96  # of the first track; others follow


class Sent(NamedTuple):
    at_ms: int
    data: bytes  # as it goes out


class Read(NamedTuple):
    channel: int
    sequence: int
    timestamps: range
    marker: bool
    payload: bytes

    def describe(self) -> str:
        times = self.timestamps
        when = f"{times.start}" if len(times) == 1 else f"{times.start}..{times.stop - 1}"
        return (f"{self.channel} {self.sequence} {when} {'m' if self.marker else '-'} "
                f"{self.payload[:8].hex()}, {len(self.payload)} bytes")

    def matches(self, channel: int, packet: Packet) -> bool:
        return (channel == self.channel and packet.sequence == self.sequence
                and packet.timestamp in self.timestamps and packet.marker == self.marker
                and packet.payload == self.payload)


@dataclass
class Quirk:
    sdp: str
    urls: list[str]
    sent: list[Sent] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)
    described: list[str] = field(default_factory=list)


def parse_quirk(text: str) -> Quirk:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            lines = sections.setdefault(line[3:].strip(), [])
        elif not line.startswith("# "):
            lines.append(line)
    unknown = sections.keys() - {"announce", "setup", "sent", "read", "described"}
    assert not unknown, f"no such section: {unknown}"
    sdp = "\r\n".join(line for line in sections["announce"] if line) + "\r\n"
    tracks = len(re.findall(r"^m=", sdp, re.M))
    return Quirk(sdp, words(sections, "setup") or [f"trackID={i}" for i in range(tracks)],
                 [sent for line in words(sections, "sent") for sent in parse_sent(line)],
                 [read for line in words(sections, "read") for read in parse_read(line)],
                 words(sections, "described"))


def words(sections: dict[str, list[str]], name: str) -> list[str]:
    return [line.strip() for line in sections.get(name, []) if line.strip()]


def parse_bytes(tokens: list[str]) -> bytes:
    data = bytes.fromhex("".join(token for token in tokens if not token.startswith("*")))
    pads = [int(token[1:]) for token in tokens if token.startswith("*")]
    return data.ljust(pads[0], FILLER) if pads else data


def take_count(tokens: list[str]) -> int:
    return int(tokens.pop(0)[1:]) if tokens[0].startswith("x") else 1


def take_marker(tokens: list[str]) -> bool:
    if tokens[0] != "m":
        return False
    tokens.pop(0)
    return True


def interleave(channel: int, data: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data


def parse_sent(line: str) -> Iterator[Sent]:
    tokens = line.split()
    count = take_count(tokens)
    at_ms, channel, kind = int(tokens[0]), int(tokens[1]), tokens[2]
    if kind != "rtp":
        assert kind in ("raw", "rtcp"), line
        data = parse_bytes(tokens[3:])
        yield Sent(at_ms, data if kind == "raw" else interleave(channel, data))
        return
    sequence, timestamp, ssrc = (int(token, 0) for token in tokens[3:6])
    rest = tokens[6:]
    marker = take_marker(rest)
    for i in range(count):
        packet = Packet(PAYLOAD_TYPE + channel // 2, marker, sequence + i, timestamp, ssrc,
                        parse_bytes(rest))
        yield Sent(at_ms, interleave(channel, packet.build()))


def parse_read(line: str) -> Iterator[Read]:
    tokens = line.split()
    count = take_count(tokens)
    low, _, high = tokens[2].partition("..")
    rest = tokens[3:]
    marker = take_marker(rest)
    for i in range(count):
        yield Read(int(tokens[0]), int(tokens[1]) + i, range(int(low), int(high or low) + 1),
                   marker, parse_bytes(rest))
