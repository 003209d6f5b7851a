"""A WHEP viewer made by hand: ICE, DTLS and SRTP in one thread and on one UDP socket.

It sees each packet as it came, which a whole WebRTC implementation would not show, and may do
what no good one does. `player.py` has one that decodes pictures.
"""

from __future__ import annotations

import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aioice import stun
from aiortc.rtcdtlstransport import DTLSv1_get_timeout, DTLSv1_handle_timeout, RTCCertificate
from OpenSSL import SSL  # type: ignore[import]
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from harness.datagrams import bind_patiently
from harness.patience import wait_until
from harness.rtp import FramePart, Packet
from harness.rtsp import Response
from harness.whep import FRAGMENT, Answer, Credentials, Offer, Web, fragment

DTLS_MTU = 1200
RETRY = 0.1  # of checks and of DTLS flights that are not answered
CHECK_EVERY = 1.0
PROFILES = {  # OpenSSL's name: libsrtp's number, lengths of key and salt
    "SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    "SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    "SRTP_AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
}
CM = "SRTP_AES128_CM_SHA1_80"
SENDER_REPORT, RECEIVER_REPORT, RTPFB, PSFB = 200, 201, 205, 206
STAP_A, FU_A = 24, 28
FOREVER = 1e9

Address = tuple[str, int]


