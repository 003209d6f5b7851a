"""B-frames, which browsers can't play over WebRTC: found where they are, not where they may be."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.media import URL, Client, ffmpeg
from harness.patience import wait_until
from harness.server import DEFAULT_SETTINGS, Servers
from harness.viewer import STAP_A, Viewer
from harness.whep import STARTED


def publish(folder: Path, *options: str | Path) -> Client:
    return ffmpeg(folder, "publish", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
                  *options, "-pix_fmt", "yuv420p", "-f", "rtsp", "-rtsp_transport", "tcp",
                  f"{URL}/cam")


MAIN = 77  # profile_idc
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "2")


@pytest.mark.parametrize("cache", ["'no'", "webrtc"])
def test_they_are_known_before_the_first_viewer(millrace: Servers, folder: Path,
                                                cache: str) -> None:
    """No session that ends again: a request is refused, whenever it comes."""
    server = millrace(f"gopCache: {cache}\n" + DEFAULT_SETTINGS, wait=STARTED)
    publish(folder, *X264, "-x264-params", "b-adapt=0")
    server.wait_log("stream is available", 20)
    time.sleep(1)
    for _ in range(5):
        with Viewer() as viewer:
            assert viewer.response.status != 201
            assert b"B-frames" in viewer.response.body
        time.sleep(0.3)
    assert not server.count_log("is reading")


def test_announced_and_not_used(millrace: Servers, folder: Path) -> None:
    """Many encoders write a larger bound into their parameter sets than they use."""
    server = millrace(wait=STARTED)
    publish(folder, *X264, "-x264-params", "b-adapt=1:b-bias=-100")
    server.wait_log("stream is available", 20)
    with Viewer() as viewer:
        viewer.wait_connected().wait_frames(60)
        sets = [packet.payload for packet in viewer.video.packets
                if packet.payload[0] & 0x1F == STAP_A]
        assert sets[0][4] == MAIN, "with B-frames announced"
        assert not viewer.was_closed.is_set()


def test_an_encoder_that_is_set_right(millrace: Servers, folder: Path) -> None:
    """Nothing is held against what is published at the same path afterwards."""
    server = millrace(wait=STARTED)
    publisher = publish(folder, *X264, "-x264-params", "b-adapt=0")
    server.wait_log("stream is available", 20)
    time.sleep(1)
    with Viewer() as viewer:
        assert viewer.response.status != 201
    publisher.stop()
    publish(folder, *X264, "-bf", "0")
    server.wait_log("stream is available", 20, count=2)
    with Viewer() as viewer:
        viewer.wait_connected()
        wait_until(lambda: len(viewer.video.frames()) > 25, "pictures")
