"""What is measured: the server in its variants, the floor, and a MediaMTX where one is named."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
START_LIMIT_S = 10.0
STOP_LIMIT_S = 5.0
POLL_S = 0.0001

OWN_SETTINGS = """\
logLevel: debug
rtspAddress: {address}
{settings}
paths:
  all_others:
"""

MEDIAMTX_SETTINGS = """\
logLevel: warn
rtspAddress: {address}
rtmp: no
hls: no
webrtc: no
srt: no
paths:
  all_others:
"""
# Older versions refuse a file with these keys and pass over the variables.
MEDIAMTX_ENVIRONMENT = {"MTX_MOQ": "no", "MTX_RTSPTRANSPORTS": "tcp"}


class StartFailed(Exception):
    """The program does not accept connections; the text has its last words."""


@dataclass(frozen=True)
class Program:
    """A column of the tables. `settings` is YAML; None: the program takes a port and no file."""

    name: str
    path: Path
    settings: str | None = None
    is_ours: bool = False

    def with_settings(self, lines: str) -> Program:
        return Program(self.name, self.path, f"{lines}\n{self.settings or ''}", self.is_ours)

    def command(self, folder: Path, port: int) -> list[str]:
        if self.settings is None:
            return [str(self.path), str(port)]
        template = OWN_SETTINGS if self.is_ours else MEDIAMTX_SETTINGS
        file = folder / f"{port}.yml"
        file.write_text(template.format(address=f"{HOST}:{port}", settings=self.settings))
        return [str(self.path), str(file)]

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | ({} if self.is_ours else MEDIAMTX_ENVIRONMENT)


class Running:
    """A program that has been started and accepts connections."""

    def __init__(self, program: Program, folder: Path, cores: Sequence[int] = ()) -> None:
        self.program = program
        self.port = find_port()
        self.output = folder / f"{program.name.replace(': ', '-')}-{self.port}.log"
        pin = ["taskset", "--cpu-list", ",".join(map(str, cores))] if cores else []
        command = [*pin, *program.command(folder, self.port)]
        with self.output.open("wb") as output:
            started = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, cwd=folder,
                                            env=program.environment())
        self._wait_for_listener(started)
        self.start_ms = (time.monotonic() - started) * 1000

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self.process.pid

    def _wait_for_listener(self, started: float) -> None:
        while not accepts(self.port):
            if self.process.poll() is not None or time.monotonic() - started > START_LIMIT_S:
                self.stop()
                raise StartFailed(f"{self.program.name} does not accept connections:\n"
                                  f"{self.output.read_text(errors='replace')[-2000:]}")
            time.sleep(POLL_S)

    def cpu_ns(self) -> int:
        """Of all its threads, exact: the clock that clock_getcpuclockid() names."""
        return time.clock_gettime_ns(~self.pid << 3 | 2)

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
        lines = re.findall(r"counters: (.*)", self.output.read_text(errors="replace"))
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", "".join(lines))}


def find_port() -> int:
    """A free one below those that the kernel gives to clients, which could meet themselves."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
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
