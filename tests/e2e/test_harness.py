"""The tests' own ground: what isolates them must catch what it is there for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.codecs import find
from harness.server import Servers

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


IGNORE_THE_ALARM = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); "


@pytest.mark.parametrize("then, outcome", [
    ("pass", "1 passed"),
    ("time.sleep(60)", "time limit of this test is over"),
    (IGNORE_THE_ALARM + "time.sleep(60)", "hung and was killed"),
    ("os._exit(1)", "ended with status 1"),
], ids=["passes", "hangs", "is-deaf", "crashes"])
def test_what_a_test_started_ends_with_it(folder: Path, then: str, outcome: str) -> None:
    text = f"""
import os, signal, subprocess, time
import pytest
from pathlib import Path
import harness.isolate
harness.isolate.CLEANUP_LIMIT = 1

@pytest.mark.limit(1)
def test_leaves_processes():
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 1000 & echo $!; wait"],
                             stdout=subprocess.PIPE, text=True)
    Path("{folder}/started").write_text(f"{{child.pid}} {{child.stdout.readline()}}")
    {then}
"""
    output = run_tests(folder, text)
    assert outcome in output
    started = (folder / "started").read_text().split()
    assert len(started) == 2
    assert not any(is_running(pid) for pid in started)


@pytest.mark.parametrize("script, complaint", [
    ("echo '==1==ERROR: AddressSanitizer: heap-use-after-free'; exit 0", "AddressSanitizer"),
    ("echo 'x.c:1:2: runtime error: shift exponent 64'; exit 0", "runtime error"),
    ("exit 66", "exit status 66"),
    ("kill -SEGV $$", "exit status -11"),
    ("trap '' TERM; sleep 1000", "did not end"),
], ids=["address-sanitizer", "undefined-behaviour", "exit-status", "signal", "deaf"])
def test_a_bad_end_of_a_server_is_noticed(folder: Path, script: str, complaint: str) -> None:
    program = folder / "server"
    program.write_text("#!/bin/sh\ntrap '' TERM\n"  # it comes to its bad end in its own time
                       f"echo '[RTSP] started with listener'\n"
                       f"echo '[WebRTC] started with listener'\n{script}\n")
    program.chmod(0o755)
    servers = Servers(program, folder)
    servers()
    with pytest.raises(AssertionError, match=complaint):
        servers.close()
    assert not servers.started[0].is_running()


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("got,where", [("cde", 2), ("abcdef", 0), ("ce", -1), ("dc", -1),
                                       ("fg", -1), ("abcdefa", -1)])
def test_what_is_read_is_in_one_piece(got: str, where: int) -> None:
    assert find(list(got), list("abcdef")) == where
    assert find(got.encode(), b"abcdef") == where
