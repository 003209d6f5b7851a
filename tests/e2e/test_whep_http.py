"""WHEP's HTTP side: where redirects lead, what websites and caches are told, who a client behind a
proxy is, and what one client may hold of the server while others are served."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from harness.patience import patience, wait_until
from harness.publisher import Publisher
from harness.rtsp import Response
from harness.server import DEFAULT_SETTINGS, Server, Servers
from harness.viewer import Viewer
from harness.whep import HTTP_PORT, SDP, STARTED, Credentials, Offer, Web, lines

WEB = Web()
OFFER = Offer().write(Credentials("abcd", "abcdefghijklmnopqrstuvwx"), ":".join(["AB"] * 32))
ON_DEMAND = "paths:\n  demo:\n    source: demo\n    sourceOnDemand: yes\n  all_others:\n"
SERVER = "10.7.0.1"  # an address that is not of this machine alone, as the program sees it
BODY_PART = 200_000
BYTES_OF_A_PEER = 16 << 20


@pytest.fixture
def whep(millrace: Servers) -> Server:
    return millrace("logLevel: debug\n" + DEFAULT_SETTINGS, wait=STARTED)


@pytest.fixture
def network() -> None:
    """Clients on other machines: 10.7.0.2 to 10.7.0.254, and some of an IPv6 network."""
    for address in (f"{SERVER}/24", "fd07::1/128", "fd07::2/128", "fd07::3/128"):
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)


def connect(source: str) -> socket.socket:
    server = "fd07::1" if ":" in source else "127.0.0.1" if source.startswith("127.") else SERVER
    return socket.create_connection((server, HTTP_PORT), patience(10), source_address=(source, 0))


def web_from(source: str) -> Web:
    return Web(connect=lambda: connect(source))


# Redirects

@pytest.mark.parametrize("target, location", [
    ("/a/b%20c?token=x&y=%2F", "/a/b%20c/?token=x&y=%2F"),
    ("//evil.example", "/evil.example/"),
    ("///evil.example/a", "/evil.example/a/"),
    ("/\\evil.example", "/evil.example/"),
    ("\\/evil.example", None),
    ("/\\/\\evil.example?a", "/evil.example/?a"),
    ("http://a.example//evil.example", "/evil.example/"),
    ("/%2Fevil.example", "/%2Fevil.example/"),
    ("/\\", None),
])
def test_redirect_stays_here(whep: Server, target: str, location: str | None) -> None:
    """To a browser two slashes, of either kind, begin another host's name. The query is kept."""
    response = WEB.request("GET", target)
    assert response.get("Location") == location
    assert response.status == 302 if location else response.status in (400, 404)


def test_redirected_path(millrace: Servers) -> None:
    """WHEP's clients follow to another path; a URL of RTSP is nothing for them, nor are the
    credentials in it."""
    server = millrace("""paths:
  cam:
  moved:
    source: redirect
    sourceRedirect: /cam
  away:
    source: redirect
    sourceRedirect: rtsp://me:secret@192.0.2.1/cam
""", wait=STARTED)
    response = WEB.expect(307, "POST", "/moved/whep?a=%2F", SDP, OFFER)
    assert response.get("Location") == "/cam/whep?a=%2F"
    WEB.expect(404, "POST", "/cam/whep", SDP, OFFER)
    with Publisher("cam"):
        created = WEB.expect(201, "POST", str(response.get("Location")), SDP, OFFER)
        assert str(created.get("Location")).startswith("/cam/whep/")
    response = WEB.expect(400, "POST", "/away/whep", SDP, OFFER)
    assert b"path 'away' leads to an RTSP server, where WebRTC can't follow" in response.body
    assert b"secret" not in response.body
    server.wait_log("127.0.0.1 can't read from path 'away': .*RTSP")


# Pages

