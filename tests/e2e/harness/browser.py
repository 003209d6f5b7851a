"""Headless browsers: Debian's Chromium and Firefox ESR, spoken to by their own remote protocols.

Each has a handful of requests: open a page, evaluate an expression, click, take a picture. That
is all these tests need, and so little that no library has to stand in between.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from harness.namespace import die_with_parent
from harness.patience import patience, wait_until

REPLY_LIMIT = 30
VIEWPORT = (1280, 720)

# For the page that is being opened, in ms since it was asked for: when its video showed pictures,
# when it said what, its peer connections, and how long the page itself was kept waiting, by
# whatever else the machine has to do.
WATCH = """
window.pictures = [];
window.words = [];
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
        super(...args);
        peers.push(this);
        this.addEventListener('connectionstatechange', () => {
            if (this.connectionState === 'connected')
                this.connectedAt ??= performance.now();
        });
    }
};
const watch = () => {
    const video = document.querySelector('video');
    const look = (now) => {
        pictures.push(now);
        video.requestVideoFrameCallback(look);
    };
    video?.requestVideoFrameCallback(look);
    const problem = document.getElementById('problem');
    const listen = () => words.push([performance.now(), problem.hidden ? '' : problem.textContent]);
    if (problem)
        new MutationObserver(listen).observe(problem, { attributes: true, childList: true });
};
if (document.readyState === 'loading')
    addEventListener('DOMContentLoaded', watch);
else
    watch();

const BEAT_MS = 10;
const beats = [performance.now()];
setInterval(() => beats.push(performance.now()), BEAT_MS);
const gapsOf = (times) => times.slice(1).map((time, i) => time - times[i]);
window.longestFreeze = (times = pictures) => Math.max(0, ...gapsOf(times));
window.heldUp = (from, to) => gapsOf(beats.filter((time) => from <= time && time <= to))
    .reduce((sum, gap) => sum + Math.max(0, gap - 2 * BEAT_MS), 0);
"""


def add_interface() -> None:
    """Gives this test's network an address besides loopback's, with which browsers don't connect.
    Not named veth...: libnice takes such an interface for a container's."""
    for command in ("link add lan0 type veth peer name lan1", "address add 10.1.1.1/24 dev lan0",
                    "link set lan0 up", "link set lan1 up", "route add default via 10.1.1.2"):
        subprocess.run(["ip", *command.split()], check=True)


class ScriptError(AssertionError):
    """An expression threw."""


class Browser(ABC):
    """One program with one page."""

    _process: subprocess.Popen[bytes]
    _profile: Path

    @abstractmethod
    def open(self, url: str) -> None:
        """Goes to a page; comes back when it is on its way, not when it has arrived."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is waited for."""

    @abstractmethod
    def click(self, x: int, y: int) -> None:
        """With the left button, as a person would."""

    @abstractmethod
    def screenshot(self, path: Path) -> None:
        """As PNG."""

    def close(self) -> None:
        """Ends the program, without asking it, and removes its profile."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)  # its children may still be at work

    def wait(self, expression: str, timeout: float = 10) -> Any:
        """Asks until the expression gives something true; a page that is just being left or
        entered may lack what it names."""

        def ask() -> Any:
            try:
                return self.evaluate(expression)
            except ScriptError:
                return None

        return wait_until(ask, f"in the page: {expression}", timeout)


def move_up(descriptor: int) -> int:
    """Gives it a number that no program has a meaning for."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


