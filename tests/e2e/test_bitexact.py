"""What is published comes out again, bit by bit, whoever publishes and whoever reads.

A reader joins a running stream, so what it gets must be the end of the clip: from its first
frame to the clip's last one nothing is missing and nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.media import (URL, Client, assert_tail, clip_picture_hashes, ffmpeg, ffmpeg_publish,
                           ffmpeg_read, format_of, gstreamer, make_clip, packet_hashes,
                           picture_hashes)
from harness.server import Server

SECONDS = 6
AT_LEAST = 25 * (SECONDS - 4)  # players take up to three seconds to get going
CODECS = ("h264", "h265")

DEPAYLOAD = {
    "h264": "rtph264depay ! video/x-h264,stream-format=byte-stream,alignment=au",
    "h265": "rtph265depay ! video/x-h265,stream-format=byte-stream,alignment=au",
}


def publish_with_ffmpeg(folder: Path, clip: Path, codec: str) -> Client:
    return ffmpeg_publish(folder, clip, "cam")


def publish_with_gstreamer(folder: Path, clip: Path, codec: str) -> Client:
    return gstreamer(folder, "gst-publish", f"filesrc location={clip} ! qtdemux ! queue ! "
                     f"{codec}parse ! identity sync=true ! "
                     f"rtspclientsink location={URL}/cam protocols=tcp")


def read_with_ffmpeg(folder: Path, output: Path, codec: str) -> Client:
    return ffmpeg_read(folder, "cam", output, "-map", "0:v", "-f", format_of(codec))


def read_with_gstreamer(folder: Path, output: Path, codec: str) -> Client:
    return gstreamer(folder, "gst-read", f"rtspsrc location={URL}/cam protocols=tcp ! "
                     f"application/x-rtp,media=video ! {DEPAYLOAD[codec]} ! "
                     f"filesink location={output}")


@pytest.mark.parametrize("publish", (publish_with_ffmpeg, publish_with_gstreamer))
@pytest.mark.parametrize("codec", CODECS)
def test_pictures(server: Server, folder: Path, media: Path, codec: str,
                  publish: Callable[[Path, Path, str], Client]) -> None:
    clip = make_clip(media, codec, SECONDS, audio=False)
    publisher = publish(folder, clip, codec)
    server.wait_log(r"is publishing to path 'cam'", 15)
    readers = {
        folder / f"by-ffmpeg.{codec}": read_with_ffmpeg,
        folder / f"by-gstreamer.{codec}": read_with_gstreamer,
    }
    running = [read(folder, output, codec) for output, read in readers.items()]
    if publish is publish_with_gstreamer:
        publisher.wait_or_stop(2 * SECONDS)  # rtspclientsink at times hangs behind its last frame
    else:
        publisher.wait()
    for reader in running:
        reader.wait(15, status=None)  # the end of a live stream is an error to some players
    server.stop()
    whole = clip_picture_hashes(folder, clip, codec)
    assert len(whole) == 25 * SECONDS
    for output in readers:
        assert_tail(picture_hashes(output, codec), whole, AT_LEAST)


def test_pictures_and_sound(server: Server, folder: Path, media: Path) -> None:
    clip = make_clip(media, "h264", SECONDS)
    publisher = ffmpeg_publish(folder, clip, "cam")
    server.wait_log(r"is publishing to path 'cam'", 15)
    sound, pictures = folder / "sound.framemd5", folder / "pictures.h264"
    reader = ffmpeg(folder, "read", "-rtsp_transport", "tcp", "-i", f"{URL}/cam",
                    "-map", "0:a", "-c", "copy", "-f", "framemd5", sound,
                    "-map", "0:v", "-c", "copy", "-f", "h264", pictures)
    publisher.wait()
    reader.wait(15, status=None)
    server.stop()
    source = folder / "source.framemd5"
    ffmpeg(folder, "hash", "-i", clip, "-map", "0:a", "-c", "copy", "-f", "framemd5",
           source).wait()
    assert_tail(picture_hashes(pictures, "h264"), clip_picture_hashes(folder, clip, "h264"),
                AT_LEAST)
    assert_tail(packet_hashes(sound), packet_hashes(source), 2 * AT_LEAST // 3)
