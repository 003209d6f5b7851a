"""A running millrace: its settings, its log, its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.namespace import die_with_parent
from harness.patience import patience

DEFAULT_SETTINGS = "paths:\n  all_others:\n"
LISTENS = r"\[RTSP\] started with listener"
LISTENS_LAST = r"\[WebRTC\] started with listener"
SANITIZER = re.compile(r"(Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|runtime error:|is left behind")
START_LIMIT = 10
STOP_LIMIT = 5  # as promised for SIGTERM


class Server:
    """One process. `lines` is what it has written so far, standard error included."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path,
                 env: Mapping[str, str]) -> None:
        self.name = name
        self.lines: list[str] = []
        self.log_path = folder / f"{name}.log"
        self.expected_exit = 0
        self.exit_is_known = False  # to the test, which has asked for it
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            preexec_fn=die_with_parent)
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read_output(self) -> None:
        assert self._process.stdout
        with self.log_path.open("w") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_log(self, pattern: str, timeout: float = 5, count: int = 1) -> re.Match[str]:
        """Waits until `count` lines have matched the pattern; gives the last one's match."""
        deadline = time.monotonic() + patience(timeout)
        with self._news:
            while True:
                found = [match for line in self.lines if (match := re.search(pattern, line))]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "ended" if self._ended else "was silent"
                    raise AssertionError(f"{self.name} {why} without {count} x {pattern!r}:\n" +
                                         "\n".join(self.lines[-30:]))
                self._news.wait(left)

    def count_log(self, pattern: str) -> int:
        with self._news:
            return sum(1 for line in self.lines if re.search(pattern, line))

    def is_running(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait_exit(self, timeout: float = STOP_LIMIT) -> int:
        """The exit status; negative: the signal that ended it."""
        try:
            status = self._process.wait(patience(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end in {patience(timeout):.1f} s") from None
        self._reader.join(patience(2))
        self.exit_is_known = True
        return status

    def stop(self) -> list[str]:
        """Asks it to end, expects a clean end, and gives all it has written."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        status = self.wait_exit()
        self.check_output()
        assert status == self.expected_exit, f"{self.name}: exit status {status}"
        return self.lines

    def check_output(self) -> None:
        reports = [line for line in self.lines if SANITIZER.search(line)]
        assert not reports, f"{self.name}: " + "\n".join(reports)

    def kill(self) -> None:
        self._process.kill()
        self.wait_exit()

    def status(self, field: str) -> int:
        """A number of /proc/PID/status."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(rf"^{field}:\s+(\d+)", text, re.M)
        assert match, f"no {field} in /proc/PID/status"
        return int(match[1])

    def rss(self) -> int:
        """Resident memory, in bytes."""
        return self.status("VmRSS") * 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Servers:
    """Makes the servers of one test."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.started: list[Server] = []

    def __call__(self, settings: str = DEFAULT_SETTINGS, *, env: Mapping[str, str] = {},
                 wrapper: Sequence[str] = (), wait: str | None = LISTENS) -> Server:
        """Starts one with these YAML settings. `wrapper` stands before the command and must exec
        it; `wait` is the log line to wait for, None: do not wait."""
        name = f"millrace-{len(self.started) + 1}"
        conf = self.folder / f"{name}.yml"
        conf.write_text(settings)
        server = Server(name, [*wrapper, self.program, conf], self.folder, env)
        self.started.append(server)
        if wait:
            server.wait_log(wait, START_LIMIT)
        if wait == LISTENS and "webrtc: no" not in settings:
            server.wait_log(LISTENS_LAST, START_LIMIT)
        return server

    def close(self) -> None:
        """Stops all that run; the first complaint is raised when none runs any more."""
        complaints = []
        for server in self.started:
            try:
                if server.exit_is_known:
                    server.check_output()
                else:
                    server.stop()
            except AssertionError as why:
                complaints.append(why)
                server.kill()
        if complaints:
            raise complaints[0]
