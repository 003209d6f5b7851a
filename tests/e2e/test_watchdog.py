"""A worker that is stuck in a turn is named in the log, and the others go on."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.publisher import Publisher
from harness.rtsp import Rtsp
from harness.server import Server, Servers

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # __WALL: threads too


def thread_named(server: Server, name: str) -> int:
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError(f"no thread '{name}'")


@contextmanager
def held(thread: int) -> Iterator[None]:
    """Stops one thread of a process, as a debugger does."""
    libc = ctypes.CDLL(None, use_errno=True)
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        done = libc.ptrace(request, thread, None, None)
        assert done == 0, os.strerror(ctypes.get_errno())
    os.waitpid(thread, WAIT_ALL)
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, thread, None, None)


def test_a_stuck_worker_is_named(millrace: Servers) -> None:
    server = millrace("workers: 2\npaths:\n  all_others:\n")
    with Publisher("cam") as publisher:  # somebody is there, so the watchdog looks
        del publisher
        with held(thread_named(server, "worker 1")):
            server.wait_log(r"WAR .*worker 1 has been in one turn for more than 2 s", 10)
    with Rtsp() as client:
        client.expect(200, "OPTIONS", "cam")
    assert server.count_log("worker 2 has been") == 0
    server.stop()
