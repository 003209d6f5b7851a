"""A publisher that goes on in the background while the test looks at readers."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from harness.rtp import H264Writer, Packet
from harness.rtsp import DEFAULT_PORT, Closed, Rtsp

H264_SDP = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=No Name\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LACtoKP6EAAAMAAQAAAwAUDxImoA==,aM4PyA==; \
profile-level-id=42C00A\r
a=control:trackID=0\r
"""


class Publisher:
    """Announces an SDP whose first medium is H264 and sends a frame every `interval` seconds on
    it, and a small packet on each other medium."""

    def __init__(self, path: str, sdp: str = H264_SDP, *, payload_types: Sequence[int] = (96,),
                 interval: float = 0.02, parts: int = 2,
                 keyframe_every: int = 25, port: int = DEFAULT_PORT, start: bool = True,
                 account: str | None = None, client: type[Rtsp] = Rtsp) -> None:
        self.rtsp = client(port=port, account=account)
        self.rtsp.announce(path, sdp)
        self.video = H264Writer(payload_types[0])
        self.others = [Packet(payload_type, True, 100, 5000, payload_type, b"sound" * 8)
                       for payload_type in payload_types[1:]]
        self.interval = interval
        self.parts = parts
        self.keyframe_every = keyframe_every
        self.was_closed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self.send_frame()
        if start:
            self._thread.start()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_frame(self) -> None:
        is_keyframe = self.video.frame % self.keyframe_every == 0
        self.rtsp.send_frame(0, *self.video.write(self.parts, is_keyframe))
        for index, other in enumerate(self.others):
            self.rtsp.send_frame(2 * index + 2, other.build())
            self.others[index] = other._replace(sequence=other.sequence + 1,
                                                timestamp=other.timestamp + 960)

    def _go_on(self) -> None:
        next_time = time.monotonic()
        try:
            while not self._stopping.wait(max(0, next_time - time.monotonic())):
                self.send_frame()
                next_time += self.interval
        except (OSError, Closed):
            self.was_closed.set()

    def close(self) -> None:
        """Ends without TEARDOWN, as a camera whose plug is pulled."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self.rtsp.close()

    def teardown(self, path: str) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self.rtsp.request("TEARDOWN", path)
        self.rtsp.close()
