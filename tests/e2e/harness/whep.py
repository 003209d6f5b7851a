"""WHEP's side of HTTP: requests whose answers are seen as they were sent, offers, answers."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.patience import patience
from harness.rtsp import Response

HTTP_PORT = 8889
UDP_PORT = 8189
LIMIT = 10
STARTED = r"\[WebRTC\] started with listeners"  # for whom a test waits
SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
CANDIDATE = re.compile(r"(?<=a=candidate:)(\S+ [12] udp \d+) (\S+) (\d+) typ host")


@dataclass(frozen=True)
class Web:
    """An HTTP server, one connection for each request."""

    host: str = "127.0.0.1"
    port: int = HTTP_PORT
    tls: ssl.SSLContext | None = None
    connect: Callable[[], socket.socket] | None = None  # instead of the usual way

    def request(self, method: str, target: str, headers: Mapping[str, str] = {},
                body: bytes | str = b"") -> Response:
        data = body.encode() if isinstance(body, str) else body
        limit = patience(LIMIT)
        if self.tls:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self.host, self.port, timeout=limit, context=self.tls)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=limit)
        if self.connect:
            connection.sock = self.connect()
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if data:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return Response(f"HTTP/1.1 {answer.status} {answer.reason}", answer.getheaders(),
                            answer.read())
        finally:
            connection.close()

    def post(self, path: str, offer: str) -> Response:
        return self.request("POST", f"/{path}/whep", SDP, offer)

    def expect(self, status: int, method: str, target: str, headers: Mapping[str, str] = {},
               body: bytes | str = b"") -> Response:
        """A request whose answer must have this status."""
        response = self.request(method, target, headers, body)
        assert response.status == status, f"{method} {target}: {response.start} {response.body!r}"
        return response


@dataclass(frozen=True)
class Credentials:
    ufrag: str
    pwd: str


def lines(*text: str) -> str:
    return "".join(f"{line}\r\n" for line in text)


FEEDBACK = ("nack", "nack pli")
H264 = ("H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
OPUS = ("opus/48000/2", "minptime=10;useinbandfec=1")


def medium(kind: str, mid: int, formats: Sequence[tuple[str, str]], first_type: int,
           ice: Credentials, fingerprint: str, setup: str = "actpass",
           more: Sequence[str] = ()) -> str:
    """One medium of an offer; formats have payload types from `first_type` on."""
    types = range(first_type, first_type + len(formats))
    text = lines(f"m={kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, types))}",
                 "c=IN IP4 0.0.0.0", f"a=mid:{mid}", "a=recvonly", "a=rtcp-mux",
                 f"a=ice-ufrag:{ice.ufrag}", f"a=ice-pwd:{ice.pwd}",
                 f"a=fingerprint:sha-256 {fingerprint}", f"a=setup:{setup}", *more)
    for payload_type, (rtpmap, fmtp) in zip(types, formats):
        text += lines(f"a=rtpmap:{payload_type} {rtpmap}",
                      *([f"a=fmtp:{payload_type} {fmtp}"] if fmtp else []),
                      *(f"a=rtcp-fb:{payload_type} {form}" for form in FEEDBACK))
    return text


@dataclass(frozen=True)
class Offer:
    """What a viewer asks for."""

    video: Sequence[tuple[str, str]] = (H264,)  # rtpmap, fmtp
    audio: Sequence[tuple[str, str]] = (OPUS,)
    candidates: Sequence[str] = ()
    setup: str = "actpass"
    extensions: Sequence[str] = ()  # of the video: "1 urn:..."

    def write(self, ice: Credentials, fingerprint: str) -> str:
        media = [(kind, formats) for kind, formats in (("video", self.video),
                                                       ("audio", self.audio)) if formats]
        mids = " ".join(str(mid) for mid in range(len(media)))
        text = lines("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {mids}")
        for mid, (kind, formats) in enumerate(media):
            more = [f"a=candidate:{one}" for one in self.candidates] if mid == 0 else []
            more += [f"a=extmap:{one}" for one in self.extensions] if kind == "video" else []
            text += medium(kind, mid, formats, 96 + 16 * mid, ice, fingerprint, self.setup, more)
        return text


def host_candidate(address: str, port: int, priority: int = 2130706431) -> str:
    return f"1 1 udp {priority} {address} {port} typ host"


def fragment(ice: Credentials, *candidates: str, mid: int = 0) -> str:
    """The body of a PATCH."""
    return lines(f"a=ice-ufrag:{ice.ufrag}", f"a=ice-pwd:{ice.pwd}",
                 "m=video 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mid}",
                 *(f"a=candidate:{one}" for one in candidates))


@dataclass(frozen=True)
class Answer:
    """What a viewer has to know of the server's SDP."""

    ice: Credentials
    setup: str
    candidates: Sequence[tuple[str, int]]  # of component 1
    ssrcs: Mapping[str, int]  # by the kind of their medium

    @classmethod
    def parse(cls, sdp: str) -> Answer:
        ufrag, pwd = one(r"^a=ice-ufrag:(\S+)", sdp), one(r"^a=ice-pwd:(\S+)", sdp)
        setup = re.search(r"^a=setup:(\S+)", sdp, re.M)
        ssrcs = {}
        for part in sdp.split("\r\nm=")[1:]:
            if ssrc := re.search(r"^a=ssrc:(\d+) cname:", part, re.M):
                ssrcs[part.split(" ")[0]] = int(ssrc[1])
        candidates = [(found[2], int(found[3])) for found in CANDIDATE.finditer(sdp)
                      if found[1].split()[1] == "1"]
        return cls(Credentials(ufrag, pwd), setup[1] if setup else "", candidates, ssrcs)


def one(pattern: str, sdp: str) -> str:
    found = re.search(pattern, sdp, re.M)
    assert found, f"no {pattern} in the answer:\n{sdp}"
    return found[1]
