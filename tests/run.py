#!/usr/bin/python3
"""Runs a tier of the tests: `tests/run.py check | test | test-full`.

A tier is a list of stages. Each one prints what it took and what it counted; the last line is
the sum over meson's unit tests and corpora and pytest's end-to-end tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORES = os.cpu_count() or 1
JOBS = CORES + (CORES + 1) // 2  # end-to-end tests: they wait more than they compute
SANITIZED = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1",
}


@dataclass(frozen=True)
class Build:
    folder: str
    options: tuple[str, ...]
    patience: float = 1  # how much longer than the release build its tests may take
    compiler: str = "gcc"
    fixed_addresses: bool = False  # TSan's shadow fits only a little randomness of addresses


def sanitizers(names: str) -> tuple[str, ...]:
    return ("--buildtype=debugoptimized", f"-Db_sanitize={names}", "-Db_lundef=false")


RELEASE = Build("build", ())
ASAN = Build("build-asan", sanitizers("address,undefined"), patience=3)
TSAN = Build("build-tsan", sanitizers("thread"), patience=6, fixed_addresses=True)
NO_MB = Build("build-no-mb", (*sanitizers("address,undefined"), "-Dmb=disabled"), patience=3)
CLANG = Build("build-clang", sanitizers("address,undefined"), patience=3, compiler="clang-14")


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class StageBroke(Exception):
    """The stage could not count anything; the text says why."""


@dataclass(frozen=True)
class Stage:
    name: str
    run: Callable[[], Tally]
    needs: str | None = None  # the stage without which this one makes no sense


@dataclass
class Tier:
    stages: list[Stage] = field(default_factory=list)

    def build(self, build: Build) -> str:
        name = f"{build.folder}: compile"
        self.stages.append(Stage(name, lambda: compile_build(build)))
        return name

    def unit(self, build: Build) -> None:
        name = self.build(build)
        self.stages.append(Stage(f"{build.folder}: unit tests, corpora",
                                 lambda: run_meson_tests(build), name))

    def end_to_end(self, build: Build, which: str, *options: str) -> None:
        self.stages.append(Stage(f"{build.folder}: end-to-end tests ({which or 'all'})",
                                 lambda: run_pytest(build, which, options),
                                 f"{build.folder}: compile"))


def check() -> Tier:
    tier = Tier()
    tier.unit(ASAN)
    tier.end_to_end(ASAN, "smoke")
    return tier


def test() -> Tier:
    tier = Tier()
    for build, which in ((RELEASE, "not stress"), (ASAN, ""), (TSAN, "smoke or stress")):
        tier.unit(build)
        tier.end_to_end(build, which)
    return tier


def test_full() -> Tier:
    tier = Tier()
    tier.unit(RELEASE)
    tier.end_to_end(RELEASE, "", "--long")
    for build in (ASAN, TSAN):
        tier.unit(build)
        tier.end_to_end(build, "not long" if build is ASAN else "smoke or stress", "--long")
    for build in (CLANG, NO_MB):
        tier.unit(build)
        tier.end_to_end(build, "smoke")
    tier.stages.append(Stage("fuzz targets, a minute each", run_fuzzers))
    return tier


TIERS = {"check": check, "test": test, "test-full": test_full}


def command_environment(build: Build) -> dict[str, str]:
    return {**os.environ, **SANITIZED, "CC": build.compiler}


def call(command: list[str], env: dict[str, str] | None = None) -> str:
    """Runs a command whose output matters only when it fails."""
    done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    if done.returncode != 0:
        raise StageBroke(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-20000:]}")
    return done.stdout


def without_randomness(build: Build) -> list[str]:
    bits = Path("/proc/sys/vm/mmap_rnd_bits")
    if build.fixed_addresses and bits.exists() and int(bits.read_text()) > 28:
        return ["setarch", "--addr-no-randomize"]
    return []


def compile_build(build: Build) -> Tally:
    env = command_environment(build)
    options = ["-Dunit=true", *build.options]
    if not (ROOT / build.folder / "build.ninja").exists():
        call(["meson", "setup", build.folder, *options], env)
    elif build is RELEASE:
        call(["meson", "configure", build.folder, *options], env)  # `make build` leaves unit out
    call(["ninja", "-C", build.folder, f"-j{CORES}"], env)
    return Tally()


def run_meson_tests(build: Build) -> Tally:
    log = ROOT / build.folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    done = subprocess.run([*without_randomness(build), "meson", "test", "-C", build.folder,
                           "--no-rebuild", "--print-errorlogs", f"--num-processes={CORES}",
                           f"--timeout-multiplier={build.patience}"],
                          cwd=ROOT, env=command_environment(build), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    if done.returncode != 0:
        print(done.stdout[-20000:])
    if not log.exists():
        raise StageBroke("meson ran no test")
    tally = Tally()
    for line in log.read_text(errors="replace").splitlines():
        result = json.loads(line)
        if result["result"] in ("OK", "EXPECTEDFAIL"):
            tally.passed += 1
        elif result["result"] == "SKIP":
            tally.skipped += 1
            print(f"skipped: {result['name']} (it says so by exit status 77)")
        else:
            tally.failed += 1
    if done.returncode != 0 and tally.failed == 0:
        raise StageBroke(f"meson test: exit {done.returncode}")
    return tally


def run_pytest(build: Build, which: str, options: tuple[str, ...]) -> Tally:
    results = ROOT / build.folder / "e2e"
    report = ROOT / build.folder / "e2e.xml"
    report.unlink(missing_ok=True)
    env = command_environment(build) | {
        "MILLRACE_BIN": str(ROOT / build.folder / "millrace"),
        "MILLRACE_PATIENCE": str(build.patience),
    }
    sys.stdout.flush()
    done = subprocess.run([*without_randomness(build), "/usr/bin/python3", "-m", "pytest",
                           "tests/e2e", "-q", "-rfEs", "--durations=5", f"--jobs={JOBS}",
                           f"--results={results}", f"--junitxml={report}",
                           *(["-m", which] if which else []), *options],
                          cwd=ROOT, env=env, stdin=subprocess.DEVNULL)
    if not report.exists():
        raise StageBroke(f"pytest: exit {done.returncode}, no report")
    tally = Tally()
    for case in xml.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            tally.failed += 1
        elif "skipped" in kinds:
            tally.skipped += 1
        else:
            tally.passed += 1
    if done.returncode != 0 and tally.failed == 0:
        raise StageBroke(f"pytest: exit {done.returncode}")
    return tally


def run_fuzzers() -> Tally:
    done = subprocess.run(["scripts/fuzz", "60"], cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, errors="replace")
    print(done.stdout, end="")
    counted = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.M)
    if not counted or done.returncode != 0 and counted[2] == "0":
        raise StageBroke(f"scripts/fuzz: exit {done.returncode}")
    return Tally(*map(int, counted.groups()))


def run_tier(tier: Tier) -> Tally:
    total = Tally()
    broken: set[str] = set()
    for stage in tier.stages:
        if stage.needs in broken:
            continue
        started = time.monotonic()
        try:
            tally = stage.run()
        except StageBroke as why:
            print(why)
            broken.add(stage.name)
            tally = Tally(failed=1)
        total.add(tally)
        counted = f": {tally}" if tally != Tally() else ""
        print(f"== {stage.name}: {time.monotonic() - started:.1f} s{counted}", flush=True)
    return total


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in TIERS:
        print(f"usage: tests/run.py {' | '.join(TIERS)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    total = run_tier(TIERS[sys.argv[1]]())
    print(f"== make {sys.argv[1]}: {time.monotonic() - started:.1f} s")
    print(total, flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
