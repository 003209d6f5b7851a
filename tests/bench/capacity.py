"""How many readers one worker on one core serves before they notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from figures import Line
from load import Load, LoadFailed, Result
from measure import Bench, progress
from programs import Program, Running

MAX_DELAY_MS = 20.0
FIRST_READERS = 8  # of each stream
RAMP_MS_A_READER = 0.5


@dataclass(frozen=True)
class Capacity:
    readers: int
    is_generator_full: bool  # it, and not the server, was at its end


def is_well(result: Result) -> bool:
    delay_ms = result.delay_ms("p99")
    return delay_ms is not None and delay_ms <= MAX_DELAY_MS and result.lost == 0


def search(bench: Bench, is_enough: Callable[[int], bool]) -> int:
    """The most readers of each stream with which all is well; twice as many, then halves."""
    good, bad = 0, FIRST_READERS
    while is_enough(bad):
        good, bad = bad, bad * 2
    while bad - good > max(1, good * bench.plan.capacity_step):
        middle = (good + bad) // 2
        if is_enough(middle):
            good = middle
        else:
            bad = middle
    return good


def find_capacity(bench: Bench, program: Program, load: Load) -> Capacity:
    one_core = bench.server_cores[:1]
    failures = []

    def is_enough(readers: int) -> bool:
        ramp_ms = 300 + round(readers * load.streams * RAMP_MS_A_READER)
        with Running(program, bench.folder, one_core) as server:
            try:
                result = bench.load(server, replace(load, readers=readers, ramp_ms=ramp_ms),
                                    bench.plan.capacity_s)
            except LoadFailed:
                failures.append(False)
                return False
        progress(".")
        if not is_well(result):
            failures.append(result.is_generator_full)
        return is_well(result)

    readers = search(bench, is_enough) * load.streams
    return Capacity(readers, any(failures))


def measure_capacity(bench: Bench, load: Load) -> list[Line]:
    programs = [program for program in bench.columns if program.name != "default"]
    found = {program.name: find_capacity(bench, program, load) for program in programs}
    full = [name for name, capacity in found.items() if capacity.is_generator_full]
    note = f"the generator was full first: {', '.join(full)}" if full else ""
    return [Line("readers", {name: [capacity.readers] for name, capacity in found.items()},
                 digits=0, note=note)]
