"""The tests' own ground: what isolates them must catch what it is there for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import namespace

HERE = Path(__file__).parent


def run_tests(folder: Path, text: str, *options: str) -> str:
    """Runs a file of tests with the plugin, in a pytest of its own."""
    (folder / "conftest.py").write_text('pytest_plugins = ["harness.isolate"]\n')
    (folder / "pytest.ini").write_text((HERE / "pytest.ini").read_text())
    (folder / "test_inner.py").write_text(text)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-rA", *options, str(folder)],
                          env={**os.environ, "PYTHONPATH": str(HERE), "MILLRACE_PATIENCE": "1"},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_every_test_has_all_ports_for_itself(folder: Path) -> None:
    text = """
import socket, time
import pytest

@pytest.mark.parametrize("turn", range(2))
def test_bind(turn):
    with socket.create_server(("127.0.0.1", 8554)) as server:
        with socket.create_connection(("127.0.0.1", 8554)):
            time.sleep(0.5)
"""
    started = time.monotonic()
    assert "2 passed" in run_tests(folder, text, "--jobs=2")
    assert time.monotonic() - started < 10


def test_outcomes_come_through(folder: Path) -> None:
    text = """
import os
import pytest

def test_good(): pass
def test_bad(): assert 1 == 2, "two is another number"
def test_skipped(): pytest.skip("not on Sundays")
def test_crash(): os._exit(3)
@pytest.fixture
def broken():
    yield
    raise RuntimeError("while cleaning up")
def test_teardown(broken): pass
"""
    output = run_tests(folder, text)
    assert "2 failed, 2 passed, 1 skipped, 1 error" in output
    for word in ("two is another number", "not on Sundays", "ended with status 3",
                 "while cleaning up"):
        assert word in output


@pytest.mark.parametrize("hang", ["time.sleep(60)", "signal.pthread_sigmask(signal.SIG_BLOCK, "
                                  "[signal.SIGALRM]); time.sleep(60)"])
def test_what_hangs_is_ended_with_all_it_started(folder: Path, hang: str) -> None:
    text = f"""
import signal, subprocess, time
import pytest
from pathlib import Path
import harness.isolate
harness.isolate.CLEANUP_LIMIT = 1

@pytest.mark.limit(1)
def test_hang():
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"])
    Path("{folder}/network").write_text(harness.namespace.current_network())
    {hang}
"""
    output = run_tests(folder, text)
    assert "1 failed" in output
    assert re.search("time limit of this test is over|hung and was killed", output)
    network = (folder / "network").read_text()
    assert network != namespace.current_network()
    assert namespace.processes_in(network) == []
