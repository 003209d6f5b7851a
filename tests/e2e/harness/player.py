"""aiortc as a WHEP client: a whole WebRTC implementation, which decodes pictures."""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from harness.patience import patience, wait_until
from harness.rtsp import Response
from harness.whep import Web

# aiortc offers no address of a loopback interface but others than this one.
ADDRESS = "10.255.255.1"


def add_address() -> None:
    """An address that aiortc takes for one of a network."""
    subprocess.run(["ip", "address", "replace", f"{ADDRESS}/32", "dev", "lo"], check=True)


class Player:
    """Plays a path until it is closed; `pictures` are the times at which they were decoded.
    With `reroute` it offers no candidates, so that the server finds no way past a relay."""

    def __init__(self, path: str, *, web: Web = Web(),
                 reroute: Callable[[str], str] | None = None) -> None:
        add_address()
        self.web = web
        self.pictures: list[float] = []
        self.sizes: set[tuple[int, int]] = set()
        self.sounds: list[float] = []
        self.response: Response | None = None
        self._reroute = reroute
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._open(path))

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(patience(20))

    async def _open(self, path: str) -> None:
        self._connection = RTCPeerConnection()
        self._connection.addTransceiver("video", direction="recvonly")
        self._connection.addTransceiver("audio", direction="recvonly")
        self._connection.on("track", lambda track: self._loop.create_task(self._take(track)))
        await self._connection.setLocalDescription(await self._connection.createOffer())
        offer = self._connection.localDescription.sdp
        if self._reroute:
            offer = re.sub("a=candidate:.*\r\n", "", offer)
        self.response = self.web.post(path, offer)
        assert self.response.status == 201, self.response
        answer = self.response.body.decode()
        if self._reroute:
            answer = self._reroute(answer)
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def _take(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.sizes.add((frame.width, frame.height))
                    self.pictures.append(time.monotonic())
                else:
                    self.sounds.append(time.monotonic())
        except MediaStreamError:
            pass

    def wait_pictures(self, more: int = 1, timeout: float = 10) -> None:
        want = len(self.pictures) + more
        wait_until(lambda: len(self.pictures) >= want, f"{more} more pictures", timeout)

    def longest_freeze(self, since: float) -> float:
        times = [moment for moment in self.pictures if moment >= since]
        return max((b - a for a, b in zip(times, times[1:])), default=1e9)

    def close(self) -> None:
        if self._thread.is_alive():
            self._do(self._connection.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
