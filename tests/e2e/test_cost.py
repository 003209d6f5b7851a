"""Speed guarded without a clock: what a delivered packet costs in exact counts.

Times say little on a busy machine; that no packet is allocated for, and that a frame goes to a
reader by one system call, are facts that a change either keeps or breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.cost import CallCounter, Calls
from harness.patience import PATIENCE
from harness.publisher import Publisher
from harness.rtsp import Rtsp
from harness.server import Servers
from harness.udp import UdpRtsp

READERS = 20
PARTS = 14  # packets a frame, as of 4 Mbit/s and 25 frames a second
FRAMES = 250

pytestmark = pytest.mark.skipif(PATIENCE > 1, reason="sanitizers bring an allocator of their own")


class Load:
    """One publisher and some readers, in step: a frame is sent when all have read the last."""

    def __init__(self, stack: ExitStack, readers: int, client: type[Rtsp] = Rtsp) -> None:
        self.publisher = stack.enter_context(Publisher("cam", parts=PARTS, start=False,
                                                       client=client))
        self.readers = [stack.enter_context(client()) for _ in range(readers)]
        for reader in self.readers:
            reader.play("cam")

    def run(self, frames: int) -> None:
        for _ in range(frames):
            self.publisher.send_frame()
            for reader in self.readers:
                for _ in range(PARTS):
                    reader.read_frame(0)


@pytest.fixture
def counter(folder: Path) -> CallCounter:
    return CallCounter(folder)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def count_load(millrace: Servers, counter: CallCounter, stack: ExitStack, settings: str,
               client: type[Rtsp] = Rtsp) -> Calls:
    millrace(settings, env=counter.env)
    load = Load(stack, READERS, client)
    load.run(50)  # pools and caches fill
    before = counter.read()
    load.run(FRAMES)
    return counter.read().since(before)


SETTINGS = "workers: 1\nrtcpReportPeriod: 1h\npaths:\n  all_others:\n"


def test_the_counter_counts(millrace: Servers, counter: CallCounter) -> None:
    millrace(SETTINGS, env=counter.env)
    started = counter.read()
    assert started.allocations > 0 and started.waits > 0
    with Rtsp() as client:
        client.expect(200, "OPTIONS", "cam")
    did = counter.read().since(started)
    assert did.receives > 0 and did.sends > 0


@pytest.mark.parametrize("client", (Rtsp, UdpRtsp))
def test_no_allocation_for_a_packet(millrace: Servers, counter: CallCounter, stack: ExitStack,
                                    client: type[Rtsp]) -> None:
    did = count_load(millrace, counter, stack, SETTINGS, client)
    assert did.allocations < FRAMES / 10, f"{did} for {FRAMES} frames"


def test_one_send_a_frame_and_reader(millrace: Servers, counter: CallCounter,
                                     stack: ExitStack) -> None:
    did = count_load(millrace, counter, stack, SETTINGS)
    assert did.sends <= FRAMES * READERS * 1.02, f"{did}"
    # A frame arrives by one write; it is looked for once more, and may cross the end of a slab.
    assert did.receives <= FRAMES * 3, f"{did}"
    assert did.waits <= FRAMES * 3, f"{did}"
    assert did.controls <= FRAMES / 10, f"{did}"
    delivered = FRAMES * PARTS * READERS
    assert did.system_calls / delivered < 0.1, f"{did}"


def test_one_send_a_frame_for_all_udp_readers(millrace: Servers, counter: CallCounter,
                                              stack: ExitStack) -> None:
    """Where a frame comes in one turn; the publisher's datagrams may come in several."""
    did = count_load(millrace, counter, stack, SETTINGS, UdpRtsp)
    assert did.sends <= FRAMES * PARTS * 0.8, f"{did}"
    assert did.allocations < FRAMES / 10, f"{did}"
    delivered = FRAMES * PARTS * READERS
    assert did.system_calls / delivered < 0.1, f"{did}"


def test_no_byte_of_a_packet_is_copied(millrace: Servers, stack: ExitStack) -> None:
    """Whole frames come in and go out from where they were received; the server's own count."""
    server = millrace("logLevel: debug\n" + SETTINGS)
    load = Load(stack, 3)
    load.run(FRAMES)
    stack.close()
    counters = next(line for line in server.stop() if " counters: " in line)
    numbers = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", counters)}
    assert numbers["inboundRTPPackets"] >= FRAMES * PARTS
    assert numbers["outboundRTPPackets"] >= FRAMES * PARTS * 3
    assert numbers["copiedBytes"] <= numbers["inboundRTPPackets"], counters
