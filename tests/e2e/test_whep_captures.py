"""Replays recorded WHEP requests and compares every answer, header by header, line by line.

The recordings (conversations/whep/) were made with MediaMTX; where we answer otherwise on purpose,
DIFFERENCES says so, and docs/differences.md says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.capture import UUID, Adjust, Exchange, comparable, parse
from harness.publisher import H264_SDP, Publisher
from harness.server import Servers
from harness.whep import SDP, Web

FOLDER = Path(__file__).parent / "conversations" / "whep"
SETTINGS = """
webrtcAddress: 127.0.0.1:18889
webrtcLocalUDPAddress: 127.0.0.1:18189
paths:
  all_others:
"""
USERS = """
authInternalUsers:
  - user: camera
    pass: pubpass
    permissions: [{action: publish}]
  - user: reader
    pass: readpass
    permissions: [{action: read, path: cam1}]
"""
ICE_SERVERS = """
webrtcICEServers2:
  - url: stun:127.0.0.1:18478
  - url: turn:127.0.0.1:18479?transport=udp
    username: myuser
    password: mypass
  - url: turn:127.0.0.1:18480
    username: AUTH_SECRET
    password: mysecret
"""
OPUS = """m=audio 0 RTP/AVP 97\r
a=rtpmap:97 opus/48000/2\r
a=control:trackID=1\r
"""
AAC = """m=audio 0 RTP/AVP 97\r
a=rtpmap:97 MPEG4-GENERIC/44100/1\r
a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; \
config=1208\r
a=control:trackID=1\r
"""
PUBLISHED = {"opus1": H264_SDP + OPUS, "cam1": H264_SDP + AAC}
WEB = Web(port=18889)


# Differences on purpose: each is a row of docs/differences.md.

def set_headers(exchange: Exchange, **values: str) -> None:
    """By names with _ for -."""
    exchange.response.headers = [(name, values.get(name.replace("-", "_"), value))
                                 for name, value in exchange.response.headers]


def server_name(exchange: Exchange) -> None:
    set_headers(exchange, Server="millrace")


def files_have_a_length(exchange: Exchange) -> None:
    if exchange.names_file:
        exchange.response.headers = [
            ("Content-Length", "#LENGTH#") if name == "Transfer-Encoding" else (name, value)
            for name, value in exchange.response.headers]


def we_are_the_dtls_server(exchange: Exchange) -> None:
    """Both lengths change, too: those of the recordings are those of their own numbers."""
    body = exchange.response.body.replace(b"a=setup:active", b"a=setup:passive")
    exchange.response.body = re.sub(rb"a=extmap:\d+ urn:ietf:params:rtp-hdrext:sdes:mid\r\n", b"",
                                    body)
    if body.startswith((b"v=0", b"a=ice-options")):
        set_headers(exchange, Content_Length="#LENGTH#")


def rtcp_is_as_offered(exchange: Exchange) -> None:
    if "a=rtcp-rsize" not in exchange.body:
        exchange.response.body = exchange.response.body.replace(b"a=rtcp-rsize\r\n", b"")


def skipped_tracks_are_named(exchange: Exchange) -> None:
    if exchange.target != "/cam1/whep" or exchange.response.status != 201:
        return
    exposed = exchange.response.get("Access-Control-Expose-Headers")
    set_headers(exchange, Access_Control_Expose_Headers=f"{exposed}, X-Skipped-Tracks")
    names = [name for name, _ in exchange.response.headers]
    exchange.response.headers.insert(names.index("Date"), (
        "X-Skipped-Tracks", "track 2 (MPEG-4 Audio): browsers can't play it over WebRTC"))


DIFFERENCES: tuple[Adjust, ...] = (server_name, files_have_a_length, we_are_the_dtls_server,
                                   rtcp_is_as_offered, skipped_tracks_are_named)


def adjust(exchange: Exchange) -> None:
    for difference in DIFFERENCES:
        difference(exchange)


def open_session() -> str:
    """A session as the recordings had one: its secret."""
    offer = parse(FOLDER / "whep_post_aiortc.http")
    location = WEB.expect(201, "POST", "/opus1/whep", SDP, offer.body).get("Location") or ""
    return location.rpartition("/")[2]


UNKNOWN_SECRET = "5e7e0e3b-0000-4000-8000-000000000000"


def captures() -> Iterator[object]:
    for file in sorted(FOLDER.glob("*.http")):
        marks = []
        if re.search("^page_publish$|^publisher|^whip_post", file.stem):
            marks = [pytest.mark.skip(reason="needs WHIP")]
        yield pytest.param(file, id=file.stem, marks=marks)


@pytest.mark.parametrize("file", captures())
def test_capture(file: Path, millrace: Servers) -> None:
    exchange = parse(file)
    adjust(exchange)
    has_ice_servers = any(name == "Link" for name, _ in exchange.response.headers)
    users = USERS if file.stem.startswith("auth_") else ""
    millrace(SETTINGS + users + (ICE_SERVERS if has_ice_servers else ""))
    with ExitStack() as stack:
        for path, sdp in PUBLISHED.items():
            stack.enter_context(Publisher(path, sdp, payload_types=(96, 97),
                                          account="camera:pubpass"))
        target = exchange.target
        secret = UUID.search(target)
        if secret and secret[0] != UNKNOWN_SECRET:
            target = target.replace(secret[0], open_session())
        if file.stem == "whep_delete_again":
            WEB.expect(200, "DELETE", target)
        got = WEB.request(exchange.method, target, dict(exchange.headers), exchange.body)
        if (length := got.get("Content-Length")) is not None:
            assert int(length) == len(got.body)
            if exchange.response.get("Content-Length") == "#LENGTH#":
                got.headers = [(name, "#LENGTH#" if name == "Content-Length" else value)
                               for name, value in got.headers]
        if exchange.names_file:
            assert len(got.body) > 500
            got.body = b""
        assert comparable(got) == comparable(exchange.response)
