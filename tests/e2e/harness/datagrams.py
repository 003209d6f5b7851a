"""UDP sockets of tests: a busy machine may keep their readers waiting, and nothing may be lost."""

from __future__ import annotations

import socket

SO_RCVBUFFORCE = 33  # beyond net.core.rmem_max, which root may do
BUFFER = 8 << 20


def bind_patiently(sock: socket.socket, address: str) -> socket.socket:
    """To any port; reading never blocks."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.bind((address, 0))
    sock.setblocking(False)
    return sock
