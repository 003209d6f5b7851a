"""A raw RTSP client whose media goes by datagrams: a pair of ports for each track."""

from __future__ import annotations

import re
import select
import socket
import time

from harness.datagrams import bind_patiently
from harness.patience import patience
from harness.rtsp import DEFAULT_LIMIT, DEFAULT_PORT, Frame, Response, Rtsp

PORTS = re.compile(r"server_port=(\d+)-(\d+)")
HOST = "127.0.0.1"


class UdpRtsp(Rtsp):
    """Channels stand for sockets, as if media were interleaved: 2 x track, one more for RTCP."""

    def __init__(self, host: str = HOST, port: int = DEFAULT_PORT,
                 account: str | None = None) -> None:
        super().__init__(host, port, account=account)
        self.sockets: dict[int, socket.socket] = {}
        self.servers: dict[int, tuple[str, int]] = {}
        self.host = host

    def close(self) -> None:
        super().close()
        for sock in self.sockets.values():
            sock.close()

    def client_ports(self, track: int) -> tuple[int, int]:
        rtp, rtcp = (self.sockets[2 * track + i].getsockname()[1] for i in range(2))
        return rtp, rtcp

    def setup(self, path: str, track: int, mode: str = "") -> Response:
        for channel in (2 * track, 2 * track + 1):
            sock = socket.socket(self.socket.family, socket.SOCK_DGRAM)
            self.sockets[channel] = bind_patiently(sock, self.socket.getsockname()[0])
        rtp, rtcp = self.client_ports(track)
        transport = f"RTP/AVP;unicast;client_port={rtp}-{rtcp}{mode}"
        response = self.expect(200, "SETUP", f"{path}/trackID={track}", {"Transport": transport})
        ports = PORTS.search(response.get("Transport") or "")
        assert ports, f"no server_port: {response.headers}"
        for i in range(2):
            self.servers[2 * track + i] = (self.host, int(ports[i + 1]))
        return response

    def send_frame(self, channel: int, *payloads: bytes, then: bytes = b"") -> None:
        for payload in payloads:
            self.sockets[channel].sendto(payload, self.servers[channel])
        if then:
            self.send(then)

    def read_frame(self, channel: int | None = None) -> Frame:
        """The next datagram of that channel. They must come from where SETUP said."""
        deadline = time.monotonic() + patience(DEFAULT_LIMIT)
        wanted = {sock: number for number, sock in self.sockets.items()
                  if channel in (None, number)}
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([*wanted, self.socket], [], [], left)
            for sock in ready:
                if sock is self.socket:
                    self._read_more()
                    continue
                data, sender = sock.recvfrom(65536)
                assert sender[:2] == self.servers[wanted[sock]], f"from {sender}"
                return Frame(wanted[sock], data)
        raise TimeoutError(f"nothing on channel {channel}")

    def receive(self, channel: int) -> bytes:
        """The next datagram of a channel, whatever has become of the connection."""
        ready, _, _ = select.select([self.sockets[channel]], [], [], patience(DEFAULT_LIMIT))
        assert ready, f"nothing on channel {channel}"
        return self.sockets[channel].recv(65536)

    def waiting(self, channel: int) -> list[bytes]:
        """What has come on a channel so far."""
        found = []
        while select.select([self.sockets[channel]], [], [], 0)[0]:
            found.append(self.sockets[channel].recv(65536))
        return found

