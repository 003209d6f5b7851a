"""What is measured: the server in its variants, the floor, and a MediaMTX where one is named."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from cores import Cores
from load import Load

HOST = "127.0.0.1"
START_LIMIT_S = 10.0
STOP_LIMIT_S = 5.0
POLL_S = 0.0001

OWN_SETTINGS = """\
logLevel: debug
rtspAddress: {host}:{ports.rtsp}
rtpAddress: {host}:{ports.rtp}
rtcpAddress: {host}:{ports.rtcp}
{webrtc}
{settings}
paths:
  all_others:
  demo:
    source: demo
"""

MEDIAMTX_SETTINGS = """\
logLevel: warn
rtspAddress: {host}:{ports.rtsp}
rtpAddress: {host}:{ports.rtp}
rtcpAddress: {host}:{ports.rtcp}
rtmp: no
hls: no
{webrtc}
srt: no
paths:
  all_others:
"""
NO_WEBRTC = "webrtc: no"
WEBRTC = """\
webrtc: yes
webrtcAddress: {host}:{ports.http}
webrtcLocalUDPAddress: {host}:{ports.udp}
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [{host}]
"""
# Older versions refuse a file with these keys and pass over the variables.
MEDIAMTX_ENVIRONMENT = {"MTX_MOQ": "no", "MTX_RTSPTRANSPORTS": "tcp"}


class ProgramFailed(Exception):
    """It did not do what it is for; the text has its last words."""


@dataclass(frozen=True)
class Ports:
    rtsp: int
    http: int
    udp: int
    rtp: int  # an even one, and the next is free too

    @classmethod
    def find(cls) -> Ports:
        return cls(find_port(socket.SOCK_STREAM), find_port(socket.SOCK_STREAM),
                   find_port(socket.SOCK_DGRAM), find_pair())

    @property
    def rtcp(self) -> int:
        return self.rtp + 1


@dataclass(frozen=True)
class Program:
    """A column of the tables. `settings` is YAML; None: the floor, which takes no file."""

    name: str
    path: Path
    settings: str | None = None
    is_ours: bool = False

    @property
    def is_floor(self) -> bool:
        return self.settings is None

    def with_settings(self, lines: str) -> Program:
        return replace(self, settings=f"{lines}\n{self.settings or ''}")

    def command(self, folder: Path, ports: Ports, load: Load, receiver_core: int) -> list[str]:
        if self.is_floor:
            form: list[object] = ["udp", ports.rtp] if load.by_udp else []
            if load.srtp:
                form = [load.srtp, load.streams, load.readers, receiver_core]
            return list(map(str, [self.path, ports.rtsp, *form]))
        template = OWN_SETTINGS if self.is_ours else MEDIAMTX_SETTINGS
        webrtc = (WEBRTC if load.srtp else NO_WEBRTC).format(host=HOST, ports=ports)
        file = folder / f"{ports.rtsp}.yml"
        file.write_text(template.format(host=HOST, ports=ports, webrtc=webrtc,
                                        settings=self.settings))
        return [str(self.path), str(file)]

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | ({} if self.is_ours else MEDIAMTX_ENVIRONMENT)


class Running:
    """A program that has been started, fit for a load, and accepts connections."""

    def __init__(self, program: Program, load: Load, folder: Path, cores: Cores) -> None:
        self.program = program
        self.ports = Ports.find()
        self.listening = [self.ports.rtsp]
        if load.srtp and not program.is_floor:
            self.listening.append(self.ports.http)
        self.output = folder / f"{program.name.replace(': ', '-')}-{self.ports.rtsp}.log"
        command = ["taskset", "--cpu-list", ",".join(map(str, cores.program)),
                   *program.command(folder, self.ports, load, cores.generator[0])]
        with self.output.open("wb") as output:
            started = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, cwd=folder,
                                            env=program.environment())
        self._wait_for_listener(started)
        self.start_ms = (time.monotonic() - started) * 1000

    def __enter__(self) -> Running:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        has_died = self.process.poll() is not None
        self.stop()
        if has_died and not failure:
            self._fail("has died")

    @property
    def pid(self) -> int:
        return self.process.pid

    def _wait_for_listener(self, started: float) -> None:
        while not all(map(accepts, self.listening)):
            if self.process.poll() is not None or time.monotonic() - started > START_LIMIT_S:
                self.stop()
                self._fail("does not accept connections")
            time.sleep(POLL_S)

    @property
    def rtsp_url(self) -> str:
        return f"rtsp://{HOST}:{self.ports.rtsp}/cam%d"

    @property
    def whep_url(self) -> str:
        return f"http://{HOST}:{self.ports.http}/cam%d/whep"

    def page_url(self, path: str) -> str:
        return f"http://{HOST}:{self.ports.http}/{path}/"

    def cpu_ns(self) -> int:
        """Of all its threads, exact: the clock that clock_getcpuclockid() names."""
        return time.clock_gettime_ns(~self.pid << 3 | 2)

    def _last_words(self) -> str:
        return self.output.read_text(errors="replace")

    def _fail(self, how: str) -> NoReturn:
        raise ProgramFailed(f"{self.program.name} {how}:\n{self._last_words()[-2000:]}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def counters(self) -> Mapping[str, int]:
        """What it says about itself when it ends: stop() first."""
        lines = re.findall(r"counters: (.*)", self._last_words())
        if not lines:
            self._fail("has ended without its counters")
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", lines[-1])}


def is_free(kind: socket.SocketKind, port: int) -> bool:
    with socket.socket(type=kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def find_port(kind: socket.SocketKind) -> int:
    """A free one below those that the kernel gives to clients, which could meet themselves."""
    while True:
        port = random.randrange(20000, 30000)
        if is_free(kind, port):
            return port


def find_pair() -> int:
    while True:
        port = find_port(socket.SOCK_DGRAM) & ~1
        if is_free(socket.SOCK_DGRAM, port) and is_free(socket.SOCK_DGRAM, port + 1):
            return port


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def make_columns(millrace: Path, floor: Path) -> list[Program]:
    columns = [Program("floor", floor),
               Program("workers: 1", millrace, "workers: 1", is_ours=True),
               Program("default", millrace, "", is_ours=True)]
    if mediamtx := os.environ.get("MEDIAMTX"):
        columns.append(Program("MediaMTX", Path(mediamtx).resolve(), ""))
    return columns