@pytest.mark.parametrize("name, why", [
    ("%2e%2e/%2e%2e/x", "can't contain dot path segments (../../x)"),
    ("a" * 300, "longer than 255 bytes"),
    ("%ff", "can contain only alphanumeric characters, underscore, dot, minus, slash (\ufffd)"),
    ("a//", "can't end with a slash (a//)"),
], ids=["dots", "long", "no text", "slashes"])
def test_page_of_no_path(whep: Server, name: str, why: str) -> None:
    """It would ask for ever; what its POST would be told is said at once."""
    answer = {"status": "error", "error": f"invalid path name: {why}"}
    page = WEB.expect(400, "GET", f"/{name}/")
    assert json.loads(page.body) == answer
    assert page.get("Content-Type") == "application/json; charset=utf-8"
    assert json.loads(WEB.expect(400, "POST", f"/{name}/whep", SDP, OFFER).body) == answer
    WEB.expect(200, "GET", f"/{'a' * 255}/")


# Websites

def test_allowed_origins(millrace: Servers) -> None:
    millrace("webrtcAllowOrigins: ['https://a.example', 'https://*.b.example']\n" +
             DEFAULT_SETTINGS, wait=STARTED)
    cases = {"https://a.example": True, "https://x.y.b.example": True, "https://b.example": True,
             "http://a.example": False, "https://c.example": False, "": False}
    for origin, is_allowed in cases.items():
        headers = {"Origin": origin} if origin else {}
        for method, target in (("OPTIONS", "/cam/whep"), ("POST", "/cam/whep"),
                               ("GET", "/cam/reader.js")):
            response = WEB.request(method, target, headers)
            assert response.get("Access-Control-Allow-Origin") == (origin if is_allowed else None)
            assert response.get("Vary") == "Origin"


def test_any_origin(whep: Server) -> None:
    response = WEB.request("GET", "/cam/reader.js", {"Origin": "https://a.example"})
    assert response.get("Access-Control-Allow-Origin") == "*"
    assert response.get("Vary") is None


def test_origins_that_allow_nothing(millrace: Servers) -> None:
    origins = "['nonsense', 'http://a.example/path', 'http://b.example']"
    server = millrace(f"webrtcAllowOrigins: {origins}\n" + DEFAULT_SETTINGS, wait=STARTED)
    server.wait_log(r"WAR \[WebRTC\] the allowed origin 'nonsense' allows no website; write it")
    server.wait_log(r"WAR \[WebRTC\] the allowed origin 'http://a.example/path' allows the whole")
    assert server.count_log("allowed origin") == 2


# Proxies

def post_through(proxy: str, forwarded: str) -> Response:
    """By a proxy that says so of its client."""
    return web_from(proxy).request("POST", "/cam/whep", {**SDP, "X-Forwarded-For": forwarded},
                                   OFFER)


@pytest.fixture
def proxied(millrace: Servers, network: None) -> Server:
    return millrace("webrtcTrustedProxies: [10.7.0.2, 'fd07::2/127']\n"
                    "webrtcHandshakeTimeout: 3s\n" + DEFAULT_SETTINGS, wait=STARTED)


def test_client_behind_a_proxy(proxied: Server) -> None:
    """The last address that is no trusted proxy; others may write what they like."""
    assert post_through("10.7.0.2", "203.0.113.9, 198.51.100.1").status == 404
    proxied.wait_log("INF .WebRTC. 198.51.100.1 can't read from path 'cam': no stream")
    cases = (("10.7.0.2", "127.0.0.1, 198.51.100.2", "198.51.100.2"),
             ("10.7.0.2", "198.51.100.3, fd07::3", "198.51.100.3"),
             ("fd07::3", "2001:db8::4", "[2001:db8::4]"),
             ("10.7.0.2", "unknown", "10.7.0.2"),
             ("10.7.0.3", "198.51.100.6", "10.7.0.3"))
    with Publisher("cam"):
        for proxy, forwarded, client in cases:
            assert post_through(proxy, forwarded).status == 201
            proxied.wait_log(rf"created by {re.escape(client)}:\d+$")


