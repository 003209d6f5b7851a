"""The rows of the bench and what each one asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import methodcaller, sub, truediv

from capacity import measure_capacity
from figures import Line
from load import Load, Result
from measure import Bench
from programs import Program

MAX_RATIO = 1.4  # of CPU, to the floor's
MAX_DELAY_MS = {"p50": 0.4, "p99": 3.0}
MAX_MEMORY_MB = 20
MAX_MEMORY_WITH_GOPS_MB = 36
MAX_READER_KB = 6
MAX_START_MS = 15
MAX_CALLS = 0.08  # a delivered packet
MAX_ALLOCATIONS = 0.001  # a delivered packet: a report now and then, but none for media

IDLE_S = 5.0
SETTLE_S = 1.5
COUNTED_S = (1.0, 3.0)
FEW_READERS, MANY_READERS = 100, 600

# The load tool waits for every reader's first keyframe before it measures.
SHORT_GOP = ("--keyframe-interval", "1s")
FAN_OUT = Load(1, 100, ("--bitrate", "4M", *SHORT_GOP))


def collect(results: Mapping[str, Sequence[Result]],
            figure: Callable[[Result], float | None]) -> dict[str, list[float]]:
    return {name: [value for run in runs if (value := figure(run)) is not None]
            for name, runs in results.items()}


def set_beside_floor(figures: Mapping[str, Sequence[float]],
                     relate: Callable[[float, float], float]) -> dict[str, list[float]]:
    """Round by round: what disturbs one column of a round often disturbs the next one too."""
    return {name: list(map(relate, values, figures["floor"]))
            for name, values in figures.items() if name != "floor"}


def measure_cost(bench: Bench, load: Load) -> list[Line]:
    results = bench.in_turns(bench.columns, bench.plan.rounds,
                             lambda program: bench.run(program, load, bench.plan.run_s))
    cost = collect(results, lambda run: run.cost("cpu_us"))
    lines = [Line("CPU a packet, us", cost),
             Line("... over the floor", set_beside_floor(cost, sub)),
             Line("... times the floor", set_beside_floor(cost, truediv), limit=MAX_RATIO)]
    if load.readers:
        for quantile, limit in MAX_DELAY_MS.items():
            delays = collect(results, methodcaller("delay_ms", quantile))
            lines.append(Line(f"delay {quantile}, ms", delays, digits=3, limit=limit))
        lines.append(Line("packets and frames lost",
                          collect(results, lambda run: run.lost), digits=0, limit=0))
    return lines


def measure_memory(bench: Bench, load: Load) -> list[Line]:
    def measure(program: Program) -> float:
        return bench.run(program, load, bench.plan.memory_s).resident_mb

    cached = [program.with_settings("gopCache: all") for program in bench.own]
    return [Line("resident, MB", bench.in_turns(bench.servers, 1, measure), limit=MAX_MEMORY_MB),
            Line("with gopCache: all, MB", bench.in_turns(cached, 1, measure),
                 limit=MAX_MEMORY_WITH_GOPS_MB)]


def measure_reader_memory(bench: Bench, load: Load) -> list[Line]:
    def measure(program: Program) -> float:
        few, many = (bench.run(program, Load(1, readers, load.options), 1).resident_mb
                     for readers in (FEW_READERS, MANY_READERS))
        return (many - few) * 1000 / (MANY_READERS - FEW_READERS)

    return [Line("resident a reader, kB", bench.in_turns(bench.servers, 1, measure),
                 limit=MAX_READER_KB)]


def measure_start(bench: Bench, load: Load) -> list[Line]:
    def measure(program: Program) -> float:
        with bench.start(program) as server:
            return server.start_ms

    for program in bench.columns:
        measure(program)  # warms the caches
    times = bench.in_turns(bench.columns, bench.plan.starts, measure)
    return [Line("exec to accepting, ms", times, limit=MAX_START_MS)]


def measure_idle(bench: Bench, load: Load) -> list[Line]:
    """After clients have come and gone: what never served is idle easily."""
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.start(program)) for program in bench.columns]
        for server in servers:
            bench.load(server, load, 1)
        time.sleep(SETTLE_S)
        before = [server.cpu_ns() for server in servers]
        time.sleep(IDLE_S)
        used = {server.program.name: [(server.cpu_ns() - was) / 1e6]
                for server, was in zip(servers, before)}
    return [Line(f"CPU in {IDLE_S:g} s, ms", used, digits=3, limit=0)]


@dataclass(frozen=True)
class Counted:
    """What a program says it has done in a run, from its start to its end."""

    counters: Mapping[str, int]

    @property
    def calls(self) -> int:
        return self.counters["systemCalls"] + self.counters["turns"]

    @property
    def delivered(self) -> int:
        return self.counters["outboundRTPPackets"]

    @property
    def allocations(self) -> int:
        return self.counters.get("allocations", 0)


def measure_counts(bench: Bench, load: Load) -> list[Line]:
    """Of a long run less those of a short one: neither set-up nor end is in the difference."""
    def run(program: Program, seconds: float) -> Counted:
        with bench.start(program) as server:
            bench.load(server, load, seconds)
        return Counted(server.counters())

    def measure(program: Program) -> tuple[float, float]:
        short, long = (run(program, seconds) for seconds in COUNTED_S)
        packets = long.delivered - short.delivered
        return ((long.calls - short.calls) / packets,
                (long.allocations - short.allocations) / packets)

    programs = [program for program in bench.columns if program.is_ours or program.name == "floor"]
    pairs = bench.in_turns(programs, 1, measure)
    calls = {name: [value[0] for value in values] for name, values in pairs.items()}
    allocations = {name: [value[1] for value in values] for name, values in pairs.items()
                   if name != "floor"}
    return [Line("system calls a packet", calls, digits=4, limit=MAX_CALLS),
            Line("allocations a packet", allocations, digits=5, limit=MAX_ALLOCATIONS)]


@dataclass(frozen=True)
class Row:
    title: str
    measure: Callable[[Bench, Load], list[Line]]
    load: Load
    needs_full: bool = False  # or to be named


ROWS: dict[str, Row] = {
    "in": Row("64 streams of 1 Mbit/s, no reader", measure_cost, Load(64, 0)),
    "one": Row("64 streams of 1 Mbit/s, one reader each", measure_cost,
               Load(64, 1, SHORT_GOP)),
    "fan": Row("1 stream of 4 Mbit/s, 100 readers", measure_cost, FAN_OUT),
    "packet": Row("64 streams written packet by packet, one reader each", measure_cost,
                  Load(64, 1, ("--write", "packet", *SHORT_GOP))),
    "packet-in": Row("64 streams written packet by packet, no reader", measure_cost,
                     Load(64, 0, ("--write", "packet", *SHORT_GOP)), needs_full=True),
    "keyframe": Row("64 streams, one reader each, a keyframe 20 times a P frame", measure_cost,
                    Load(64, 1, ("--keyframe-ratio", "20"))),
    "memory": Row("64 streams of 1 Mbit/s, one reader each, a keyframe every 2 s",
                  measure_memory, Load(64, 1)),
    "reader": Row(f"what {MANY_READERS} readers of a slow stream hold more than {FEW_READERS}",
                  measure_reader_memory,
                  Load(1, 0, ("--bitrate", "200k", "--fps", "5", *SHORT_GOP))),
    "counts": Row("1 stream of 4 Mbit/s, 100 readers, counted exactly", measure_counts, FAN_OUT),
    "start": Row("a warm start", measure_start, Load(0, 0)),
    "idle": Row("after clients have gone", measure_idle, Load(8, 1, SHORT_GOP)),
    "capacity": Row("one worker on one core, 25 streams of 1 Mbit/s, delay p99 up to 20 ms",
                    measure_capacity, Load(25, 0, SHORT_GOP)),
}
