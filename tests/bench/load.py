"""One run of `millrace load` and what it reports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from programs import Running

FAILED = 1  # the load tool's exit status when a connection failed
LATE_FRAMES = 0.001  # of all; more, and the generator was not steady
BUSY_PERCENT = 90.0


class LoadFailed(Exception):
    """The run measured nothing."""


@dataclass(frozen=True)
class Load:
    """The options that differ from row to row."""

    streams: int
    readers: int  # of each stream
    options: tuple[str, ...] = ()
    ramp_ms: int = 300
    srtp: str | None = None  # readers are WebRTC viewers, under this profile: "cm" or "gcm"
    by_udp: bool = False  # publishers and readers: RTP in datagrams


@dataclass(frozen=True)
class Result:
    report: dict[str, Any]
    copies: int = 1  # that left the floor of each packet that the generator wrote

    def cost(self, key: str) -> float:
        """A packet: one delivered, or without readers one received."""
        cost = self.report["costs"][key]["per_packet"]
        if cost is None:
            raise LoadFailed(f"no packets: {'; '.join(self.report['notes'])}")
        return float(cost) / self.copies

    def time_ms(self, what: str) -> float | None:
        """Like "delay_p99"; None: there was nobody to take it."""
        value = self.report["times"][f"{what}_ms"]
        return None if value is None else float(value)

    @property
    def resident_mb(self) -> float:
        return float(self.report["server"]["rss_mib"]) * (1 << 20) / 1e6

    @property
    def lost(self) -> int | None:
        """Packets and frames that were missing, false, cut or foreign, and frames not taken."""
        if self.report["load"]["readers_per_stream"] == 0:
            return None
        lost = self.report["lost"]
        missing = ("packets_lost", "packets_broken", "packets_forged", "frames_lost", "frames_cut",
                   "frames_foreign", "readers_blank")
        return sum(int(lost[key]) for key in missing) + int(self.report["sent"]["frames_skipped"])

    @property
    def is_generator_late(self) -> bool:
        late, sent = self.report["generator"]["frames_late"], self.report["sent"]["frames"]
        return bool(late > LATE_FRAMES * sent) or self.is_generator_full

    @property
    def is_generator_full(self) -> bool:
        generator = self.report["generator"]
        return bool(generator["cpu_percent"] > BUSY_PERCENT or generator["overflowed"] > 0)


def reading_options(server: Running, load: Load) -> list[str]:
    """How the load tool is told who reads. The floor has viewers of its own."""
    if load.srtp and server.program.is_floor:
        return ["--readers", "0"]
    over_webrtc = ["--whep", server.whep_url, "--srtp", load.srtp] if load.srtp else []
    return ["--readers", str(load.readers), *over_webrtc]


class LoadTool:
    def __init__(self, millrace: Path, cores: Sequence[int]) -> None:
        self.command = ["taskset", "--cpu-list", ",".join(map(str, cores)), str(millrace), "load",
                        "--json"]

    def run(self, server: Running, load: Load, seconds: float) -> Result:
        command = [*self.command, "--url", server.rtsp_url, "--pid", str(server.pid),
                   "--ramp", f"{load.ramp_ms}ms", "--duration", f"{round(seconds * 1000)}ms",
                   "--streams", str(load.streams), *reading_options(server, load), *load.options,
                   *(["--transport", "udp"] if load.by_udp else [])]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if not done.stdout.startswith("{"):
            raise LoadFailed(f"{' '.join(command)}: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        if done.returncode == FAILED:
            raise LoadFailed(f"{server.program.name}: {'; '.join(report['notes'])}")
        is_copied = load.srtp and server.program.is_floor
        return Result(report, load.readers if is_copied else 1)