def test_clients_behind_a_proxy_have_their_own_limits(proxied: Server) -> None:
    with Publisher("cam"):
        statuses = [post_through("10.7.0.2", "198.51.100.1").status for _ in range(260)]
        assert statuses == 256 * [201] + 4 * [503]
        assert post_through("10.7.0.2", "198.51.100.2").status == 201
        assert {post_through("10.7.0.2", "").status for _ in range(260)} == {201}
        wait_until(lambda: post_through("10.7.0.2", "198.51.100.1").status == 201,
                   "there is room again")


# What one client may hold

@pytest.mark.parametrize("sources, others", [
    (["10.7.0.2"], "10.7.0.3"),
    (["fd07::2", "fd07::3"], "10.7.0.3"),
    (["fd07::2"], "127.0.0.1"),
])
def test_sessions_that_wait_are_capped(millrace: Servers, network: None, sources: list[str],
                                       others: str) -> None:
    millrace("webrtcHandshakeTimeout: 3s\n" + DEFAULT_SETTINGS, wait=STARTED)
    webs = [web_from(source) for source in sources]
    with Publisher("cam"):
        statuses = [webs[i % len(webs)].post("cam", OFFER).status for i in range(260)]
        assert statuses == 256 * [201] + 4 * [503]
        assert web_from(others).post("cam", OFFER).status == 201
        wait_until(lambda: webs[0].post("cam", OFFER).status == 201, "there is room again")


def test_proxy_on_this_machine_speaks_for_many(whep: Server) -> None:
    with Publisher("cam"):
        assert {WEB.post("cam", OFFER).status for _ in range(260)} == {201}


@contextmanager
def half_posts(source: str) -> Iterator[list[socket.socket]]:
    """Requests whose bodies stop short, as many as the server takes, or as make twice its limit."""
    with ExitStack() as stack:
        taken: list[socket.socket] = []
        head = lines("POST /cam/whep HTTP/1.1", "Host: x", "Content-Type: application/sdp",
                     f"Content-Length: {BODY_PART + 1}", "")
        while len(taken) < 2 * BYTES_OF_A_PEER // BODY_PART:
            client = stack.enter_context(connect(source))
            client.sendall(head.encode() + b"x" * BODY_PART)
            client.settimeout(0.05)
            try:
                assert client.recv(4096).startswith(b"HTTP/1.1 503 ")
                break
            except TimeoutError:
                taken.append(client)
        yield taken


def test_bytes_that_wait_are_capped(whep: Server, network: None) -> None:
    """... of one address. Others are served, and so is that one when it has let go."""
    with Publisher("cam"):
        with half_posts("10.7.0.2") as taken:
            assert BYTES_OF_A_PEER / 3 < len(taken) * BODY_PART < BYTES_OF_A_PEER
            whep.wait_log("refused: 503 .*too much of this address is waiting")
            assert web_from("10.7.0.3").post("cam", OFFER).status == 201
            with Viewer() as viewer:
                viewer.wait_connected().wait_frames(5)
        wait_until(lambda: web_from("10.7.0.2").post("cam", OFFER).status == 201,
                   "there is room again")
        with half_posts("127.0.0.1") as taken:
            assert len(taken) * BODY_PART > BYTES_OF_A_PEER


def test_clients_that_do_not_wait_for_an_answer(millrace: Servers, network: None) -> None:
    """They leave while their POST is on its way, to a stream that has to begin: nothing stays."""
    server = millrace("logLevel: debug\n" + ON_DEMAND, wait=STARTED)
    request = lines("POST /demo/whep HTTP/1.1", "Host: x", "Content-Type: application/sdp",
                    f"Content-Length: {len(OFFER)}", "") + OFFER
    for i in range(200):
        with connect("10.7.0.2") as client:
            client.sendall(request.encode())
            time.sleep(i % 20 / 10_000)  # with its stream, its session, its answer on their way
    WEB.expect(201, "POST", "/demo/whep", SDP, OFFER)
    wait_until(lambda: server.count_log("created by") == server.count_log("201 Created") +
               server.count_log("closed: terminated"), "sessions without a client have ended")
    server.stop()  # which counts what is left
