"""GStreamer's webrtcbin as a viewer, one that takes H265: all pictures arrive as they were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.browser import add_interface
from harness.media import Client, clip_picture_hashes, ffmpeg_publish, make_clip, picture_hashes
from harness.server import Server

PROGRAM = Path(__file__).parent / "harness" / "webrtcbin.py"
PICTURES = 50


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_pictures_arrive_as_they_were(server: Server, folder: Path, media: Path,
                                      codec: str) -> None:
    add_interface()
    clip = make_clip(media, codec)
    ffmpeg_publish(folder, clip, "cam", "-stream_loop", "-1")
    server.wait_log("is publishing to path 'cam'", 10)
    output = folder / f"out.{codec}"
    viewer = Client([sys.executable, PROGRAM, "http://10.1.1.1:8889/cam/whep", codec, str(PICTURES),
                     output], folder, "webrtcbin")
    viewer.wait(30)
    server.wait_log(rf"is reading from path 'cam', 1 track \({codec.upper()}\)")
    server.wait_log("closed: (terminated|peer connection closed)")
    got = picture_hashes(output, codec)
    round_trip = 2 * clip_picture_hashes(folder, clip, codec)
    assert len(got) >= PICTURES
    assert any(round_trip[at:at + len(got)] == got for at in range(len(round_trip) // 2))
    server.stop()
