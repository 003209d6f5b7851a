"""Networks that lose, clients that vanish, strangers that send rubbish: other viewers go on."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aioice import stun

from harness.link import NEAR, Link
from harness.media import Client
from harness.patience import PATIENCE, patience, wait_until
from harness.player import Player
from harness.publisher import Publisher
from harness.relay import Harm, Relay
from harness.rtp import FramePart, Packet
from harness.rtsp import Rtsp
from harness.server import Server, Servers
from harness.viewer import Halfway, Viewer, assert_whole, random_bytes, udp_socket
from harness.whep import (FRAGMENT, HTTP_PORT, STARTED, UDP_PORT, Credentials, Offer, Web,
                          fragment)

DEMO = "paths:\n  demo:\n    source: demo\n  all_others:\n"
WEB = Web()
LOST = 2  # the load tool's exit status when packets or frames were
FREEZE = 1.0  # seconds without a picture that a viewer would notice
SOMEBODY = Offer().write(Credentials("abcd", "abcdefghijklmnopqrstuvwx"), ":".join(["AB"] * 32))


@pytest.fixture
def whep(millrace: Servers) -> Server:
    return millrace(DEMO, wait=STARTED)


@contextmanager
def viewer_that_must_not_suffer(frames: int = 20) -> Iterator[Viewer]:
    """Somebody looks on while something else goes wrong: not a packet is lost, nothing freezes."""
    with Publisher("healthy"), Viewer("healthy") as viewer:
        viewer.wait_connected().wait_frames(5)
        began = time.monotonic()
        yield viewer
        viewer.wait_frames(frames)
        assert_whole(viewer.video)
        assert not viewer.video.missing()
        assert viewer.video.longest_pause(began) < FREEZE * PATIENCE
        assert not viewer.was_closed.is_set()


def cpu_seconds(server: Server) -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Networks

def test_pictures_go_on_amid_losses(whep: Server,
                                    record_property: Callable[[str, object], None]) -> None:
    """10 % of the datagrams lost both ways, the others up to 50 ms late, in any order."""
    with Relay() as relay, Player("demo", reroute=relay.reroute) as player:
        player.wait_pictures(10)
        relay.harm = Harm(loss=0.1, jitter=0.05)
        began = time.monotonic()
        player.wait_pictures(100, timeout=20)
        took = time.monotonic() - began
        record_property("longest_freeze_seconds", round(player.longest_freeze(began), 3))
        record_property("pictures_a_second", round(100 / took, 1))
        assert relay.to_viewers.lost > 20
        assert took < 2 * 100 / 25 * PATIENCE, "every other picture is missing"
        assert player.longest_freeze(began) < 2 * FREEZE * PATIENCE


@pytest.mark.parametrize("profile", ["SRTP_AES128_CM_SHA1_80", "SRTP_AEAD_AES_128_GCM"])
def test_lost_packets_are_sent_again(whep: Server, profile: str) -> None:
    """All that is asked for comes, with the same bytes as before."""
    with Publisher("cam", parts=4), Relay(seed=7) as relay:
        with Viewer(reroute=relay.reroute, profile=profile, nack=True) as viewer:
            viewer.wait_connected().wait_frames(5)
            relay.harm = Harm(loss=0.1, jitter=0.05)
            viewer.wait_frames(150, timeout=10)
            relay.harm = Harm()
            last = max(viewer.video.numbers)
            wait_until(lambda: not {n for n in viewer.video.missing() if n < last},
                       "nothing is missing any more")
            assert viewer.resent > 30
            packets = dict(zip(viewer.video.numbers, viewer.video.packets))
            viewer.video.packets = [packets[number] for number in sorted(packets)]
            assert_whole(viewer.video)
            assert viewer.altered == 0


def test_connecting_amid_losses(whep: Server) -> None:
    """Checks and flights of the handshake come again."""
    with Publisher("cam"), Relay(Harm(loss=0.2, jitter=0.02), seed=5) as relay:
        with ExitStack() as stack:
            viewers = [stack.enter_context(Viewer(reroute=relay.reroute)) for _ in range(4)]
            for viewer in viewers:
                viewer.wait_connected(20).wait_frames(5)


def test_requests_for_what_was_sent_are_bounded(whep: Server) -> None:
    """Some thousand NACKs at once: a part of them is answered, and media go on."""
    with viewer_that_must_not_suffer(), Publisher("cam", parts=10), Viewer() as viewer:
        viewer.wait_connected().wait_frames(30)
        numbers = viewer.video.numbers[-200:]
        for _ in range(20):
            viewer.ask_again(viewer.video.ssrc, *numbers[:100])
            viewer.ask_again(viewer.video.ssrc, *numbers[100:])
        wait_until(lambda: viewer.rejected >= 200, "some come twice")
        viewer.wait_frames(60)
        assert viewer.rejected <= 1000, "4000 were asked for, 500 a second are allowed"
        assert viewer.altered == 0


def test_requests_that_make_no_sense(whep: Server) -> None:
    """Authentic RTCP from a client that is out of its mind."""
    dice = random.Random(3)
    with viewer_that_must_not_suffer(), Publisher("cam"), Viewer() as viewer:
        viewer.wait_connected().wait_frames(5)
        ssrc = struct.pack("!I", viewer.video.ssrc)
        for kind in (200, 201, 202, 203, 204, 205, 206, 207):
            for count in range(32):
                body = dice.randbytes(4) + ssrc + dice.randbytes(4 * dice.randrange(40))
                length = dice.choice([len(body) // 4, 0, 0xFFFF, 2])
                viewer.send_rtcp(bytes([0x80 | count, kind]) + struct.pack("!H", length) + body)
        viewer.ask_again(viewer.video.ssrc, *range(0, 65536, 331))
        viewer.wait_frames(20)
        assert not viewer.video.missing()


# A slow or narrow way

def far_viewer(link: Link, path: str = "cam", **options: object) -> Viewer:
    web = Web(host=NEAR, connect=lambda: link.connect(HTTP_PORT))
    return Viewer(path, web=web, make_socket=lambda _: link.udp_socket(),
                  **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("mtu", [1500, 1000, 600])
def test_narrow_way(whep: Server, mtu: int) -> None:
    """Datagrams that do not fit through in one piece, let alone many in one message."""
    with viewer_that_must_not_suffer(), Publisher("cam", parts=6) as _, Link(mtu) as link:
        with far_viewer(link) as viewer:
            viewer.wait_connected().wait_frames(50)
            assert_whole(viewer.video)
            assert not viewer.video.missing()


def test_slow_way(whep: Server) -> None:
    """The socket is full: whole frames are left out up to a keyframe, by the one who is behind
    and by those who share its socket; the server waits without spinning, and reads on."""
    with (Link() as link, Publisher("cam", parts=12) as publisher, Rtsp() as reader,
          Viewer() as local, far_viewer(link) as slow):
        reader.play("cam")
        local.wait_connected().wait_frames(1)
        slow.wait_connected().wait_frames(10)
        link.limit(1_000_000)
        cpu, began = cpu_seconds(whep), time.monotonic()
        wait_until(lambda: stands_still(local), "the socket is full", 20)
        read_frames(reader, publisher.video.frame + 60)
        used = (cpu_seconds(whep) - cpu) / (time.monotonic() - began)
        assert used < 0.5
        link.limit(20_000_000)
        now = publisher.video.frame
        for viewer in (slow, local):
            wait_until(lambda: viewer.video.parts()[-1].frame > now + 20, "it has caught up", 10)
            check_what_was_left_out(viewer)


def test_slow_way_for_many(whep: Server, millrace_bin: Path, folder: Path) -> None:
    """The socket fills up in the midst of a sweep, again and again: what is left out gets no
    number, and nothing goes out that was not encrypted."""
    with Link() as link:
        link.limit(40_000_000)
        load = Client(link.command(
            millrace_bin, "load", "--json", "--url", f"rtsp://{NEAR}:8554/cam%d", "--whep",
            f"http://{NEAR}:{HTTP_PORT}", "--readers", "60", "--bitrate", "1M", "--duration", "4s",
            "--ramp", "1s", "--timeout", "30s"), folder, "load")
        output = load.wait(60, LOST)
    report = json.loads(output[output.index("{\n"):])
    lost = report["lost"]
    assert report["delivered"]["readers"] == 60
    assert lost["frames_lost"] > 100, "the way was wide enough: the test is too weak"
    assert lost["packets_forged"] == lost["packets_broken"] == 0


def stands_still(viewer: Viewer) -> bool:
    return time.monotonic() - viewer.video.times[-1] > 0.3


def read_frames(reader: Rtsp, until: int) -> None:
    """Up to that one; none may be missing."""
    last = None
    while not last or last.frame < until:
        part = FramePart.of(Packet.parse(reader.read_frame(0).payload).payload)
        assert not last or part.frame in (last.frame, last.frame + 1)
        last = part


def check_what_was_left_out(viewer: Viewer) -> None:
    parts = viewer.video.parts()
    gaps = [(before, after) for before, after in zip(parts, parts[1:])
            if after.frame not in (before.frame, before.frame + 1)]
    assert not viewer.video.missing(), "what is left out gets no number"
    assert gaps, "nothing was left out: the test is too weak"
    for before, after in gaps:
        assert before.part == before.parts - 1, f"{before} was cut short"
        assert after.is_keyframe and after.part == 0, f"{after} comes after a gap"


# Strangers

def stun_request(username: str, password: str) -> bytes:
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1853824767
    message.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


def client_hello() -> bytes:
    """The first datagram of a DTLS handshake, or nearly so."""
    body = b"\xfe\xfd" + os.urandom(32) + b"\0\0" + b"\0\2\xc0\x2b" + b"\1\0" + b"\0\0"
    handshake = b"\1" + len(body).to_bytes(3, "big") + b"\0\0\0\0\0" + len(body).to_bytes(3, "big")
    record = handshake + body
    return b"\x16\xfe\xfd" + bytes(8) + len(record).to_bytes(2, "big") + record


FLOODS: dict[str, Callable[[Viewer], bytes]] = {
    "rubbish": lambda _: random_bytes(range(256)),
    "STUN, rubbish": lambda _: b"\0\1\0\x40\x21\x12\xa4\x42" + os.urandom(76),
    "STUN, for nobody": lambda _: stun_request(
        f"000{secrets.choice('123')}{secrets.randbits(36):012o}:x", "x" * 22),
    "STUN, wrong password": lambda viewer: stun_request(f"{viewer.answer.ice.ufrag}:x", "x" * 22),
    "DTLS, rubbish": lambda _: random_bytes(range(20, 64)),
    "DTLS, a first flight": lambda _: client_hello(),
    "RTP": lambda _: random_bytes(range(128, 192)),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_floods_of_strangers(whep: Server, kind: str) -> None:
    """20,000 datagrams: no answer, no log line, hardly any work, and nobody else notices."""
    with viewer_that_must_not_suffer() as viewer:
        patterns = [FLOODS[kind](viewer) for _ in range(200)]
        strangers = [udp_socket("127.0.0.1") for _ in range(10)]
        log_lines = len(whep.lines)
        cpu = cpu_seconds(whep)
        for number in range(20_000):
            strangers[number % 10].sendto(patterns[number % 200], ("127.0.0.1", UDP_PORT))
        viewer.wait_frames(10)
        assert cpu_seconds(whep) - cpu < 0.7 * PATIENCE  # 20 us each, and the viewers
        assert len(whep.lines) == log_lines
        for stranger in strangers:
            with pytest.raises(BlockingIOError):
                stranger.recv(2048)


@pytest.mark.parametrize("kind", FLOODS)
def test_rubbish_from_the_viewers_own_address(whep: Server, kind: str) -> None:
    """Somebody forges it: what is not authentic changes nothing."""
    with viewer_that_must_not_suffer() as viewer:
        for _ in range(2000):
            viewer.send(FLOODS[kind](viewer))
        alert = b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28"
        viewer.send(alert)
        viewer.send(alert[:3] + b"\0\1" + alert[5:])


# Those who begin and do not go on

def give_up_after_post(source: str, count: int) -> str:
    """The last session's URL."""
    web = Web(connect=lambda: socket.create_connection(("127.0.0.1", HTTP_PORT),
                                                       source_address=(source, 0)))
    responses = [web.post("cam", SOMEBODY) for _ in range(count)]
    assert {response.status for response in responses} == {201}
    return responses[-1].get("Location") or ""


