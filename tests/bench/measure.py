"""How a figure is measured: in turns, every column once, then all of them again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cores import Cores
from load import Load, LoadTool, Result
from programs import Program, Running

Figure = TypeVar("Figure")

ATTEMPTS = 3  # at a run in which the generator was held up


@dataclass(frozen=True)
class Plan:
    """How long things take."""

    rounds: int  # short and many: what disturbs comes and goes by the second
    run_s: float
    memory_s: float  # beyond the first keyframes: a cache holds up to two intervals
    starts: int
    capacity_s: float
    capacity_step: float  # the search ends when its bounds are this close
    capacity_of: Sequence[str]


QUICK = Plan(rounds=3, run_s=1, memory_s=2.5, starts=10, capacity_s=1, capacity_step=0.15,
             capacity_of=("workers: 1",))
FULL = Plan(rounds=24, run_s=2, memory_s=10, starts=30, capacity_s=8, capacity_step=0.05,
            capacity_of=("floor", "workers: 1", "MediaMTX"))


@dataclass
class Bench:
    columns: Sequence[Program]
    millrace: Path
    folder: Path
    plan: Plan
    cores: Cores
    late_runs: int = 0

    @property
    def servers(self) -> list[Program]:
        return [column for column in self.columns if not column.is_floor]

    @property
    def own(self) -> list[Program]:
        return [column for column in self.columns if column.is_ours]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def start(self, program: Program, load: Load) -> Running:
        return Running(program, load, self.folder, self.cores)

    def load(self, server: Running, load: Load, seconds: float) -> Result:
        return LoadTool(self.millrace, self.cores.generator).run(server, load, seconds)

    def run(self, program: Program, load: Load, seconds: float) -> Result:
        """Again when the generator was late: then something else on this machine was measured."""
        for _ in range(ATTEMPTS):
            with self.start(program, load) as server:
                result = self.load(server, load, seconds)
            if not result.is_generator_late:
                return result
            progress("!")
        self.late_runs += 1
        return result

    def in_turns(self, programs: Sequence[Program], rounds: int,
                 measure: Callable[[Program], Figure]) -> dict[str, list[Figure]]:
        found: dict[str, list[Figure]] = {program.name: [] for program in programs}
        for _ in range(rounds):
            for program in programs:
                found[program.name].append(measure(program))
                progress(".")
        return found


def progress(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
