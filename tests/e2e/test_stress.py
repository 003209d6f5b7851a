"""Publishers and readers come and go for a while on two workers, politely and otherwise.

Nothing is measured: the sanitizers watch, what arrives must be in order, and in the end nothing
may be left over.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness.patience import wait_until
from harness.publisher import H264_SDP, Publisher
from harness.rtp import FramePart, Packet
from harness.rtsp import Closed, Rtsp
from harness.server import Servers
from harness.udp import UdpRtsp

SECONDS = float(os.environ.get("STRESS_SECONDS", "30"))
PATHS = ("a", "b", "c", "d")
UDP_PATHS = ("u", "v")  # where datagrams are published: some may be lost
READERS = 8
SETTINGS = """
workers: 2
readTimeout: 2s
gopCache: all
spreadReaders: yes
readerQueueMaxSize: 1M
paths:
  all_others:
"""
LINGER_ZERO = struct.pack("ii", 1, 0)


class Actor(threading.Thread):
    """Does one thing after another, each chosen by its own seeded dice, until time is up."""

    def __init__(self, number: int, end: float) -> None:
        super().__init__(daemon=True)
        self.dice = random.Random(number)
        self.end = end
        self.turns = 0
        self.complaint: BaseException | None = None

    def run(self) -> None:
        try:
            while time.monotonic() < self.end:
                try:
                    self.act()
                    self.turns += 1
                except (OSError, Closed, Refused):
                    pass  # the others close paths and connections all the time
        except BaseException as why:
            self.complaint = why

    def act(self) -> None:
        raise NotImplementedError

    def leave(self, client: Rtsp, path: str) -> None:
        how = self.dice.choice(("teardown", "close", "reset"))
        if how == "teardown":
            client.send_request("TEARDOWN", path)
        elif how == "reset":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        client.close()


class Refused(Exception):
    """An answer that is not 200, which is no fault while paths come and go."""


class StressPublisher(Actor):
    paths: tuple[str, ...] = PATHS
    client: type[Rtsp] = Rtsp

    def act(self) -> None:
        path = self.dice.choice(self.paths)
        try:
            publisher = Publisher(path, H264_SDP, start=False, keyframe_every=10,
                                  client=self.client)
        except AssertionError as why:
            raise Refused from why
        for _ in range(self.dice.randrange(5, 100)):
            publisher.send_frame()
            time.sleep(0.005)
        self.leave(publisher.rtsp, path)


class UdpPublisher(StressPublisher):
    paths: tuple[str, ...] = UDP_PATHS
    client: type[Rtsp] = UdpRtsp


class StressReader(Actor):
    paths: tuple[str, ...] = PATHS
    client: type[Rtsp] = Rtsp
    may_lose = False

    def act(self) -> None:
        path = self.dice.choice(self.paths)
        client = self.client()
        client.request("DESCRIBE", path)
        try:
            client.play(path)
        except AssertionError as why:
            raise Refused from why
        expected: int | None = None
        for _ in range(self.dice.randrange(1, 200)):
            packet = Packet.parse(client.read_frame(0).payload)
            part = FramePart.of(packet.payload)
            is_ahead = self.may_lose and (packet.sequence - (expected or 0)) & 0xFFFF < 0x8000
            assert is_ahead or expected in (None, packet.sequence) or part.is_keyframe, \
                "out of order"
            expected = (packet.sequence + 1) & 0xFFFF
        if self.dice.random() < 0.3:
            client.request("PAUSE", path)
            client.request("PLAY", path)
        self.leave(client, path)


class UdpReader(StressReader):
    paths: tuple[str, ...] = PATHS + UDP_PATHS
    client: type[Rtsp] = UdpRtsp
    may_lose = True


@pytest.mark.stress
@pytest.mark.limit(SECONDS + 60)
def test_coming_and_going(millrace: Servers) -> None:
    server = millrace(SETTINGS)
    before = server.descriptors()
    end = time.monotonic() + SECONDS
    actors: list[Actor] = [StressPublisher(number, end) for number in range(len(PATHS))]
    actors += [StressReader(100 + number, end) for number in range(READERS)]
    actors += [UdpPublisher(200 + number, end) for number in range(len(UDP_PATHS))]
    actors += [UdpReader(300 + number, end) for number in range(READERS // 2)]
    for actor in actors:
        actor.start()
    for actor in actors:
        actor.join()
    assert not [actor.complaint for actor in actors if actor.complaint]
    assert server.is_running()
    assert all(actor.turns > 3 for actor in actors), "hardly anything happened"
    wait_until(lambda: server.descriptors() <= before, "every descriptor is closed", 10)
    with Publisher("after"), Rtsp() as reader:
        reader.play("after")
        reader.read_frame(0)
    server.stop()


class StressViewers(Actor):
    """Streams of its own and WebRTC viewers of them: a load that ends by itself, or is ended."""

    def __init__(self, number: int, end: float, program: Path) -> None:
        super().__init__(number, end)
        self.command: list[str | Path] = [
            program, "load", "--url", f"rtsp://127.0.0.1:8554/v{number}-%d",
            "--whep", "http://127.0.0.1:8889", "--streams", "2", "--readers", "3",
            "--audio", "--ramp", "100ms", "--duration", "1s", "--json"]

    def act(self) -> None:
        how = self.dice.choice((None, signal.SIGINT, signal.SIGKILL))
        with subprocess.Popen(self.command, stdout=subprocess.DEVNULL) as load:
            if how:
                try:
                    load.wait(self.dice.uniform(0.1, 3))
                except subprocess.TimeoutExpired:
                    load.send_signal(how)
            status = load.wait()
        assert how or status in (0, 2), f"exit status {status}"  # 2: late or lost under stress


@pytest.mark.stress
@pytest.mark.limit(SECONDS + 60)
def test_viewers_coming_and_going(millrace: Servers, millrace_bin: Path) -> None:
    server = millrace(SETTINGS)
    before = server.descriptors()
    end = time.monotonic() + SECONDS
    actors: list[Actor] = [StressViewers(number, end, millrace_bin) for number in range(3)]
    for actor in actors:
        actor.start()
    for actor in actors:
        actor.join()
    assert not [actor.complaint for actor in actors if actor.complaint]
    assert server.is_running()
    assert all(actor.turns > 0 for actor in actors), "hardly anything happened"
    wait_until(lambda: server.descriptors() <= before, "every descriptor is closed", 10)
    server.stop()
