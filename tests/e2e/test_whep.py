"""WHEP sessions: how they begin, go on at other addresses, and end; what is refused and why."""

from __future__ import annotations

import re
import ssl
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aioice import stun

from harness.namespace import die_with_parent
from harness.patience import patience, wait_until
from harness.player import Player
from harness.publisher import H264_SDP, Publisher
from harness.relay import Relay
from harness.server import DEFAULT_SETTINGS, Server, Servers
from harness.viewer import CM, PROFILES, Halfway, Liar, Viewer, assert_whole
from harness.whep import (FRAGMENT, H264, HTTP_PORT, OPUS, SDP, STARTED, Credentials, Offer, Web,
                          fragment, host_candidate)

AAC = """m=audio 0 RTP/AVP 97\r
a=rtpmap:97 MPEG4-GENERIC/44100/1\r
a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; \
config=1208\r
a=control:trackID=1\r
"""
DEMO = "paths:\n  demo:\n    source: demo\n  all_others:\n"
WEB = Web()
FINGERPRINT = ":".join(["AB"] * 32)
SOMEBODY = Credentials("abcd", "abcdefghijklmnopqrstuvwx")


@pytest.fixture
def whep(millrace: Servers) -> Server:
    return millrace("logLevel: debug\n" + DEMO, wait=STARTED)


@pytest.mark.smoke
def test_aiortc_plays(whep: Server) -> None:
    with Player("demo") as player:
        player.wait_pictures(25)
        assert player.sizes == {(640, 360)}
        wait_until(lambda: len(player.sounds) > 25, "sound")
    whep.wait_log("closed: peer connection closed")


# Where its packets come from and go to

def test_what_is_not_negotiated(whep: Server) -> None:
    """What would change from one sending to the next, and so break a packet's second one."""
    cc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    abs_time = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    offer = Offer(extensions=["1 urn:ietf:params:rtp-hdrext:sdes:mid", f"2 {cc}", f"3 {abs_time}"])
    text = offer.write(SOMEBODY, FINGERPRINT)
    text += "a=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 goog-remb\r\n"
    with Publisher("cam"):
        answer = WEB.expect(201, "POST", "/cam/whep", SDP, text).body.decode()
    assert "nack" in answer
    for word in ("extmap", "transport-cc", "goog-remb"):
        assert word not in answer


def test_candidates_may_come_later(whep: Server) -> None:
    """The server's own check goes out at once to what PATCH brings."""
    with Publisher("cam"), Viewer() as viewer:
        viewer.checks = False
        assert viewer.patch(host_candidate("127.0.0.1", viewer.port)).status == 204
        wait_until(lambda: viewer.checks_heard, "the server's check")
        viewer.checks = True
        viewer.wait_connected().wait_frames(5)


def test_candidates_that_lead_nowhere(whep: Server) -> None:
    """Names of mDNS are passed over without a look-up, and the pair forms by the client's check."""
    candidates = [
        "1 1 udp 2130706431 0f3c8a12-7ad2-4f07-8c39-1f0f4b0f2b40.local 50000 typ host",
        "2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
        "3 1 udp 2130706175 240.0.0.1 9 typ host",
        "4 1 udp 2130706175 ::1 0 typ host",
        "5 1 udp 1677729535 192.0.2.7 1 typ srflx raddr 0.0.0.0 rport 0",
    ]
    with Publisher("cam"), Viewer(offer=Offer(candidates=candidates)) as viewer:
        viewer.wait_connected().wait_frames(5)
    assert not whep.count_log(r"\.local")


def at(address: str) -> Web:
    return Web(connect=lambda: socket.create_connection((address, HTTP_PORT)))


@pytest.mark.parametrize("address, asked_at, offered", [
    ("::1", "::1", ["::1", "127.0.0.1"]),
    ("127.0.0.1", "::1", ["::1", "127.0.0.1"]),
    ("127.0.0.1", "::ffff:127.0.0.1", ["127.0.0.1"]),
])
def test_on_this_machine(whep: Server, address: str, asked_at: str, offered: list[str]) -> None:
    """Who asks by ::1 may have nothing else."""
    with Publisher("cam"), Viewer(web=at(asked_at), address=address) as viewer:
        assert [one for one, _ in viewer.answer.candidates] == offered
        viewer.wait_connected().wait_frames(10)
        assert_whole(viewer.video)


