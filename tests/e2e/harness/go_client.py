"""The client written in Go: built before the first test, for inside a test there is no network."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "tests" / "clients" / "gortsplib"
BUILD_LIMIT = 300  # seconds: modules are fetched, once a machine


def build() -> Path | str:
    """The program, or why there is none."""
    if not shutil.which("go"):
        return "there is no Go compiler (go) on this machine"
    program = ROOT / "build" / "clients" / "gortsplib"
    try:
        done = subprocess.run(["go", "build", "-o", program, "."], cwd=SOURCE, text=True,
                              env=os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=BUILD_LIMIT)
    except subprocess.TimeoutExpired:
        return f"go build took more than {BUILD_LIMIT} s"
    if done.returncode == 0:
        return program
    no_modules = any(text in done.stdout for text in ("dial tcp", "lookup ", "reading http"))
    assert no_modules, f"{SOURCE} does not compile:\n{done.stdout}"
    return f"Go's modules cannot be had: {done.stdout.strip().splitlines()[-1]}"