def is_gone(location: str) -> bool:
    body = fragment(Credentials("abcd", "abcdefghijklmnopqrstuvwx"))
    return WEB.request("PATCH", location, FRAGMENT, body).status == 404


def test_abandoned_handshakes(millrace: Servers) -> None:
    """A thousand, some of them in the middle: memory is as before."""
    quarantine = {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=1"}
    server = millrace("webrtcHandshakeTimeout: 1s\nlogLevel: error\n" + DEMO, wait=None,
                      env=quarantine)
    wait_until(is_listening, "it listens", 10)
    with viewer_that_must_not_suffer(), Publisher("cam"):
        before = server.rss()
        for number in range(3):
            with ExitStack() as stack, ThreadPoolExecutor() as pool:
                halfway = [stack.enter_context(Halfway()) for _ in range(40)]
                jobs = [pool.submit(give_up_after_post, f"127.0.1.{i}", 240) for i in range(4)]
                for location in [*(job.result() for job in jobs), halfway[-1].location]:
                    wait_until(lambda: is_gone(location), "the session is gone", 10)
            if number == 0 and is_sanitized(server):
                before = server.rss()  # a sanitizer's allocator keeps what it once had
            wait_until(lambda: server.rss() < before + (4 << 20) * PATIENCE, "memory is as before")


def is_sanitized(server: Server) -> bool:
    code = Path(f"/proc/{server.pid}/exe").read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def is_listening() -> bool:
    try:
        return WEB.request("GET", "/cam/").status == 200
    except OSError:
        return False


def test_fifty_at_once(whep: Server) -> None:
    """All get their pictures, and who looks on already sees no stutter."""
    with viewer_that_must_not_suffer(), Publisher("cam"), ExitStack() as stack:
        with ThreadPoolExecutor(50) as pool:
            viewers = [stack.enter_context(viewer)
                       for viewer in pool.map(lambda _: Viewer(), range(50))]
        for viewer in viewers:
            viewer.wait_connected(10)
        for wait in [viewer.frames_to_come(5, 10) for viewer in viewers]:
            wait()


def test_end_of_the_server_amid_requests(whep: Server) -> None:
    """POSTs, handshakes and viewers in all stages when it ends: it ends well, and frees all."""
    with Publisher("cam"), ExitStack() as stack:
        for number in range(6):
            stack.enter_context(Halfway() if number % 2 else Viewer())

        def post_until_it_ends() -> None:
            try:
                while True:
                    WEB.post("cam", SOMEBODY)
            except OSError:
                pass

        with ThreadPoolExecutor(8) as pool:
            for _ in range(8):
                pool.submit(post_until_it_ends)
            whep.wait_log("created by", count=30)
            whep.stop()


@pytest.mark.stress
@pytest.mark.limit(90)
def test_coming_and_going(millrace: Servers) -> None:
    """Viewers and publishers, on two workers, in all ways of ending."""
    server = millrace("workers: 2\n" + DEMO, wait=STARTED)
    until = time.monotonic() + patience(4)
    came: list[Viewer] = []

    def watch(seed: int) -> None:
        dice = random.Random(seed)
        while time.monotonic() < until:
            with Viewer(dice.choice(["cam1", "cam2", "demo"])) as viewer:
                if viewer.response.status != 201:
                    continue
                if dice.random() < 0.8:
                    wait_until(lambda: viewer.video.packets or
                               server.count_log(f"{viewer.session}. closed"), "media or the end")
                    came.append(viewer)
                endings: list[Callable[[], object]] = [
                    viewer.delete, viewer.say_goodbye, viewer.move, viewer.restart_ice,
                    viewer.vanish]
                dice.choice(endings)()

    def publish(path: str) -> None:
        while time.monotonic() < until:
            with Publisher(path) as publisher:
                publisher.was_closed.wait(0.7)

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(watch, seed) for seed in range(4)]
        jobs += [pool.submit(publish, path) for path in ("cam1", "cam2")]
        for job in jobs:
            job.result()
    assert len(came) > 10
    server.stop()
