"""A pytest plugin that gives each test a process, a network namespace and a time limit.

The process that collected the tests forks for each of them, as many at a time as `--jobs` says.
The child enters a network namespace of its own, so that default ports never clash, runs the one
test with all its fixtures, and sends the reports back through a socket. When it has ended, in
whatever way, everything that still runs in its network is killed.
"""

from __future__ import annotations

import io
import os
import pickle
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from _pytest.runner import runtestprotocol

from harness import namespace
from harness.patience import patience

DEFAULT_LIMIT = 60
CLEANUP_LIMIT = 15  # for the fixtures, after the test's own time


class TookTooLong(Exception):
    pass


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--jobs", type=int, default=os.cpu_count() or 1, help="tests at a time")


def limit_of(item: pytest.Item) -> float:
    marker = item.get_closest_marker("limit")
    return patience(marker.args[0] if marker else DEFAULT_LIMIT)


def on_alarm(_signal: int, _frame: object) -> None:
    raise TookTooLong("the time limit of this test is over (see `limit` in pytest.ini)")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    signal.setitimer(signal.ITIMER_REAL, patience(CLEANUP_LIMIT))


def run_in_child(item: pytest.Item, parent: socket.socket) -> None:
    """The whole life of the child: never returns."""
    namespace.die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    namespace.enter_network()
    socket.send_fds(parent, [pickle.dumps("started")], [namespace.open_network()])
    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, limit_of(item))
    for report in runtestprotocol(item, log=False, nextitem=None):
        data = item.config.hook.pytest_report_to_serializable(config=item.config, report=report)
        parent.sendall(pickle.dumps(data))  # not JSON: a place in the source is a tuple


@dataclass
class Child:
    item: pytest.Item
    pid: int
    socket: socket.socket
    deadline: float
    network: int | None = None  # a descriptor
    received: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls, item: pytest.Item) -> Child:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                run_in_child(item, theirs)
                os._exit(0)
            except BaseException as why:  # the parent reports it, whatever it is
                os.write(2, f"{item.nodeid}: {why!r}\n".encode())
                os._exit(1)
        theirs.close()
        # The alarm inside should always come first: this is for a child that hangs in C code.
        deadline = time.monotonic() + limit_of(item) + 2 * patience(CLEANUP_LIMIT)
        return cls(item, pid, ours, deadline)

    def read(self) -> bool:
        """False at the end."""
        data, descriptors, _, _ = socket.recv_fds(self.socket, 65536, 1)
        if descriptors:
            self.network = descriptors[0]
        self.received += data
        return bool(data)

    def end(self, kill: bool) -> Iterator[pytest.TestReport]:
        """Ends the test's processes and gives its reports; kills it first where it hangs."""
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        self.socket.close()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if self.network is not None:
            namespace.end_processes_in(self.network)
            os.close(self.network)
        messages = unpickle_all(self.received)
        for data in messages[1:]:
            yield self.item.config.hook.pytest_report_from_serializable(
                config=self.item.config, data=data)
        if kill or status != 0 or len(messages) < 3:
            yield self.failure("hung and was killed" if kill else
                               f"the test's process ended with status {status}")

    def failure(self, text: str) -> pytest.TestReport:
        def fail() -> None:
            pytest.fail(text, pytrace=False)

        call = pytest.CallInfo.from_call(fail, when="call")
        return pytest.TestReport.from_item_and_call(self.item, call)


def unpickle_all(data: bytes) -> list:
    """The whole messages; one that was cut short by the sender's end is left out."""
    messages = []
    stream = io.BytesIO(data)
    while True:
        try:
            messages.append(pickle.load(stream))
        except (EOFError, pickle.UnpicklingError):
            return messages


class Runner:
    def __init__(self, session: pytest.Session, jobs: int) -> None:
        self.session = session
        self.jobs = jobs
        self.waiting = deque(session.items)
        self.selector = selectors.DefaultSelector()

    def running(self) -> list[Child]:
        return [key.data for key in self.selector.get_map().values()]

    def run(self) -> None:
        try:
            while self.waiting or self.running():
                while self.waiting and len(self.running()) < self.jobs:
                    self.start(self.waiting.popleft())
                self.turn()
        finally:
            for child in self.running():  # only when interrupted
                list(child.end(kill=True))

    def start(self, item: pytest.Item) -> None:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        child = Child.start(item)
        self.selector.register(child.socket, selectors.EVENT_READ, child)

    def turn(self) -> None:
        now = time.monotonic()
        first = min(child.deadline for child in self.running())
        for key, _ in self.selector.select(max(0, first - now)):
            if not key.data.read():
                self.finish(key.data, kill=False)
        for child in self.running():
            if time.monotonic() > child.deadline:
                self.finish(child, kill=True)

    def finish(self, child: Child, kill: bool) -> None:
        self.selector.unregister(child.socket)
        item = child.item
        for report in child.end(kill):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if self.session.shouldfail:
            raise self.session.Failed(self.session.shouldfail)


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if session.config.option.collectonly:
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    Runner(session, session.config.getoption("jobs")).run()
    return True
