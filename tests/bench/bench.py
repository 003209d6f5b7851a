#!/usr/bin/python3
"""What the server costs, beside a floor that carries the same load: `make bench [ROW=name]`."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cores import cores_awake, split_cores, take_precedence
from figures import MISSED, REACHED, Table
from load import LoadFailed
from measure import FULL, QUICK, Bench, progress
from programs import ProgramFailed, make_columns
from rows import ROWS

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "build" / "bench"
DOCS = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", metavar="PATTERN", help="only those, like 'fan' or 'whep-*'; "
                        f"there are {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, help="of each row about cost, in place of "
                        f"{QUICK.rounds} ({FULL.rounds} with --full)")
    parser.add_argument("--full", action="store_true", help="two hours in place of eight minutes")
    parser.add_argument("--write-docs", action="store_true", help=f"into {DOCS.name}")
    parser.add_argument("--millrace", type=Path, default=ROOT / "build" / "millrace")
    parser.add_argument("--floor", type=Path, help="default: built here")
    arguments = parser.parse_args()
    arguments.rows = choose_rows(arguments.row, arguments.full)
    if not arguments.rows:
        parser.error(f"no row is called '{arguments.row}'; there are {', '.join(ROWS)}")
    return arguments


def choose_rows(pattern: str | None, is_full: bool) -> list[str]:
    if pattern:
        return fnmatch.filter(ROWS, pattern)
    return [name for name, row in ROWS.items() if is_full or not row.needs_full]


def build_floor() -> Path:
    subprocess.run(["ninja", "--quiet", "-C", ROOT / "build", "tests/floor"], check=True)
    return ROOT / "build" / "tests" / "floor"


def raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def output_of(*command: str | Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          cwd=ROOT)
    return done.stdout.strip()


def describe_machine(arguments: argparse.Namespace, has_precedence: bool) -> dict[str, str]:
    model = re.search(r"^model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(), re.M)
    version = output_of(arguments.millrace, "--version").splitlines()
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "program": ", ".join(version),
        "commit": output_of("git", "describe", "--always", "--dirty"),
        "CPU": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "kernel": platform.release(),
        "load average": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "priority": "real time, all programs alike" if has_precedence else "normal",
        "length": ("full" if arguments.full else "quick")
                  + (f", {arguments.rounds} rounds" if arguments.rounds else ""),
    }


@dataclass
class Findings:
    tables: list[Table] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)  # rows that have no figures, and why


def measure(bench: Bench, names: Sequence[str]) -> Findings:
    findings = Findings()
    for name in names:
        row = ROWS[name]
        progress(f"{name} ")
        started = time.monotonic()
        try:
            table = Table(name, row.title, row.measure(bench, row.load))
        except (ProgramFailed, LoadFailed) as why:
            findings.failures[name] = str(why)
            progress(" could not be measured\n")
            continue
        progress(f" {time.monotonic() - started:.0f} s\n")
        print(table.as_text(bench.names), flush=True)
        findings.tables.append(table)
    return findings


def write_json(machine: dict[str, str], bench: Bench, findings: Findings) -> Path:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    report: dict[str, Any] = {"machine": machine, "late_runs": bench.late_runs,
                              "failures": findings.failures,
                              "rows": [table.as_json() for table in findings.tables]}
    path.write_text(json.dumps(report, indent=1) + "\n")
    return path


def write_docs(machine: dict[str, str], bench: Bench, tables: Sequence[Table]) -> None:
    """Between two marks: what stands around them is written by hand."""
    lines = [f"- {key}: {value}" for key, value in machine.items()]
    figures = "\n\n".join(["\n".join(lines), *(table.as_markdown(bench.names) for table in tables)])
    text = DOCS.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")


def main() -> int:
    arguments = parse_arguments()
    arguments.millrace = arguments.millrace.resolve()
    floor = (arguments.floor or build_floor()).resolve()
    raise_descriptor_limit()
    machine = describe_machine(arguments, take_precedence())
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder, cores_awake():
        plan = FULL if arguments.full else QUICK
        bench = Bench(make_columns(arguments.millrace, floor), arguments.millrace, Path(folder),
                      replace(plan, rounds=arguments.rounds or plan.rounds), split_cores())
        findings = measure(bench, arguments.rows)
    verdicts = [verdict for table in findings.tables for verdict in table.verdicts()]
    print(f"\n{verdicts.count(REACHED)} targets reached, {verdicts.count(MISSED)} missed, "
          f"{bench.late_runs} runs with a late generator, {time.monotonic() - started:.0f} s")
    print(f"written to {write_json(machine, bench, findings)}")
    if arguments.write_docs:
        write_docs(machine, bench, findings.tables)
    for name, why in findings.failures.items():
        print(f"{name} could not be measured: {why}", file=sys.stderr)
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
