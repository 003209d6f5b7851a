"""Who runs where: what makes two runs of the same program alike."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

PRIORITY = 10
TURNS_BETWEEN_LOOKS = 1_000_000


@dataclass(frozen=True)
class Cores:
    """Who runs where."""

    program: Sequence[int]
    generator: Sequence[int]  # it receives too, and so does whoever receives from the floor

    def narrowed(self) -> Cores:
        """To one core for the program."""
        return Cores(self.program[:1], self.generator)


def split_cores() -> Cores:
    """The last one for the generator: a thread that is woken now on its waker's core and now on
    another costs twice as much there, and no two runs would be alike."""
    cores = sorted(os.sched_getaffinity(0))
    return Cores(cores[:-1] or cores, cores[-1:])


def take_precedence() -> bool:
    """Over whatever else runs here; all programs inherit it. False: not allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True


def give_precedence_back() -> None:
    """For programs whose many threads must not keep the server from running."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def start_spinner(core: int) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    os.sched_setaffinity(0, [core])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == parent:
        for _ in range(TURNS_BETWEEN_LOOKS):
            pass
    os._exit(0)


@contextmanager
def cores_awake() -> Iterator[None]:
    """A core that sleeps wakes up with cold caches, above all in a virtual machine, and whether it
    slept depends on what else runs here. So something runs on each, whenever nothing else does."""
    spinners = [start_spinner(core) for core in sorted(os.sched_getaffinity(0))]
    try:
        yield
    finally:
        for pid in spinners:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
