"""One run of `millrace load` and what it reports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs import HOST, Running

FAILED = 1  # the load tool's exit status when a connection failed
LATE_FRAMES = 0.001  # of all; more, and the generator was not steady
BUSY_PERCENT = 90.0


class LoadFailed(Exception):
    """The run measured nothing."""


@dataclass(frozen=True)
class Load:
    """The options that differ from row to row."""

    streams: int
    readers: int
    options: tuple[str, ...] = ()
    ramp_ms: int = 300


@dataclass(frozen=True)
class Result:
    report: dict[str, Any]

    def cost(self, key: str) -> float:
        """A packet: one delivered, or without readers one received."""
        return float(self.report["costs"][key]["per_packet"])

    def delay_ms(self, quantile: str) -> float | None:
        value = self.report["times"][f"delay_{quantile}_ms"]
        return None if value is None else float(value)

    @property
    def resident_mb(self) -> float:
        return float(self.report["server"]["rss_mib"]) * (1 << 20) / 1e6

    @property
    def packets(self) -> int:
        return int(self.report["delivered"]["packets"])

    @property
    def lost(self) -> int:
        """Packets and frames that were missing, cut or foreign, and frames not taken."""
        lost = self.report["lost"]
        missing = ("packets_lost", "packets_broken", "frames_lost", "frames_cut", "frames_foreign",
                   "readers_blank")
        return sum(int(lost[key]) for key in missing) + int(self.report["sent"]["frames_skipped"])

    @property
    def is_generator_late(self) -> bool:
        late, sent = self.report["generator"]["frames_late"], self.report["sent"]["frames"]
        return bool(late > LATE_FRAMES * sent) or self.is_generator_full

    @property
    def is_generator_full(self) -> bool:
        return bool(self.report["generator"]["cpu_percent"] > BUSY_PERCENT)


class LoadTool:
    def __init__(self, millrace: Path, cores: Sequence[int] = ()) -> None:
        pin = ["taskset", "--cpu-list", ",".join(map(str, cores))] if cores else []
        self.command = [*pin, str(millrace), "load", "--json"]

    def run(self, server: Running, load: Load, seconds: float) -> Result:
        command = [*self.command, "--url", f"rtsp://{HOST}:{server.port}/cam%d",
                   "--pid", str(server.pid), "--ramp", f"{load.ramp_ms}ms",
                   "--duration", f"{round(seconds * 1000)}ms", "--streams", str(load.streams),
                   "--readers", str(load.readers), *load.options]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if not done.stdout.startswith("{"):
            raise LoadFailed(f"{' '.join(command)}: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        if done.returncode == FAILED:
            raise LoadFailed(f"{server.program.name}: {'; '.join(report['notes'])}")
        return Result(report)
