"""What the log says of viewers that can't be served: once, and which setting is the reason."""

from __future__ import annotations

import re
import socket
import subprocess

import pytest

from harness.publisher import H264_SDP, Publisher
from harness.server import DEFAULT_SETTINGS, Server, Servers
from harness.viewer import Viewer
from harness.whep import HTTP_PORT, STARTED, Credentials, Offer, Web

WEB = Web()
OFFER = Offer().write(Credentials("abcd", "abcdefghijklmnopqrstuvwx"), ":".join(["AB"] * 32))
H265_SDP = re.sub("a=fmtp.*\r\n", "", H264_SDP.replace("H264", "H265"))
SERVER = "10.7.0.1"  # an address that is not of this machine alone, as the program sees it
REMOTE = Web(connect=lambda: socket.create_connection((SERVER, HTTP_PORT),
                                                      source_address=("10.7.0.2", 0)))


@pytest.fixture
def network() -> None:
    subprocess.run(["ip", "address", "add", f"{SERVER}/24", "dev", "lo"], check=True)


def lines_since(server: Server, start: int) -> list[str]:
    """Without their times; what is counted is reported at the end."""
    server.stop()
    return [line[len("2006/01/02 15:04:05 "):] for line in server.lines[start:]
            if "WebRTC" in line and "closing" not in line]


# Refusals

REFUSALS = {
    "codec": (H265_SDP, "cam", r"codecs not supported by client \(track 1 \(H265\): .*\)"),
    "stream": (H264_SDP, "other", "no stream is available on path 'other'"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_page_that_keeps_asking_is_one_line(millrace: Servers, name: str) -> None:
    """A tab asks about once a second: neither its port nor a session's id makes the line new."""
    server = millrace(wait=STARTED)
    sdp, path, why = REFUSALS[name]
    with Publisher("cam", sdp):
        start = len(server.lines)
        assert 201 not in {WEB.post(path, OFFER).status for _ in range(10)}
        first, repeats = lines_since(server, start)
    line = rf"\[WebRTC\] 127\.0\.0\.1 can't read from path '{path}': {why}"
    assert re.fullmatch(f"INF {line}", first)
    assert re.fullmatch(rf"INF \(repeated 9 times\) {line}", repeats)


def test_a_session_is_told_from_its_answer_on(millrace: Servers) -> None:
    server = millrace(wait=STARTED)
    aac = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/44100/1\r\na=control:trackID=1\r\n" \
          "a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;" \
          "indexdeltalength=3;config=1208\r\n"
    with Publisher("cam", H264_SDP + aac, payload_types=(96, 97)), Viewer() as viewer:
        server.wait_log(f"{viewer.session}. is reading")
        said = [line.split(f"{viewer.session}] ")[1].split()[0] for line in server.lines
                if viewer.session in line]
        assert said == ["created", "skipping", "peer", "is"]


# Candidates of ours

WITHOUT_CANDIDATES = {
    "wrong name": ("webrtcIPsFromInterfacesList: [eth9]\n",
                   ["webrtcIPsFromInterfacesList: there is no interface 'eth9'; there are: lo"],
                   "no interface of 'webrtcIPsFromInterfacesList' is up"),
    "off": ("webrtcIPsFromInterfaces: no\nwebrtcAdditionalHosts: [0.0.0.0]\n",
            ["webrtcAdditionalHosts: '0.0.0.0' is no address that a viewer could send to"],
            "'webrtcIPsFromInterfaces' is off"),
    "loopback only": ("", [], "write one into 'webrtcAdditionalHosts'"),
}


@pytest.mark.parametrize("name", WITHOUT_CANDIDATES)
def test_no_candidate(millrace: Servers, network: None, name: str) -> None:
    """Said at start, at the first request, and when a session fails."""
    settings, at_start, reason = WITHOUT_CANDIDATES[name]
    server = millrace("webrtcHandshakeTimeout: 1s\n" + settings + DEFAULT_SETTINGS, wait=STARTED)
    assert [line.split(" WAR ")[1] for line in server.lines if " WAR " in line] == at_start
    with Publisher("cam"), Viewer(web=REMOTE, connect=False) as viewer:
        assert not viewer.answer.candidates
        server.wait_log(rf"WAR \[WebRTC\] viewers are told no address to connect to: .*{reason}")
        for _ in range(3):
            REMOTE.post("cam", OFFER)
        line = server.wait_log(f"{viewer.session}. not connected: (.*)")[1]
        assert "local candidates: none" in line and "is the UDP port open" not in line
        assert re.search(f"no STUN came from the client: .*{reason}", line)
    server.stop()
    assert server.count_log("viewers are told no address") == 1


def test_interfaces_that_do_not_matter(millrace: Servers) -> None:
    """With an address of its own the UDP port uses none; this one exists."""
    server = millrace("webrtcLocalUDPAddress: 127.0.0.1:8189\n"
                      "webrtcIPsFromInterfacesList: [eth9]\n" + DEFAULT_SETTINGS, wait=STARTED)
    server.stop()
    other = millrace("webrtcIPsFromInterfacesList: [lo]\n" + DEFAULT_SETTINGS, wait=STARTED)
    assert not server.count_log("no interface") and not other.count_log("no interface")


@pytest.mark.parametrize("host, why", [
    ("0.0.0.0", "is no address that a viewer could send to"),
    ("'::'", "is no address that a viewer could send to"),
    ("224.0.0.1", "is no address that a viewer could send to"),
    ("'fe80::1%lo'", "is no address that a viewer could send to"),
    ("'[::1]'", "is no name; write an address or a name without brackets, port"),
    ("192.0.2.1:99", "is no name; write an address or a name without brackets, port"),
    ("https://host.example", "is no name; write an address or a name without brackets, port"),
    ("''", "is empty"),
])
def test_additional_hosts_that_are_none(millrace: Servers, host: str, why: str) -> None:
    """They are left out, and the others count."""
    server = millrace(f"webrtcAdditionalHosts: [{host}, 192.0.2.9]\n" + DEFAULT_SETTINGS,
                      wait=STARTED)
    text = host.strip("'")
    server.wait_log(f"WAR webrtcAdditionalHosts: '{re.escape(text)}' {why}")
    with Publisher("cam"), Viewer(connect=False) as viewer:
        assert [address for address, _ in viewer.answer.candidates] == ["127.0.0.1", "192.0.2.9"]
