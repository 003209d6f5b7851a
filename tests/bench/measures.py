"""What a row measures: each function returns the lines of its table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from operator import sub, truediv

from figures import Line
from load import Load, LoadFailed, Result
from measure import Bench
from programs import Program

MAX_RATIO = 1.4  # of CPU, to the floor's
MAX_DELAY_MS = {"p50": 0.4, "p99": 3.0}
MAX_START_MS = 15
MAX_ALLOCATIONS = 0.001  # a delivered packet: a report now and then, but none for media

MAX_FIRST_PACKET_MS = {"p50": 20.0, "max": 2000 / 64}  # 64 one after the other: 2 s

IDLE_S = 5.0
JOINING_S = 0.2
JOINING_APART_MS = 2000 // 64
SETTLE_S = 1.5
COUNTED_S = (4.0, 12.0)  # caches and pools are full by then, and joins hardly count


def collect(results: Mapping[str, Sequence[Result]],
            figure: Callable[[Result], float | None]) -> dict[str, list[float]]:
    return {name: [value for run in runs if (value := figure(run)) is not None]
            for name, runs in results.items()}


def set_beside_floor(figures: Mapping[str, Sequence[float]],
                     relate: Callable[[float, float], float]) -> dict[str, list[float]]:
    """Round by round: what disturbs one column of a round often disturbs the next one too."""
    return {name: list(map(relate, values, figures["floor"]))
            for name, values in figures.items() if name != "floor"}


def delay_lines(results: Mapping[str, Sequence[Result]],
                limits: Mapping[str, float]) -> list[Line]:
    return [Line(f"delay {quantile}, ms",
                 collect(results, lambda run: run.time_ms(f"delay_{quantile}")), digits=3,
                 limit=limits.get(quantile)) for quantile in MAX_DELAY_MS]


def measure_cost(bench: Bench, load: Load,
                 max_delay_ms: Mapping[str, float] = MAX_DELAY_MS) -> list[Line]:
    results = bench.in_turns(bench.columns, bench.plan.rounds,
                             lambda program: bench.run(program, load, bench.plan.run_s))
    cost = collect(results, lambda run: run.cost("cpu_us"))
    lines = [Line("CPU a packet, us", cost),
             Line("... over the floor", set_beside_floor(cost, sub)),
             Line("... times the floor", set_beside_floor(cost, truediv), limit=MAX_RATIO)]
    if load.readers:
        lines += delay_lines(results, max_delay_ms)
        lines.append(Line("packets and frames lost",
                          collect(results, lambda run: run.lost), digits=0, limit=0))
    return lines


def measure_memory(bench: Bench, load: Load, limits_mb: Mapping[str, float]) -> list[Line]:
    """With each of the settings that the limits are for; no setting at all: the default ones."""
    def measure(program: Program) -> float:
        return bench.run(program, load, bench.plan.memory_s).resident_mb

    lines = []
    for setting, limit in limits_mb.items():
        programs = [program.with_settings(setting) for program in bench.own] \
            if setting else bench.servers
        what = f"with {setting}, MB" if setting else "resident, MB"
        lines.append(Line(what, bench.in_turns(programs, 1, measure), limit=limit))
    return lines


@dataclass(frozen=True)
class Crowds:
    """What the readers hold by which the second crowd is larger than the first."""

    few: int
    many: int
    max_kb: float
    seconds: float = 1.0  # before memory is looked at


def measure_reader_memory(bench: Bench, load: Load, crowds: Crowds) -> list[Line]:
    def measure(program: Program) -> float:
        few, many = (bench.run(program, replace(load, readers=readers), crowds.seconds).resident_mb
                     for readers in (crowds.few, crowds.many))
        return (many - few) * 1000 / (crowds.many - crowds.few)

    return [Line("resident a reader, kB", bench.in_turns(bench.servers, 1, measure),
                 limit=crowds.max_kb)]


def measure_start(bench: Bench, load: Load) -> list[Line]:
    def measure(program: Program) -> float:
        with bench.start(program, load) as server:
            return server.start_ms

    for program in bench.columns:
        measure(program)  # warms the caches
    times = bench.in_turns(bench.columns, bench.plan.starts, measure)
    return [Line("exec to accepting, ms", times, limit=MAX_START_MS)]


def measure_idle(bench: Bench, load: Load) -> list[Line]:
    """After clients have come and gone: what never served is idle easily."""
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.start(program, load)) for program in bench.columns]
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


def measure_counts(bench: Bench, load: Load, max_calls: float) -> list[Line]:
    """Of a long run less those of a short one: neither set-up nor end is in the difference."""
    def run(program: Program, seconds: float) -> Counted:
        with bench.start(program, load) as server:
            bench.load(server, load, seconds)
        return Counted(server.counters())

    def measure(program: Program) -> tuple[float, float]:
        short, long = (run(program, seconds) for seconds in COUNTED_S)
        packets = long.delivered - short.delivered
        if packets <= 0:
            raise LoadFailed(f"{program.name} delivered no packets")
        return ((long.calls - short.calls) / packets,
                (long.allocations - short.allocations) / packets)

    programs = [program for program in bench.columns if program.is_ours or program.is_floor]
    pairs = bench.in_turns(programs, 1, measure)
    calls = {name: [value[0] for value in values] for name, values in pairs.items()}
    allocations = {name: [value[1] for value in values] for name, values in pairs.items()
                   if name != "floor"}
    return [Line("system calls a packet", calls, digits=4, limit=max_calls),
            Line("allocations a packet", allocations, digits=5, limit=MAX_ALLOCATIONS)]


def measure_joining(bench: Bench, load: Load) -> list[Line]:
    """Viewers come so slowly that each one is alone, if the one before has been served in time."""
    apart = replace(load, ramp_ms=load.streams * load.readers * JOINING_APART_MS)
    rounds = max(1, bench.plan.rounds // 3)  # each has 64 of them
    results = bench.in_turns(bench.servers, rounds,
                             lambda program: bench.run(program, apart, JOINING_S))
    return [Line(f"POST to first packet {which}, ms",
                 collect(results, lambda run: run.time_ms(f"first_packet_{which}")), limit=limit)
            for which, limit in MAX_FIRST_PACKET_MS.items()]
