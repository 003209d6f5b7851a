#!/usr/bin/env python3
"""Takes Opus packets out of an Ogg file (RFC 3533, RFC 7845).

usage: ogg_to_packets.py FILE FIRST COUNT > clip.opus

Skips the two header packets and FIRST more, and writes COUNT packets, each behind its length in
16 bits, big-endian. Every packet must be of 20 ms, in one frame.
"""
import struct
import sys

FRAMES_OF_20_MS = {1, 5, 9, 13, 15, 19, 23, 27, 31}  # configurations, RFC 6716, section 3.1


def packets(ogg):
    """The packets of the only stream in `ogg`, joined where they cross segments and pages."""
    at, packet = 0, b""
    while at < len(ogg):
        if ogg[at:at + 4] != b"OggS":
            sys.exit(f"no page at byte {at}")
        lacing = ogg[at + 27:at + 27 + ogg[at + 26]]
        at += 27 + len(lacing)
        for size in lacing:
            packet += ogg[at:at + size]
            at += size
            if size < 255:
                yield packet
                packet = b""


def main():
    path, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(path, "rb") as file:
        found = list(packets(file.read()))
    if found[0][:8] != b"OpusHead" or found[1][:8] != b"OpusTags":
        sys.exit("not Opus in Ogg")
    chosen = found[2 + first:2 + first + count]
    if len(chosen) != count:
        sys.exit(f"only {len(found) - 2} packets")
    for packet in chosen:
        if packet[0] >> 3 not in FRAMES_OF_20_MS or packet[0] & 3 != 0:
            sys.exit("a packet is not one frame of 20 ms")
        sys.stdout.buffer.write(struct.pack(">H", len(packet)) + packet)


main()
