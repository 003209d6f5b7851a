"""A raw RTSP client over TCP: says what it is told to, and shows what comes back."""

from __future__ import annotations

import base64
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from harness.patience import patience

DEFAULT_PORT = 8554
DEFAULT_LIMIT = 5


class Closed(Exception):
    """The peer has closed the connection."""


class Frame(NamedTuple):
    channel: int
    payload: bytes


@dataclass
class Response:
    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    def get(self, name: str) -> str | None:
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


def basic(account: str) -> str:
    """The value of an Authorization header for "user:password"."""
    return f"Basic {base64.b64encode(account.encode()).decode()}"


class Rtsp:
    """One connection. Frames that arrive while a response is awaited are kept for read_frame()."""

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT,
                 receive_buffer: int | None = None, account: str | None = None,
                 source: str = "") -> None:
        """With an account, "user:password", each request has it (Basic). It connects from the
        address `source`."""
        self.base = f"rtsp://[{host}]:{port}" if ":" in host else f"rtsp://{host}:{port}"
        self.session: str | None = None
        self.account = account
        self.frames: deque[Frame] = deque()
        self.responses: deque[Response] = deque()
        self._cseq = 0
        self._received = bytearray()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(patience(DEFAULT_LIMIT))
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_frame(self, channel: int, *payloads: bytes, then: bytes = b"") -> None:
        """Interleaved frames, and what follows them, all by one system call."""
        self.send(b"".join(b"$" + bytes([channel]) + len(payload).to_bytes(2, "big") + payload
                           for payload in payloads) + then)

    def send_request(self, method: str, path: str, headers: Mapping[str, str] = {},
                     body: bytes = b"") -> None:
        self._cseq += 1
        all_headers = {"CSeq": str(self._cseq)}
        if self.session:
            all_headers["Session"] = self.session
        if body:
            all_headers["Content-Length"] = str(len(body))
        if self.account:
            all_headers["Authorization"] = basic(self.account)
        all_headers |= headers
        head = [f"{method} {self.url(path)} RTSP/1.0"]
        head += [f"{name}: {value}" for name, value in all_headers.items()]
        self.send("\r\n".join([*head, "", ""]).encode() + body)

    def request(self, method: str, path: str, headers: Mapping[str, str] = {},
                body: bytes = b"") -> Response:
        self.send_request(method, path, headers, body)
        response = self.read_response()
        if session := response.get("Session"):
            self.session = session.split(";")[0]
        return response

    def expect(self, status: int, method: str, path: str, headers: Mapping[str, str] = {},
               body: bytes = b"") -> Response:
        """A request whose answer must have this status."""
        response = self.request(method, path, headers, body)
        assert response.status == status, f"{method} {path}: {response.start}"
        return response

    def setup(self, path: str, track: int, mode: str = "") -> Response:
        transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}{mode}"
        return self.expect(200, "SETUP", f"{path}/trackID={track}", {"Transport": transport})

    def play(self, path: str, tracks: int = 1) -> Response:
        for track in range(tracks):
            self.setup(path, track)
        return self.expect(200, "PLAY", path)

    def announce(self, path: str, sdp: str, record: bool = True) -> None:
        """ANNOUNCE, SETUP of every medium, RECORD. The SDP's controls are trackID=0, 1, ..."""
        self.expect(200, "ANNOUNCE", path, {"Content-Type": "application/sdp"}, sdp.encode())
        for track in range(sdp.count("m=")):
            self.setup(path, track, ";mode=record")
        if record:
            self.expect(200, "RECORD", path)

    def read_response(self) -> Response:
        while not self.responses:
            self._read_more()
        return self.responses.popleft()

    def read_frame(self, channel: int | None = None) -> Frame:
        """The next frame, or the next one of that channel; frames of others are dropped."""
        while True:
            while self.frames:
                frame = self.frames.popleft()
                if channel is None or frame.channel == channel:
                    return frame
            self._read_more()

    def is_closed(self, timeout: float = DEFAULT_LIMIT) -> bool:
        """Whether the peer closes the connection within that time; what it sends before is kept."""
        deadline = time.monotonic() + patience(timeout)
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left)
                self._read_more()
        except Closed:
            return True
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(patience(DEFAULT_LIMIT))
        return False

    def _read_more(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed
        self._received += data
        while self._take_frame() or self._take_response():
            pass

    def _take_frame(self) -> bool:
        received = self._received
        if received[:1] != b"$" or len(received) < 4:
            return False
        end = 4 + int.from_bytes(received[2:4], "big")
        if len(received) < end:
            return False
        self.frames.append(Frame(received[1], bytes(received[4:end])))
        del received[:end]
        return True

    def _take_response(self) -> bool:
        received = self._received
        if received[:1] == b"$" or (end := received.find(b"\r\n\r\n")) < 0:
            return False
        lines = received[:end].decode().split("\r\n")
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name, value.removeprefix(" ")))
        response = Response(lines[0], headers)
        body_end = end + 4 + int(response.get("Content-Length") or 0)
        if len(received) < body_end:
            return False
        response.body = bytes(received[end + 4:body_end])
        del received[:body_end]
        self.responses.append(response)
        return True