def udp_socket(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return bind_patiently(socket.socket(family, socket.SOCK_DGRAM), address)


@dataclass
class Track:
    """What has come of one SSRC, in the order of arrival, each packet once."""

    ssrc: int
    packets: list[Packet] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # extended sequence numbers
    extensions: list[bytes] = field(default_factory=list)  # of their headers (RFC 8285)

    def add(self, packet: Packet) -> list[int]:
        """Gives the numbers between the highest so far and this one: they are missing."""
        highest = max(self.numbers[-64:], default=packet.sequence - 1)
        number = highest + (packet.sequence - highest + 0x8000) % 0x10000 - 0x8000
        self.packets.append(packet)
        self.times.append(time.monotonic())
        self.numbers.append(number)
        return list(range(highest + 1, number))

    def missing(self) -> set[int]:
        if not self.numbers:
            return set()
        return set(range(min(self.numbers), max(self.numbers) + 1)) - set(self.numbers)

    def frames(self) -> list[int]:
        """The timestamps of the frames whose last packet has come."""
        return [packet.timestamp for packet in self.packets if packet.marker]

    def parts(self) -> list[FramePart]:
        """Of frames that an H264Writer has made: parameter sets are left out."""
        return [FramePart.of(packet.payload) for packet in self.packets
                if packet.payload[0] & 0x1F == FU_A]

    def longest_pause(self, since: float = 0) -> float:
        times = [moment for moment in self.times if moment >= since]
        return max((b - a for a, b in zip(times, times[1:])), default=FOREVER)


def assert_whole(track: Track, first: int = 0) -> None:
    """Every part of every frame from the first one on, and none twice."""
    parts = track.parts()[first:]
    for before, after in zip(parts, parts[1:]):
        if before.part == before.parts - 1:
            expected = (before.frame + 1, 0)
        else:
            expected = (before.frame, before.part + 1)
        assert (after.frame, after.part) == expected, f"after {before}: {after}"


class Viewer:
    """POSTs at once; `connect=False` leaves it at that until start()."""

    def __init__(self, path: str = "cam", offer: Offer = Offer(), *, web: Web = Web(),
                 address: str = "127.0.0.1", profile: str = CM, nack: bool = False,
                 reroute: Callable[[str], str] | None = None, connect: bool = True,
                 make_socket: Callable[[str], socket.socket] = udp_socket) -> None:
        self.web = web
        self.ice = Credentials(secrets.token_hex(4), secrets.token_hex(16))
        self.nack = nack
        self.checks = True  # of its own
        self.profile = profile
        self.tracks: dict[str, Track] = {}
        self.reports: list[tuple[float, bytes]] = []  # when, RTCP
        self.resent = 0  # packets that came late, after a NACK or by another way
        self.rejected = 0  # packets that are not authentic, or came twice
        self.altered = 0  # packets with a number that other bytes have had: fatal for GCM
        self.checks_heard: list[Address] = []
        self.was_closed = threading.Event()  # by close_notify
        self.is_connected = threading.Event()
        self._address = address
        self._make_socket = make_socket
        self._socket = make_socket(address)
        self._stopping = False
        self._tie_breaker = secrets.randbits(64)
        self._is_reachable = False
        self._next_check = 0.0
        self._flight: list[bytes] = []  # of DTLS; sent again until there is an answer
        self._next_flight = FOREVER
        self._asked: dict[tuple[int, int], float] = {}  # SSRC, sequence number: until when
        self._sealed: dict[tuple[int, int], int] = {}  # the same: hash of the datagram
        self._lock = threading.Lock()  # of DTLS
        self._dtls = self._make_dtls()
        self._srtp: Session | None = None
        self._out: Session | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.response = web.post(path, offer.write(self.ice, self.fingerprint))
        self.location = self.response.get("Location") or ""
        if self.response.status == 201:
            answer = self.response.body.decode()
            self.read_answer(reroute(answer) if reroute else answer)
            if connect:
                self.start()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.vanish()

    @property
    def video(self) -> Track:
        return self.tracks["video"]

    @property
    def audio(self) -> Track:
        return self.tracks["audio"]

    @property
    def session(self) -> str:
        """How the server's log names it."""
        return f"session {(self.response.get('Id') or '')[:8]}"

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def read_answer(self, sdp: str) -> None:
        self.answer = Answer.parse(sdp)
        self.to = next((one for one in self.answer.candidates
                        if (":" in one[0]) == (":" in self._address)), ("", 0))
        self.tracks = {kind: Track(ssrc) for kind, ssrc in self.answer.ssrcs.items()}
        if self.answer.setup == "active":
            self._dtls.set_accept_state()
        else:
            self._dtls.set_connect_state()

    # What a test asks for

    def start(self) -> None:
        self._thread.start()

    def wait_connected(self, timeout: float = 5) -> Viewer:
        wait_until(self.is_connected.is_set, "DTLS is through", timeout)
        return self

    def wait_frames(self, more: int = 1, timeout: float = 5) -> Viewer:
        """Waits for so many more frames of the video."""
        self.frames_to_come(more, timeout)()
        return self

    def frames_to_come(self, more: int, timeout: float = 5) -> Callable[[], None]:
        """Counts from now on; what it gives waits for them."""
        want = len(self.video.frames()) + more

        def wait() -> None:
            wait_until(lambda: len(self.video.frames()) >= want, f"{more} more frames", timeout)

        return wait

    def patch(self, *candidates: str) -> Response:
        return self.web.request("PATCH", self.location, FRAGMENT, fragment(self.ice, *candidates))

    def delete(self) -> Response:
        return self.web.request("DELETE", self.location)

    def restart_ice(self, *candidates: str) -> Response:
        """By PATCH; from then on it uses the new credentials."""
        self.ice = Credentials(secrets.token_hex(4), secrets.token_hex(16))
        response = self.patch(*candidates)
        if response.status == 200:
            answer = Answer.parse(response.body.decode())
            self.answer = Answer(answer.ice, self.answer.setup, self.answer.candidates,
                                 self.answer.ssrcs)
            self._next_check = 0
        return response

    def move(self) -> None:
        """Goes on from another port."""
        old, self._socket = self._socket, self._make_socket(self._address)
        self._next_check = 0
        old.close()

    def send(self, datagram: bytes) -> None:
        """Anything, from its address."""
        try:
            self._socket.sendto(datagram, self.to)
        except OSError:
            pass  # as any network may lose it

    def ask_again(self, ssrc: int, *numbers: int) -> None:
        """A NACK; numbers may be extended ones."""
        fields = b"".join(struct.pack("!HH", number & 0xFFFF, 0) for number in numbers)
        self.send_rtcp(struct.pack("!BBHII", 0x81, RTPFB, 2 + len(numbers), 1, ssrc) + fields)

    def send_rtcp(self, packet: bytes) -> None:
        assert self._out
        self.send(self._out.protect_rtcp(packet))

    def say_goodbye(self) -> None:
        """close_notify."""
        with self._lock:
            try:
                self._dtls.shutdown()
            except SSL.Error:
                return  # before the handshake's end there is nobody to say it to
            self._send_flight()
            self._flight = []

    def vanish(self) -> None:
        self._stopping = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            now = time.monotonic()
            if self.checks and now >= self._next_check:
                self._send_check(now)
            if now >= self._next_flight and self._flight:
                self._repeat_flight(now)
            sock = self._socket
            try:
                select.select([sock], [], [], RETRY / 4)
                for _ in range(100):
                    data, sender = sock.recvfrom(2048)
                    self._receive(data, sender[:2])
            except (BlockingIOError, ValueError):
                pass
            except OSError:
                time.sleep(0.001)  # the port has moved, or nobody listens at the other end

    def _receive(self, data: bytes, sender: Address) -> None:
        if not data:
            return
        if data[0] < 4:
            self._on_stun(data, sender)
        elif 20 <= data[0] < 64:
            with self._lock:
                self._on_dtls(data)
        elif data[0] >= 128 and self._srtp:
            self._on_srtp(data)

    # ICE (RFC 8445): controlling, with aggressive nomination

    def _send_check(self, now: float) -> None:
        message = stun.Message(message_method=stun.Method.BINDING,
                               message_class=stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self.answer.ice.ufrag}:{self.ice.ufrag}"
        message.attributes["PRIORITY"] = 1853824767
        message.attributes["ICE-CONTROLLING"] = self._tie_breaker
        message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(self.answer.ice.pwd.encode())
        self.send(bytes(message))
        self._next_check = now + (CHECK_EVERY if self._is_reachable else RETRY)

    def _on_stun(self, data: bytes, sender: Address) -> None:
        try:
            message = stun.parse_message(data)
        except ValueError:
            return
        if message.message_class == stun.Class.RESPONSE:
            self._on_reachable()
        elif message.message_class == stun.Class.REQUEST:
            self.checks_heard.append(sender)
            answer = stun.Message(message_method=stun.Method.BINDING,
                                  message_class=stun.Class.RESPONSE,
                                  transaction_id=message.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = sender
            answer.add_message_integrity(self.ice.pwd.encode())
            self.send(bytes(answer))

    def _on_reachable(self) -> None:
        if not self._is_reachable:
            self._is_reachable = True
            with self._lock:
                self._shake_hands()

    # DTLS

    def _make_dtls(self) -> SSL.Connection:
        certificate = RTCCertificate.generateCertificate()
        self.fingerprint = certificate.getFingerprints()[0].value
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.use_certificate(certificate._cert)
        context.use_privatekey(certificate._key)
        context.set_tlsext_use_srtp(self.profile.encode())
        context.set_options(SSL.OP_NO_QUERY_MTU)
        connection = SSL.Connection(context)
        connection.set_ciphertext_mtu(DTLS_MTU)
        return connection

    def _on_dtls(self, data: bytes) -> None:
        self._dtls.bio_write(data)
        if not self.is_connected.is_set():
            self._shake_hands()
            return
        try:
            self._dtls.recv(2048)
        except SSL.ZeroReturnError:
            self.was_closed.set()
        except SSL.Error:
            pass
        self._send_flight()

    def _shake_hands(self) -> None:
        try:
            self._dtls.do_handshake()
        except SSL.WantReadError:
            self._send_flight()
            return
        except SSL.Error:
            return
        self._send_flight()
        self._flight = []
        self._take_keys()

    def _send_flight(self) -> None:
        try:
            data = self._dtls.bio_read(65536)
        except SSL.Error:
            return  # there is nothing to say
        self._flight = list(datagrams(data))
        self._next_flight = time.monotonic() + 2 * RETRY
        for datagram in self._flight:
            self.send(datagram)

    def _repeat_flight(self, now: float) -> None:
        """Early, as it was, and by OpenSSL's timer: then its records have new numbers."""
        with self._lock:
            if DTLSv1_get_timeout(self._dtls) == 0:
                DTLSv1_handle_timeout(self._dtls)
                self._send_flight()
        self._next_flight = now + 2 * RETRY
        for datagram in self._flight:
            self.send(datagram)

    def _take_keys(self) -> None:
        number, key, salt = PROFILES[self.profile.split(":")[-1]]
        material = self._dtls.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        keys = [material[:key], material[key:2 * key]]
        salts = [material[2 * key:2 * key + salt], material[2 * key + salt:]]
        ours = 1 if self.answer.setup == "active" else 0
        policies = [Policy(keys[i] + salts[i], kind, srtp_profile=number) for i, kind in
                    ((1 - ours, Policy.SSRC_ANY_INBOUND), (ours, Policy.SSRC_ANY_OUTBOUND))]
        for policy in policies:
            policy.window_size = 2048
        self._out = Session(policies[1])
        self._srtp = Session(policies[0])
        self.is_connected.set()

    # Media

    def _on_srtp(self, data: bytes) -> None:
        assert self._srtp
        is_rtcp = 192 <= data[1] <= 223
        if not is_rtcp and len(data) >= 12:
            name = (int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big"))
            self.altered += self._sealed.setdefault(name, hash(data)) != hash(data)
        try:
            plain = self._srtp.unprotect_rtcp(data) if is_rtcp else self._srtp.unprotect(data)
        except SrtpError:
            self.rejected += 1
            return
        if is_rtcp:
            self.reports.append((time.monotonic(), plain))
            return
        plain, extension = cut_extension(plain)
        packet = Packet.parse(plain)
        for track in self.tracks.values():
            if track.ssrc == packet.ssrc:
                track.extensions.append(extension)
                self._take(track, packet)
                return
        self.rejected += 1

    def _take(self, track: Track, packet: Packet) -> None:
        missing = track.add(packet)
        self.resent += self._asked.pop((packet.ssrc, packet.sequence), None) is not None
        if not self.nack:
            return
        now = time.monotonic()
        for number in missing:
            self._asked[packet.ssrc, number & 0xFFFF] = now
        due = [number for (ssrc, number), asked in self._asked.items()
               if ssrc == packet.ssrc and asked <= now]
        for number in due:
            self._asked[packet.ssrc, number] = now + RETRY
        if due:
            self.ask_again(packet.ssrc, *due[:100])


class Halfway(Viewer):
    """Sends its first DTLS flight again and again, and hears no answer."""

    def _on_dtls(self, data: bytes) -> None:
        pass


class Liar(Viewer):
    """Offers the fingerprint of another certificate than its own."""

    def _make_dtls(self) -> SSL.Connection:
        connection = super()._make_dtls()
        self.fingerprint = ":".join(["AB"] * 32)
        return connection


def cut_extension(data: bytes) -> tuple[bytes, bytes]:
    """The packet without its header extension, and that."""
    if not data[0] & 0x10:
        return data, b""
    end = 16 + 4 * int.from_bytes(data[14:16], "big")
    return bytes([data[0] & ~0x10]) + data[1:12] + data[end:], data[16:end]


def datagrams(records: bytes) -> Iterator[bytes]:
    """Cuts what OpenSSL has written between its records, as many to a datagram as fit."""
    out = b""
    while records:
        end = 13 + int.from_bytes(records[11:13], "big")
        if out and len(out) + end > DTLS_MTU:
            yield out
            out = b""
        out += records[:end]
        records = records[end:]
    if out:
        yield out


def random_bytes(first: range, least: int = 20, most: int = 200) -> bytes:
    """Rubbish whose first byte says what it pretends to be (RFC 7983)."""
    return bytes([secrets.choice(first)]) + os.urandom(least + secrets.randbelow(most - least))
