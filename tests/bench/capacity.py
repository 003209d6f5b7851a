"""How many readers one worker on one core serves before they notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from figures import Line
from load import Load, LoadFailed, Result
from measure import Bench, progress
from programs import Program, Running

MAX_DELAY_MS = 20.0  # p99
FIRST_READERS = 80  # of each stream
RAMP_MS_A_READER = 0.5
ATTEMPTS = 2


def is_well(result: Result) -> bool:
    delay_ms = result.delay_ms("p99")
    return delay_ms is not None and delay_ms <= MAX_DELAY_MS and result.lost == 0


def find_most(is_enough: Callable[[int], bool], step: float) -> int:
    """The largest number for which all is well: doubles, then halves the gap down to `step`."""
    good, bad = 0, FIRST_READERS
    while is_enough(bad):
        good, bad = bad, bad * 2
    while bad - good > max(1, good * step):
        middle = (good + bad) // 2
        if is_enough(middle):
            good = middle
        else:
            bad = middle
    return good


class Search:
    """For one program. A generator that is full itself ends the search too, and is named."""

    def __init__(self, bench: Bench, program: Program, load: Load) -> None:
        self.bench = bench
        self.program = program
        self.load = load
        self.is_generator_full = False
        self.readers = load.streams * find_most(self.is_enough, bench.plan.capacity_step)

    def is_enough(self, readers: int) -> bool:
        """At the second attempt too: a disturbance must not end the search."""
        return any(self.serves(readers) for _ in range(ATTEMPTS))

    def serves(self, readers: int) -> bool:
        ramp_ms = self.load.ramp_ms + round(readers * self.load.streams * RAMP_MS_A_READER)
        load = replace(self.load, readers=readers, ramp_ms=ramp_ms)
        progress(".")
        with Running(self.program, self.bench.folder, self.bench.server_cores[:1]) as server:
            try:
                result = self.bench.load(server, load, self.bench.plan.capacity_s)
            except LoadFailed:
                return False
        if not is_well(result) and result.is_generator_full:
            self.is_generator_full = True
        return is_well(result)


def measure_capacity(bench: Bench, load: Load) -> list[Line]:
    found = {program.name: Search(bench, program, load) for program in bench.columns
             if program.name in bench.plan.capacity_of}
    full = [name for name, search in found.items() if search.is_generator_full]
    note = f"the generator was full first: {', '.join(full)}" if full else ""
    return [Line("readers", {name: [search.readers] for name, search in found.items()},
                 digits=0, note=note)]
