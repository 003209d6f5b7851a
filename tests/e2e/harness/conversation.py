"""Recorded RTSP conversations: what a client said, and what another server answered.

A recording has lines `> ` of the client, `< ` of the server and `# ` of remarks. Requests and
responses end with an empty line; a body's lines follow it. Remarks of a known form are checked
too, see REMARKS.
"""

from __future__ import annotations

import hashlib
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.patience import PATIENCE
from harness.rtp import Packet
from harness.rtsp import Closed, Response, Rtsp

SESSION = re.compile(r"(?<=^Session: )[0-9a-f]{32}(?=;|$)", re.M)
NONCE = re.compile(r'(?<=nonce=")[0-9a-f]{32}(?=")')
CLIENT_PORTS = re.compile(r"client_port=(\d+)-(\d+)")
SSRC = re.compile(r"(?<=;ssrc=)[0-9A-F]{8}\b")
DIGEST_PARAM = re.compile(r'(\w+)="([^"]*)"')
RTP_POSITION = re.compile(r"seq=\d+;rtptime=\d+")
SHORT_SILENCE = 1.5  # stands for `no response in 6 s`


@dataclass
class Message:
    head: list[str] = field(default_factory=list)
    body: bytes = b""

    def encode(self) -> bytes:
        return "\r\n".join([*self.head, "", ""]).encode() + self.body

    def response(self) -> Response:
        headers = []
        for line in self.head[1:]:
            name, _, value = line.partition(": ")
            headers.append((name, value))
        return Response(self.head[0], headers, self.body)


@dataclass
class Replay:
    """The state of a replay: the connection, and what stands for the ids of the recording."""

    client: Rtsp
    adjust: Callable[[str, Response], None]  # what differs on purpose: request line, expectation
    passwords: Sequence[str] = ()  # that answers to a challenge were made with
    ids: dict[str, str] = field(default_factory=dict)  # sessions, SSRCs and nonces
    request: str = ""
    last_exchange: float = field(default_factory=time.monotonic)
    ports: dict[int, socket.socket] = field(default_factory=dict)  # that the client has named

    def open_ports(self, text: str) -> None:
        for found in CLIENT_PORTS.finditer(text):
            for port in map(int, found.groups()):
                if port not in self.ports:
                    self.ports[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    self.ports[port].settimeout(5 * PATIENCE)
                    self.ports[port].bind(("127.0.0.1", port))

    def close(self) -> None:
        for sock in self.ports.values():
            sock.close()

    def learn_ids(self, want: str, got: str) -> None:
        """An id met for the first time may be any; from then on it must be that one."""
        for pattern in (SESSION, SSRC, NONCE):
            for recorded, actual in zip(pattern.findall(want), pattern.findall(got)):
                self.ids.setdefault(recorded, actual)

    def translate(self, text: str) -> str:
        for recorded, actual in self.ids.items():
            text = text.replace(recorded, actual)
        return text


    def answer_challenge(self, request: str) -> str:
        """As the client of the recording would have answered the nonce that came."""
        recorded = dict(DIGEST_PARAM.findall(request))
        if "response" not in recorded:
            return request
        method = request.split(" ")[0]
        password = next(one for one in self.passwords
                        if digest(method, recorded, one) == recorded["response"])
        actual = recorded | {"nonce": self.translate(recorded["nonce"])}
        return request.replace(recorded["response"], digest(method, actual, password))


def digest(method: str, params: Mapping[str, str], password: str) -> str:
    """The response of a Digest without qop (RFC 2617)."""
    user = md5(f"{params['username']}:{params['realm']}:{password}")
    return md5(f"{user}:{params['nonce']}:{md5(method + ':' + params['uri'])}")


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


Step = Callable[[Replay], None]


def send(message: Message) -> Step:
    def step(replay: Replay) -> None:
        replay.request = message.head[0]
        replay.open_ports("\n".join(message.head))
        request = replay.answer_challenge(message.encode().decode())
        replay.client.send(replay.translate(request).encode())
        replay.last_exchange = time.monotonic()

    return step


def expect(message: Message) -> Step:
    def step(replay: Replay) -> None:
        response = message.response()
        replay.adjust(replay.request, response)
        want = comparable(response)
        got = comparable(replay.client.read_response())
        replay.last_exchange = time.monotonic()
        replay.learn_ids(want, got)
        assert got == replay.translate(want), replay.request

    return step


def comparable(response: Response) -> str:
    """Everything but what depends on the moment, as text, so that a failure shows a diff."""
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers)
    return RTP_POSITION.sub("seq=#;rtptime=#",
                            f"{response.start}\n{headers}\n\n{response.body.decode()}")