@pytest.mark.parametrize("said, when, logged", [
    ("host", "offer", "host"), ("host", "patch", "host"),
    ("srflx raddr 10.0.0.1 rport 9", "offer", "srflx"),
    ("relay raddr 0.0.0.0 rport 0", "patch", "relay"),
    ("host", "never", "prflx"),
])
def test_type_of_the_clients_candidate(whep: Server, said: str, when: str, logged: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.setblocking(False)
        port = own.getsockname()[1]
        candidate = f"1 1 udp 2130706431 127.0.0.1 {port} typ {said}"
        offer = Offer(candidates=[candidate] if when == "offer" else [])
        with Publisher("cam"), Viewer(offer=offer, connect=False,
                                      make_socket=lambda _: own) as viewer:
            if when == "patch":
                assert viewer.patch(candidate).status == 204
            viewer.start()
            viewer.wait_connected()
            line = whep.wait_log(f"{viewer.session}. peer connection established, (.*)")[1]
            assert line == (f"local candidate: host/udp/127.0.0.1/8189, "
                            f"remote candidate: {logged}/udp/127.0.0.1/{port}")


def test_ice_restart(whep: Server) -> None:
    with Publisher("cam"), Viewer() as viewer:
        viewer.wait_connected().wait_frames(5)
        before = viewer.answer.ice
        response = viewer.restart_ice()
        assert response.status == 200
        assert viewer.answer.ice != before
        assert response.get("ETag") == f'"{viewer.answer.ice.ufrag}"'
        viewer.wait_frames(60)
        viewer.move()
        viewer.wait_frames(20)
        assert viewer.video.numbers == sorted(viewer.video.numbers)
        assert viewer.delete().status == 200


@pytest.mark.parametrize("how", ["client", "router"])
def test_roaming(whep: Server, how: str) -> None:
    """Its packets come from another port from now on: those of the server follow."""
    with Relay() as relay, Publisher("cam"):
        with Viewer(reroute=relay.reroute if how == "router" else None) as viewer:
            for _ in range(3):
                viewer.wait_connected().wait_frames(10)
                if how == "router":
                    relay.rebind()
                else:
                    viewer.move()
            viewer.wait_frames(50)
            assert whep.count_log(f"{viewer.session}. closed") == 0


@pytest.mark.parametrize("profile", [*PROFILES, f"{CM}:SRTP_AEAD_AES_128_GCM"])
def test_srtp_profiles(whep: Server, profile: str) -> None:
    """The server's order decides: GCM, whatever the client prefers."""
    with Publisher("cam"), Viewer(profile=profile) as viewer:
        viewer.wait_connected().wait_frames(20)
        whep.wait_log(f"{viewer.session}. SRTP profile: {profile.split(':')[-1]}$")
        assert not viewer.rejected
        viewer.send_rtcp(b"\x80\xc9\x00\x01\0\0\0\1")
        assert_whole(viewer.video)


@pytest.mark.parametrize("setup", ["actpass", "active"])
def test_the_server_is_the_dtls_server(whep: Server, setup: str) -> None:
    with Publisher("cam"), Viewer(offer=Offer(setup=setup)) as viewer:
        assert viewer.answer.setup == "passive"
        viewer.wait_connected()


def test_client_that_wants_to_be_the_dtls_server(whep: Server) -> None:
    with Publisher("cam"), Viewer(offer=Offer(setup="passive")) as viewer:
        assert viewer.answer.setup == "active"
        viewer.wait_connected().wait_frames(10)
        assert_whole(viewer.video)


def test_ipv6(whep: Server) -> None:
    subprocess.run(["ip", "address", "add", "fd00::1/128", "dev", "lo"], check=True)
    with Publisher("cam"), Viewer(address="::1", connect=False) as viewer:
        viewer.to = ("::1", 8189)  # which no answer names: loopback interfaces are left out
        viewer.start()
        viewer.wait_connected().wait_frames(10)
        assert_whole(viewer.video)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_viewers_on_several_workers(millrace: Servers, workers: int) -> None:
    """The kernel spreads datagrams over the workers; those of a viewer belong to one of them."""
    server = millrace(f"workers: {workers}\n{DEFAULT_SETTINGS}", wait=STARTED)
    with Publisher("one"), Publisher("two"):
        viewers = [Viewer(path) for _ in range(6) for path in ("one", "two")]
        for viewer in viewers:
            viewer.wait_connected()
        for wait in [viewer.frames_to_come(10) for viewer in viewers]:
            wait()
        for viewer in viewers:
            viewer.move()
        for wait in [viewer.frames_to_come(20) for viewer in viewers]:
            wait()
        for viewer in viewers:
            viewer.say_goodbye()
            server.wait_log(f"{viewer.session}. closed: peer connection closed")
            viewer.vanish()


def forge_check(thief: Viewer, sender: Viewer) -> None:
    """One of the thief's, from the address of another viewer, who can't answer what comes back."""
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{thief.answer.ice.ufrag}:{thief.ice.ufrag}"
    message.attributes["PRIORITY"] = 1853824767
    message.attributes["ICE-CONTROLLING"] = 1
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(thief.answer.ice.pwd.encode())
    sender.send(bytes(message))


@pytest.mark.parametrize("workers", [1, 3])
def test_nobody_takes_the_address_of_another(millrace: Servers, workers: int) -> None:
    """What comes from there is the viewer's still: its request for packets, and its goodbye."""
    server = millrace(f"workers: {workers}\n{DEFAULT_SETTINGS}", wait=STARTED)
    with Publisher("cam"), Publisher("other"), Viewer("other") as thief:
        thief.wait_connected()
        for _ in range(4 * workers):
            with Viewer() as victim:
                victim.wait_connected().wait_frames(2)
                for _ in range(3):
                    forge_check(thief, victim)
                before = victim.rejected
                victim.ask_again(victim.video.ssrc, victim.video.numbers[-1])
                wait_until(lambda: victim.rejected > before, "what it has asked for")
                forge_check(thief, victim)
                victim.say_goodbye()
                server.wait_log(f"{victim.session}. closed: peer connection closed")
        thief.wait_frames(5)
        assert_whole(thief.video)


# The end

def test_delete(whep: Server) -> None:
    with Publisher("cam"), Viewer() as viewer, Viewer() as other:
        viewer.wait_connected()
        other.wait_connected()
        assert viewer.delete().status == 200
        assert viewer.was_closed.wait(patience(1))
        whep.wait_log(f"{viewer.session}. closed: terminated")
        assert viewer.delete().status == 404
        other.wait_frames(10)
        assert_whole(other.video)


def test_goodbye_of_the_client(whep: Server) -> None:
    with Publisher("cam"), Viewer() as viewer:
        viewer.wait_connected().wait_frames(1)
        viewer.say_goodbye()
        whep.wait_log(f"{viewer.session}. closed: peer connection closed", timeout=1)
        assert viewer.delete().status == 404


@pytest.mark.limit(90)
@pytest.mark.long
def test_client_that_vanishes(whep: Server) -> None:
    """Nobody answers the checks: the consent runs out after 30 s (RFC 7675)."""
    with Publisher("cam"), Viewer() as stays:
        with Viewer() as viewer:
            viewer.wait_connected().wait_frames(1)
        whep.wait_log(f"{viewer.session}. closed: the client does not answer any more", timeout=40)
        stays.wait_frames(10)
        assert_whole(stays.video)
        assert viewer.delete().status == 404


def test_end_of_the_stream(whep: Server) -> None:
    with Publisher("cam") as publisher, Viewer() as viewer:
        viewer.wait_connected()
        publisher.teardown("cam")
        assert viewer.was_closed.wait(patience(1))
        whep.wait_log(f"{viewer.session}. closed: the stream has ended")
        assert WEB.post("cam", "hello").status == 400


class Shaking(Halfway):
    """Is still amid the handshake, and notes the alerts that end it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.flights = 0
        self.alerts: list[bytes] = []
        super().__init__(*args, **options)

    def _on_dtls(self, data: bytes) -> None:
        self.flights += data[0] == 22
        self.alerts += [data[13:]] if data[0] == 21 else []


@pytest.mark.parametrize("how", ["stream", "delete", "server"])
def test_end_amid_the_handshake(whep: Server, how: str) -> None:
    """The client learns of it at once."""
    with Publisher("cam") as publisher:
        viewer = Shaking()
        wait_until(lambda: viewer.flights, "the server's first flight")
        if how == "stream":
            publisher.teardown("cam")
        elif how == "delete":
            assert viewer.delete().status == 200
        else:
            whep.stop()
        fatal_user_canceled = bytes([2, 90])
        wait_until(lambda: viewer.alerts == [fatal_user_canceled], "the alert", 1)
        viewer.vanish()


def test_end_of_the_server(whep: Server) -> None:
    """It says goodbye to those that are there, trimmed or not, and to those that are coming."""
    with Publisher("cam"), Viewer() as old, Viewer(connect=False):
        old.wait_connected().wait_frames(1)
        wait_until(lambda: old.video.times[-1] - old.video.times[0] > 2.5,
                   "DTLS has given its buffers back")
        with Viewer() as new:
            new.wait_connected()
            whep.stop()
            assert old.was_closed.wait(patience(1)) and new.was_closed.wait(patience(1))


NEVER_CONNECTED = {
    "no check": (Viewer, "no STUN came .*webrtcAdditionalHosts"),
    "no DTLS": (Halfway, "[1-9][0-9]* STUN checks came, and a way was found"),
}


@pytest.mark.parametrize("name", NEVER_CONNECTED)
def test_never_connected(millrace: Servers, name: str) -> None:
    server = millrace("webrtcHandshakeTimeout: 1s\n" + DEMO, wait=STARTED)
    client, words = NEVER_CONNECTED[name]
    offer = Offer(candidates=[host_candidate("127.0.0.1", 9)])
    with Publisher("cam"), client(offer=offer, connect=client is Halfway) as viewer:
        line = server.wait_log(f"WAR .*{viewer.session}. not connected: (.*)")[1]
        assert "local candidates: 127.0.0.1/8189" in line
        assert "remote candidates: 127.0.0.1:9" in line
        assert re.search(words, line)
        server.wait_log(f"{viewer.session}. closed: deadline exceeded while waiting connection")
        assert viewer.delete().status == 404


def test_another_certificate_than_the_offers(whep: Server) -> None:
    with Publisher("cam"), Liar() as viewer:
        whep.wait_log(f"{viewer.session}. closed: DTLS: .*certificate has not the fingerprint")
        assert not viewer.video.packets


# What is refused

NO_CODEC = "codecs not supported by client"
REFUSED = {
    "nothing we have": (Offer(video=[("VP8/90000", "")], audio=[]).write(SOMEBODY, FINGERPRINT),
                        NO_CODEC),
    "other packetization": (Offer(video=[("H264/90000", "packetization-mode=0")],
                                  audio=[]).write(SOMEBODY, FINGERPRINT), NO_CODEC),
    "sends only": (Offer().write(SOMEBODY, FINGERPRINT).replace("recvonly", "sendonly"), NO_CODEC),
    "no fingerprint": (re.sub("a=fingerprint.*\r\n", "",
                              Offer().write(SOMEBODY, FINGERPRINT)), "fingerprint"),
    "no password": (re.sub("a=ice-pwd.*\r\n", "", Offer().write(SOMEBODY, FINGERPRINT)),
                    "ice-pwd"),
    "RTCP on another port": (Offer().write(SOMEBODY, FINGERPRINT).replace("a=rtcp-mux\r\n", ""),
                             "the offer has no rtcp-mux"),
    "no media": ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", ""),
    "cut short": (Offer().write(SOMEBODY, FINGERPRINT)[:130], "ice-ufrag"),
    "rubbish": ("\0\1\2\3" * 100, "failed to unmarshal SDP"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_offers(whep: Server, name: str) -> None:
    offer, words = REFUSED[name]
    with Publisher("cam"), Viewer() as viewer:
        viewer.wait_connected()
        response = WEB.expect(400, "POST", "/cam/whep", SDP, offer)
        assert words in response.body.decode()
        whep.wait_log(f"127.0.0.1 can't read from path 'cam': .*{words}")
        viewer.wait_frames(5)
        assert_whole(viewer.video)


@pytest.mark.parametrize("method, target, status", [
    ("GET", "/whep", 404), ("POST", "/whep", 404), ("GET", "/favicon.ico", 404), ("GET", "/", 404),
    ("HEAD", "/cam/whep", 405), ("PUT", "/cam/whep", 405), ("PATCH", "/cam/whep", 404),
    ("POST", "/cam/whep/secret", 404), ("GET", "/cam/whep/secret", 404),
    ("DELETE", "/cam/whep/secret", 400), ("DELETE", "/cam/", 404), ("OPTIONS", "/cam/", 404),
    ("OPTIONS", "/no~path/whep", 204), ("OPTIONS", "/a/b/c/whep", 204), ("HEAD", "/a/b/c/", 200),
    ("GET", "/cam/publish", 404), ("GET", "/cam/publisher.js", 404), ("GET", "/cam/publish/", 200),
    ("POST", "/cam/whip", 400), ("DELETE", "/cam/whip/secret", 400), ("OPTIONS", "/cam/whip", 204),
])
def test_targets(whep: Server, method: str, target: str, status: int) -> None:
    response = WEB.expect(status, method, target, SDP if method == "POST" else {})
    if "whip" in target and status == 400:
        assert b"publishing by WHIP is not possible in this version" in response.body


def test_large_bodies(whep: Server) -> None:
    offer = Offer().write(SOMEBODY, FINGERPRINT)
    with Publisher("cam"):
        padded = offer + "a=x:" + "y" * 200_000 + "\r\n"
        assert WEB.request("POST", "/cam/whep", SDP, padded).status in (201, 400)
        assert WEB.request("POST", "/cam/whep", SDP, padded * 2).status == 413
        assert WEB.post("cam", offer).status == 201


def test_fragments_that_say_little(whep: Server) -> None:
    with Publisher("cam"), Viewer() as viewer:
        viewer.wait_connected()
        other = fragment(Credentials("other", "")).replace("a=ice-pwd:\r\n", "")
        response = viewer.web.expect(400, "PATCH", viewer.location, FRAGMENT, other)
        assert b"an ICE restart needs an ice-pwd" in response.body
        many = [host_candidate("127.0.0.1", 1000 + i) for i in range(200)]
        assert viewer.patch(*many).status == 204
        viewer.wait_frames(10)
        assert_whole(viewer.video)


# What is left out

def test_aac_is_left_out(whep: Server) -> None:
    with Publisher("cam", H264_SDP + AAC, payload_types=(96, 97)), Viewer() as viewer:
        assert viewer.response.get("X-Skipped-Tracks") == \
            "track 2 (MPEG-4 Audio): browsers can't play it over WebRTC"
        exposed = viewer.response.get("Access-Control-Expose-Headers") or ""
        assert exposed.endswith(", X-Skipped-Tracks")
        whep.wait_log(rf"WAR .*{viewer.session}. skipping track 2 \(MPEG-4 Audio\)")
        whep.wait_log(rf"{viewer.session}. is reading from path 'cam', 1 track \(H264\)")
        viewer.wait_frames(10)
        assert viewer.audio.packets == []


def test_b_frames_are_refused(whep: Server, folder: Path) -> None:
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i",
               "testsrc2=size=320x180:rate=25", "-c:v", "libx264", "-preset", "ultrafast", "-bf",
               "2", "-x264-params", "b-adapt=0", "-g", "25", "-pix_fmt", "yuv420p", "-f", "rtsp",
               "-rtsp_transport", "tcp", "rtsp://127.0.0.1:8554/cam"]
    with subprocess.Popen(command, preexec_fn=die_with_parent) as publisher:
        whep.wait_log("stream is available", 20)
        for _ in range(3):
          with Viewer() as viewer:
            if viewer.response.status == 201:
                whep.wait_log(f"{viewer.session}. closed: .*B-frames")
                assert viewer.was_closed.wait(patience(1))
            else:
                assert b"B-frames" in viewer.response.body
        publisher.kill()


# Settings

def make_certificate(folder: Path, name: str) -> None:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout",
                    folder / "key.pem", "-out", folder / "cert.pem"], check=True,
                   capture_output=True)


def test_https(millrace: Servers, folder: Path) -> None:
    make_certificate(folder, "first.example")
    server = millrace("webrtcEncryption: yes\nwebrtcServerKey: key.pem\n"
                      "webrtcServerCert: cert.pem\n" + DEFAULT_SETTINGS, wait=STARTED)
    server.wait_log(r"listeners on :8889 \(TCP/HTTPS\), :8189 \(UDP/ICE\)")
    web = Web(tls=ssl.create_default_context(cafile=str(folder / "cert.pem")))
    with Publisher("cam"), Viewer(web=web) as viewer:
        viewer.wait_connected().wait_frames(5)
        assert viewer.delete().status == 200
        assert WEB.post("cam", "hello").status == 400
        make_certificate(folder, "second.example")
        renewed = Web(tls=ssl.create_default_context(cafile=str(folder / "cert.pem")))

        def is_renewed() -> bool:
            try:
                return renewed.request("GET", "/cam/").status == 200
            except ssl.SSLError:
                return False

        wait_until(is_renewed, "the new certificate is used", 10)


@pytest.mark.parametrize("settings, words", [
    ("webrtcLocalUDPAddress: :9189\n", r"ERR listen tcp :8889: bind: address already in use$"),
    ("webrtcAddress: :9889\n", r"ERR listen udp :8189: bind: address already in use$"),
])
def test_second_server_on_a_port(whep: Server, millrace: Servers, settings: str,
                                 words: str) -> None:
    second = millrace(f"rtsp: no\nworkers: 2\n{settings}{DEFAULT_SETTINGS}", wait=words)
    second.expected_exit = 1
    assert second.wait_exit() == 1
    with Publisher("cam"), Viewer() as viewer:
        viewer.wait_connected().wait_frames(5)


def test_switched_off(millrace: Servers) -> None:
    millrace("webrtc: no\n" + DEFAULT_SETTINGS)
    with pytest.raises(ConnectionRefusedError):
        WEB.request("GET", "/cam/")


def test_additional_hosts_and_fixed_address(millrace: Servers) -> None:
    millrace("webrtcLocalUDPAddress: 127.0.0.3:9189\n"
             "webrtcAdditionalHosts: [192.0.2.9, no-such-host.invalid]\n" + DEFAULT_SETTINGS,
             wait=STARTED)
    with Publisher("cam"), Viewer(offer=Offer(video=[H264], audio=[OPUS])) as viewer:
        assert list(viewer.answer.candidates) == [("127.0.0.3", 9189), ("192.0.2.9", 9189)]
        viewer.wait_connected().wait_frames(5)


# Names of ours

RESOLVER = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"


class NameServer:
    """Says that every name is at one address, once it is told to answer."""

    def __init__(self) -> None:
        self.questions: list[bytes] = []
        self.address = ""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            question, asker = self._socket.recvfrom(512)
            self.questions.append(question)
            wait_until(lambda: self.address, "it may answer", 30)
            is_a = question[12:].split(b"\0", 1)[1][:2] == b"\0\1"
            answer = (b"\xc0\x0c\0\1\0\1" + struct.pack("!IH", 60, 4) +
                      socket.inet_aton(self.address)) if is_a else b""
            end = question.index(b"\0", 12) + 5
            self._socket.sendto(question[:2] + struct.pack("!HHHHH", 0x8180, 1, is_a, 0, 0) +
                                question[12:end] + answer, asker)


@contextmanager
def server_that_asks(millrace: Servers, folder: Path, settings: str) -> Iterator[Server]:
    """Its name server is that of the test."""
    conf = folder / "resolv.conf"
    conf.write_text(RESOLVER)
    script = f'mount --bind {conf} /etc/resolv.conf && exec "$@"'
    yield millrace(settings, wait=STARTED,
                   wrapper=["unshare", "--mount", "sh", "-c", script, "sh"])


NAMED = "webrtcLocalUDPAddress: 127.0.0.1:8189\nwebrtcAdditionalHosts: [turn.example]\n"


def test_end_while_a_name_server_hangs(millrace: Servers, folder: Path) -> None:
    names = NameServer()
    with server_that_asks(millrace, folder, NAMED + DEFAULT_SETTINGS) as server:
        wait_until(lambda: names.questions, "a question")
        with Publisher("cam"), Viewer() as viewer:
            viewer.wait_connected()
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < patience(1.5)


def test_name_that_is_answered_later(millrace: Servers, folder: Path) -> None:
    """Viewers do not wait for it; later ones get what it says."""
    names = NameServer()
    with server_that_asks(millrace, folder, NAMED + DEFAULT_SETTINGS), Publisher("cam"):
        wait_until(lambda: names.questions, "a question")
        with Viewer() as viewer:
            assert list(viewer.answer.candidates) == [("127.0.0.1", 8189)]
            viewer.wait_connected()
        names.address = "192.0.2.77"

        def candidates() -> list[tuple[str, int]]:
            with Viewer(connect=False) as viewer:
                return list(viewer.answer.candidates)

        wait_until(lambda: candidates() == [("127.0.0.1", 8189), ("192.0.2.77", 8189)],
                   "it is offered")