class Chromium(Browser):
    """By the DevTools protocol: JSON messages, each ended by a NUL, through two pipes."""

    PROGRAM = "chromium-headless-shell"
    SWITCHES = (
        "--no-sandbox",  # root can't have it
        "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update",
        f"--window-size={VIEWPORT[0]},{VIEWPORT[1]}",
    )

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "chromium"
        read_end, self._requests = map(move_up, os.pipe())
        self._replies, write_end = map(move_up, os.pipe())
        with (folder / "chromium.log").open("wb") as log:
            self._process = subprocess.Popen(
                # The browser's ends must be its descriptors 3 and 4.
                ["bash", "-c", f'exec "$@" 3<&{read_end} 4>&{write_end}', "bash", self.PROGRAM,
                 *self.SWITCHES, f"--user-data-dir={self._profile}", "about:blank"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(read_end, write_end), preexec_fn=die_with_parent)
        os.close(read_end)
        os.close(write_end)
        self._last_id = 0
        self._results: queue.Queue[dict[str, Any]] = queue.Queue()
        self.events: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()
        page = next(target for target in self._ask("Target.getTargets")["targetInfos"]
                    if target["type"] == "page")
        self._page = self._ask("Target.attachToTarget", targetId=page["targetId"],
                               flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.ask("Runtime.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A request of the DevTools protocol about the page."""
        return self._ask(method, self._page, **params)

    def _ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + patience(REPLY_LIMIT)
        while True:
            try:
                reply = self._results.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{method}: no answer") from None
            if reply["id"] == self._last_id:
                break
        assert "error" not in reply, f"{method}: {reply['error']}"
        result: dict[str, Any] = reply["result"]
        return result

    def _read(self) -> None:
        received = b""
        while data := os.read(self._replies, 1 << 20):
            *messages, received = (received + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._results.put(message)
                else:
                    self.events.append(message)

    def run_in_new_pages(self, script: str) -> None:
        """From now on the script runs in each page before its own."""
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        result = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True,
                          returnByValue=True)
        if "exceptionDetails" in result:
            raise ScriptError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, x: int, y: int) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def console(self) -> list[str]:
        """What the page has said on its console, uncaught errors included."""
        lines = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.consoleAPICalled":
                lines.append(" ".join(str(arg.get("value", arg.get("description")))
                                      for arg in params["args"]))
            elif event["method"] == "Runtime.exceptionThrown":
                lines.append(str(params["exceptionDetails"]))
        return lines


class Firefox(Browser):
    """By Marionette: JSON messages behind their length, over TCP."""

    PROGRAM = "firefox-esr"
    PORT = 2828
    PREFERENCES = {
        "marionette.port": PORT,
        "app.update.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "media.gmp-manager.updateEnabled": False,  # it would fetch a codec
        "network.captive-portal-service.enabled": False,
        "toolkit.telemetry.enabled": False,
    }

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "firefox"
        self._profile.mkdir()
        (self._profile / "user.js").write_text("".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in self.PREFERENCES.items()))
        with (folder / "firefox.log").open("wb") as log:
            self._process = subprocess.Popen(
                [self.PROGRAM, "--headless", "--marionette", "--profile", self._profile,
                 f"--width={VIEWPORT[0]}", f"--height={VIEWPORT[1]}", "about:blank"],
                env={**os.environ, "HOME": str(self._profile)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        self._socket: socket.socket = wait_until(self._connect, "Firefox listens", 30)
        self._socket.settimeout(patience(REPLY_LIMIT))
        self._received = b""
        self._last_id = 0
        self._take_message()  # what it is
        self._ask("WebDriver:NewSession", pageLoadStrategy="none")

    def _connect(self) -> Any:
        try:
            return socket.create_connection(("127.0.0.1", self.PORT))
        except OSError:
            return None

    def _take_message(self) -> Any:
        while b":" not in self._received:
            self._receive()
        length, _, self._received = self._received.partition(b":")
        while len(self._received) < int(length):
            self._receive()
        message = self._received[:int(length)]
        self._received = self._received[int(length):]
        return json.loads(message)

    def _receive(self) -> None:
        data = self._socket.recv(1 << 20)
        assert data, "Firefox has gone"
        self._received += data

    def _ask(self, command: str, **params: Any) -> Any:
        self._last_id += 1
        message = json.dumps([0, self._last_id, command, params]).encode()
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _, number, error, result = self._take_message()
        assert number == self._last_id
        if error:
            raise ScriptError(f"{command} {params}: {error}")
        return result

    def open(self, url: str) -> None:
        self._ask("WebDriver:Navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        return self._ask("WebDriver:ExecuteScript", script=f"return ({expression});",
                         args=[], sandbox=None)["value"]

    def click(self, x: int, y: int) -> None:
        self._ask("WebDriver:PerformActions", actions=[
            {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [
                {"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0},
                {"type": "pointerUp", "button": 0}]}])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(
            self._ask("WebDriver:TakeScreenshot", full=False)["value"]))

    def close(self) -> None:
        self._socket.close()
        super().close()