def expect_closed(replay: Replay) -> None:
    try:
        response = replay.client.read_response()
    except Closed:
        return
    raise AssertionError(f"{replay.request}: answered with {response.start}, must be closed")


def expect_silence(replay: Replay) -> None:
    assert not replay.client.is_closed(SHORT_SILENCE / PATIENCE), "the connection was closed"
    assert not replay.client.responses, f"answered: {replay.client.responses[0].start}"


def expect_closed_after(seconds: str) -> Step:
    def step(replay: Replay) -> None:
        assert replay.client.is_closed(float(seconds) + 5), f"still open after {seconds} + 5 s"
        took = time.monotonic() - replay.last_exchange
        assert float(seconds) - 1 < took < float(seconds) + 3 * PATIENCE

    return step


def expect_open_after(seconds: str) -> Step:
    def step(replay: Replay) -> None:
        assert not replay.client.is_closed(float(seconds) / PATIENCE)

    return step


def expect_frame(channel: str, kind: str, payload_type: str, ssrc: str | None) -> Step:
    def step(replay: Replay) -> None:
        data = replay.client.read_frame(int(channel)).payload
        if kind == "RTCP":
            assert data[1] == int(payload_type)
        else:
            packet = Packet.parse(data)
            assert packet.payload_type == int(payload_type)
            assert f"{packet.ssrc:08X}" == replay.ids[(ssrc or "").upper()]

    return step


def expect_datagram(port: str, sender: str, kind: str, payload_type: str, ssrc: str) -> Step:
    def step(replay: Replay) -> None:
        data, got_sender = replay.ports[int(port)].recvfrom(65536)
        host, _, sender_port = sender.partition(":")
        assert got_sender == (host, int(sender_port))
        at = 4 if kind == "RTCP" else 8
        assert data[at:at + 4].hex().upper() == replay.ids[ssrc.upper()]
        assert data[1] & (0xFF if kind == "RTCP" else 0x7F) == int(payload_type)

    return step


REMARKS: tuple[tuple[re.Pattern[str], Callable[..., Step]], ...] = (
    (re.compile(r"interleaved channel (\d+): \d+ (RTP|RTCP) packets, first: pt=(\d+)"
                r"(?:.* ssrc=(\w+))?"),
     expect_frame),
    (re.compile(r"UDP to client port (\d+) from ([\d.:]+): \d+ bytes, (RTP|RTCP) pt=(\d+) "
                r"ssrc=(\w+)"),
     expect_datagram),
    (re.compile(r"server closed the connection after ([\d.]+) s"), expect_closed_after),
    (re.compile(r"still open after ([\d.]+) s"), expect_open_after),
)
ENDINGS = {"[server closed the TCP connection]": expect_closed, "[no response in 6 s]":
           expect_silence}


def parse(text: str) -> list[Step]:
    steps: list[Step] = []
    lines = text.splitlines()
    while lines:
        if lines[0].startswith((">", "<")):
            who = lines[0][0]
            block = take_block(lines, who)
            if who == "<" and block[0] in ENDINGS:
                steps.append(ENDINGS[block[0]])
            else:
                message = parse_message(block)
                steps.append(send(message) if who == ">" else expect(message))
        else:
            steps += parse_remark(lines.pop(0))
    return steps


def take_block(lines: list[str], who: str) -> list[str]:
    """The lines of one message without their marks. A request has no empty line between it and
    its response, and a response none between it and its body but a marked one."""
    block = []
    while lines and lines[0].startswith(who):
        block.append(lines.pop(0)[2:])
    return block


def parse_message(block: list[str]) -> Message:
    end = block.index("") if "" in block else len(block)
    message = Message(block[:end])
    body = "\r\n".join(block[end + 1:]).encode()
    for line in message.head:
        name, _, value = line.partition(": ")
        if name == "Content-Length" and int(value) == len(body) + 2:
            body += b"\r\n"
    message.body = body
    return message


def parse_remark(line: str) -> list[Step]:
    for pattern, make in REMARKS:
        if found := pattern.search(line):
            return [make(*found.groups())]
    return []
