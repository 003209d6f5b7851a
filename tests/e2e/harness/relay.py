"""A UDP relay between viewers and a server that harms what it passes on, by a seeded dice."""

from __future__ import annotations

import heapq
import itertools
import random
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from harness.datagrams import bind_patiently
from harness.whep import CANDIDATE, UDP_PORT

HOST = "127.0.0.1"
Address = tuple[str, int]


@dataclass
class Harm:
    """What may happen to a datagram; times in seconds."""

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0  # up to so much more, each datagram for itself: so their order changes


@dataclass
class Counts:
    passed: int = 0
    lost: int = 0


class Relay:
    """Viewers send to its port; the server sees a port of its own for each of them."""

    def __init__(self, harm: Harm = Harm(), *, seed: int = 1, server: Address = (HOST, UDP_PORT),
                 ) -> None:
        self.harm = harm
        self.to_viewers = Counts()
        self.to_server = Counts()
        self.is_cut = False
        self._server = server
        self._dice = random.Random(seed)
        self._front = self._open()
        self._ways: dict[Address, socket.socket] = {}  # by the viewer's address
        self._due: list[tuple[float, int, Callable[[], object]]] = []  # heap
        self._order = itertools.count()
        self._stopping = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join()
        for sock in (self._front, *self._ways.values()):
            sock.close()

    @property
    def port(self) -> int:
        port: int = self._front.getsockname()[1]
        return port

    def reroute(self, sdp: str) -> str:
        """The server's answer with the relay in the place of its candidates."""
        return CANDIDATE.sub(rf"\1 {HOST} {self.port} typ host", sdp)

    def rebind(self) -> None:
        """From now on the server sees other ports, as if a router had been restarted."""
        with self._lock:
            for viewer, old in list(self._ways.items()):
                self._ways[viewer] = self._open()
                old.close()

    @staticmethod
    def _open() -> socket.socket:
        return bind_patiently(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), HOST)

    def _run(self) -> None:
        while not self._stopping:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            left = self._due[0][0] - now if self._due else 0.01
            with self._lock:
                ways = dict(self._ways)
            sockets = [self._front, *ways.values()]
            try:
                ready, _, _ = select.select(sockets, [], [], min(left, 0.01))
            except (OSError, ValueError):
                continue  # one of them has just been closed
            viewers = {id(sock): viewer for viewer, sock in ways.items()}
            for sock in ready:
                self._take(sock, viewers.get(id(sock)))

    def _take(self, sock: socket.socket, viewer: Address | None) -> None:
        """All that waits on one socket; `viewer` None: on the one that all viewers share."""
        while True:
            try:
                data, sender = sock.recvfrom(65536)
            except OSError:
                return
            if viewer:
                self._meet(self.to_viewers, data, partial(self._front.sendto, data, viewer))
            else:
                self._meet(self.to_server, data, partial(self._to_server, data, sender))

    def _meet(self, counts: Counts, data: bytes, pass_on: Callable[[], object]) -> None:
        harm = self.harm
        if self.is_cut or self._dice.random() < harm.loss:
            counts.lost += 1
            return
        counts.passed += 1
        wait = harm.delay + (self._dice.random() * harm.jitter if harm.jitter else 0)
        if not wait:
            self._try(pass_on)
            return
        heapq.heappush(self._due, (time.monotonic() + wait, next(self._order),
                                   lambda: self._try(pass_on)))

    @staticmethod
    def _try(pass_on: Callable[[], object]) -> None:
        try:
            pass_on()
        except OSError:
            pass  # nobody listens there any more

    def _to_server(self, data: bytes, viewer: Address) -> None:
        with self._lock:
            if viewer not in self._ways:
                self._ways[viewer] = self._open()
            self._ways[viewer].sendto(data, self._server)
