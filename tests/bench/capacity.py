"""How many readers one worker on one core serves before they notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from figures import Line
from load import Load, LoadFailed, Result
from measure import Bench, progress
from programs import Program, Running

ATTEMPTS = 2


@dataclass(frozen=True)
class Search:
    """What is searched for, and where it begins."""

    first_readers: int  # of each stream
    max_delay_ms: float = 20.0  # p99
    ramp_ms_a_reader: float = 0.5
    least: float | None = None  # that there should be, of all streams together

    def is_well(self, result: Result) -> bool:
        delay_ms = result.time_ms("delay_p99")
        return delay_ms is not None and delay_ms <= self.max_delay_ms and result.lost == 0


def find_most(is_enough: Callable[[int], bool], first: int, step: float) -> int:
    """The largest number for which all is well: doubles, then halves the gap down to `step`."""
    good, bad = 0, first
    while is_enough(bad):
        good, bad = bad, bad * 2
    while bad - good > max(1, good * step):
        middle = (good + bad) // 2
        if is_enough(middle):
            good = middle
        else:
            bad = middle
    return good


class Capacity:
    """Of one program. A generator that is full itself ends the search too, and is named."""

    def __init__(self, bench: Bench, program: Program, load: Load, search: Search) -> None:
        self.bench = bench
        self.program = program
        self.load = load
        self.search = search
        self.is_generator_full = False
        self.readers = load.streams * find_most(self.is_enough, search.first_readers,
                                                bench.plan.capacity_step)

    def is_enough(self, readers: int) -> bool:
        """At the second attempt too: a disturbance must not end the search."""
        return any(self.serves(readers) for _ in range(ATTEMPTS))

    def serves(self, readers: int) -> bool:
        joining_ms = round(readers * self.load.streams * self.search.ramp_ms_a_reader)
        load = replace(self.load, readers=readers, ramp_ms=self.load.ramp_ms + joining_ms)
        progress(".")
        cores = self.bench.cores.narrowed()
        with Running(self.program, load, self.bench.folder, cores) as server:
            try:
                result = self.bench.load(server, load, self.bench.plan.capacity_s)
            except LoadFailed:
                return False
        is_well = self.search.is_well(result)
        if not is_well and result.is_generator_full:
            self.is_generator_full = True
        return is_well


def measure_capacity(bench: Bench, load: Load, search: Search) -> list[Line]:
    """The floor's WebRTC viewers can't tell delay or loss: it has no figure there."""
    programs = [program for program in bench.columns if program.name in bench.plan.capacity_of
                and not (load.srtp and program.is_floor)]
    found = {program.name: Capacity(bench, program, load, search) for program in programs}
    full = [name for name, capacity in found.items() if capacity.is_generator_full]
    note = f"the generator was full first: {', '.join(full)}" if full else ""
    return [Line("readers", {name: [capacity.readers] for name, capacity in found.items()},
                 digits=0, least=search.least, note=note)]
