"""A network of its own for the calling process, and the end of everything that runs in it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import time
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

libc = ctypes.CDLL(None, use_errno=True)


def enter_network() -> None:
    """Moves this process, which must have one thread, into a network namespace with only `lo`."""
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNET if uid == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, "no network namespace: run as root, or allow user namespaces "
                            f"(unshare: {errno.errorcode.get(code, code)})")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    bring_up("lo")


def bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", interface.encode(), 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(sock, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", interface.encode(), flags | IFF_UP))


def die_with_parent() -> None:
    """For a child between fork and exec: its end is certain even if the runner is killed."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def open_network() -> int:
    """A descriptor of this process's network. While one is open the kernel gives the network's
    number to no other, so that it is known by that."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def processes_in(network: int) -> list[int]:
    number = os.fstat(network).st_ino
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.stat(entry / "ns" / "net").st_ino == number:
                    found.append(int(entry.name))
            except OSError:
                pass  # it has ended, or is not ours to look at
    return found


def end_processes_in(network: int) -> None:
    """Kills whatever a test has left behind in its network, each by its id."""
    deadline = time.monotonic() + 10
    while (left := processes_in(network)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
