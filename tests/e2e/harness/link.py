"""A second network behind a cable (veth): where real interfaces say what a loopback never does."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harness.datagrams import bind_patiently
from harness.namespace import CLONE_NEWNET, bring_up, libc

NEAR, FAR = "10.99.0.1", "10.99.0.2"
NEAR_DEVICE, FAR_DEVICE = "near0", "far0"

Value = TypeVar("Value")


class Link:
    """The calling process stays at the near end; sockets can be opened at the far one."""

    def __init__(self, mtu: int = 1500) -> None:
        self._network = -1
        self._in_thread(self._make_network)
        far = f"/proc/{os.getpid()}/fd/{self._network}"
        run("ip", "link", "add", NEAR_DEVICE, "mtu", str(mtu), "type", "veth", "peer", "name",
            FAR_DEVICE, "mtu", str(mtu), "netns", far)
        run("ip", "address", "add", f"{NEAR}/24", "dev", NEAR_DEVICE)
        run("ip", "link", "set", NEAR_DEVICE, "up")
        for command in (("address", "add", f"{FAR}/24", "dev", FAR_DEVICE),
                        ("link", "set", FAR_DEVICE, "up")):
            run("nsenter", f"--net={far}", "ip", *command)

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._network)

    def limit(self, bits_a_second: int) -> None:
        """What goes to the far end waits in a queue that is larger than any socket's buffer."""
        run("tc", "qdisc", "replace", "dev", NEAR_DEVICE, "root", "tbf", "rate",
            f"{bits_a_second}bit", "burst", "20000", "limit", "16000000")

    def udp_socket(self, address: str = FAR) -> socket.socket:
        """A UDP socket at the far end."""
        sock = self._at_far_end(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        return bind_patiently(sock, address)

    def command(self, *words: str | Path) -> list[str | Path]:
        """As it is run there."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._network}", *words]

    def connect(self, port: int) -> socket.socket:
        """A TCP connection from there to a server here."""
        return self._at_far_end(lambda: socket.create_connection((NEAR, port)))

    def _make_network(self) -> None:
        check(libc.unshare(CLONE_NEWNET))
        bring_up("lo")
        self._network = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def _at_far_end(self, work: Callable[[], Value]) -> Value:
        def enter_and_work() -> Value:
            check(libc.setns(self._network, CLONE_NEWNET))
            return work()

        return self._in_thread(enter_and_work)

    @staticmethod
    def _in_thread(work: Callable[[], Value]) -> Value:
        """A thread may enter a network of its own; a socket stays in that of its birth."""
        results: list[Value] = []
        thread = threading.Thread(target=lambda: results.append(work()))
        thread.start()
        thread.join()
        assert results, "the thread at the far end has failed"
        return results[0]


def check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def run(*command: str) -> None:
    subprocess.run(command, check=True)
