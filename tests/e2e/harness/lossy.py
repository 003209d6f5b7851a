"""A TCP relay that harms the media which a server sends to its readers, and counts the harm."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from enum import Enum

from harness.rtp import Packet
from harness.rtsp import DEFAULT_PORT


class Harm(Enum):
    NONE = 0
    DROP = 1
    TWICE = 2
    SWAP = 3  # with the next packet
    STALL = 4  # everything, for STALL_SECONDS


STALL_SECONDS = 0.5
Choose = Callable[[int, Packet], Harm]  # number of the RTP packet on its connection


class LossyRelay:
    """Listens on `port`; what clients send passes untouched, frames of even channels (RTP) that
    the server sends meet with what `choose` says."""

    def __init__(self, port: int, choose: Choose) -> None:
        self.count = {harm: 0 for harm in Harm}
        self._choose = choose
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> LossyRelay:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", DEFAULT_PORT))
            for work in (lambda c=client, s=server: self._pass_on(c, s),
                         lambda c=client, s=server: self._harm(s, c)):
                threading.Thread(target=work, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other end has gone

    def _harm(self, source: socket.socket, target: socket.socket) -> None:
        received = bytearray()
        held = b""  # waits for the packet that it is swapped with
        number = 0
        try:
            while data := source.recv(65536):
                received += data
                while piece := take_piece(received):
                    harm = Harm.NONE
                    if piece[0] == ord("$") and piece[1] % 2 == 0:
                        harm = self._choose(number, Packet.parse(piece[4:]))
                        number += 1
                    self.count[harm] += 1
                    if harm is Harm.STALL:
                        time.sleep(STALL_SECONDS)
                    if harm is Harm.SWAP:
                        held = piece
                        continue
                    copies = {Harm.DROP: 0, Harm.TWICE: 2}.get(harm, 1)
                    target.sendall(piece * copies + held)
                    held = b""
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def take_piece(received: bytearray) -> bytes:
    """The first interleaved frame or RTSP message, or nothing yet."""
    if received[:1] == b"$":
        end = 4 + int.from_bytes(received[2:4], "big") if len(received) >= 4 else 0
    else:
        head = received.find(b"\r\n\r\n")
        length = 0
        for line in received[:max(head, 0)].lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        end = head + 4 + length if head >= 0 else 0
    if not end or len(received) < end:
        return b""
    piece = bytes(received[:end])
    del received[:end]
    return piece
