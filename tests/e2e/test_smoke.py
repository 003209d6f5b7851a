"""The ten tests of `make check`: what must work before anything else is worth a look."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.media import (URL, ffmpeg, ffmpeg_publish, ffmpeg_read, ffprobe_streams, gstreamer,
                           make_clip)
from harness.patience import wait_until
from harness.publisher import Publisher
from harness.rtp import FramePart, Packet
from harness.rtsp import Rtsp
from harness.server import DEFAULT_SETTINGS, Server, Servers

pytestmark = pytest.mark.smoke

RTCP_BYE = 203


def test_ffmpeg_publishes_and_ffmpeg_reads(server: Server, folder: Path, media: Path) -> None:
    publisher = ffmpeg_publish(folder, make_clip(media, "h264"), "cam", "-stream_loop", "-1")
    server.wait_log(r"is publishing to path 'cam'", 10)
    reader = ffmpeg(folder, "decode", "-rtsp_transport", "tcp", "-i", f"{URL}/cam",
                    "-frames:v", "50", "-f", "null", "-")
    assert "error" not in reader.wait().lower()
    publisher.stop()
    server.stop()


def test_gstreamer_reads(server: Server, folder: Path, media: Path) -> None:
    publisher = ffmpeg_publish(folder, make_clip(media, "h264"), "cam", "-stream_loop", "-1")
    server.wait_log(r"is publishing to path 'cam'", 10)
    video = folder / "out.h264"
    gstreamer(folder, "gst-read", f"rtspsrc location={URL}/cam protocols=tcp ! rtph264depay ! "
              "video/x-h264,stream-format=byte-stream,alignment=au ! "
              f"identity eos-after=50 ! filesink location={video}").wait()
    assert video.stat().st_size > 10000
    publisher.stop()


def test_demo_is_h264_and_opus(millrace: Servers) -> None:
    millrace("paths:\n  demo:\n    source: demo\n")
    codecs = {stream["codec_name"] for stream in ffprobe_streams(f"{URL}/demo")}
    assert codecs == {"h264", "opus"}


def test_every_byte_of_a_packet_arrives(server: Server) -> None:
    with Publisher("cam", start=False) as publisher, Rtsp() as reader:
        setup = reader.setup("cam", 0).get("Transport") or ""
        ssrc = int(setup.rpartition(";ssrc=")[2], 16)  # the stream's own, equal for all readers
        reader.expect(200, "PLAY", "cam")
        for number in range(50):
            sent = publisher.video.write(3, is_keyframe=number % 10 == 0)
            publisher.rtsp.send_frame(0, *sent)
            for packet in sent:
                got = Packet.parse(reader.read_frame(0).payload)
                assert got == Packet.parse(packet)._replace(ssrc=ssrc)
    server.stop()


def test_options_names_methods_and_server(server: Server) -> None:
    with Rtsp() as client:
        response = client.expect(200, "OPTIONS", "cam")
    assert response.headers == [
        ("CSeq", "1"),
        ("Public",
         "DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, GET_PARAMETER, TEARDOWN"),
        ("Server", "millrace"),
    ]


def test_describe_of_nothing_is_404(server: Server) -> None:
    with Rtsp() as client:
        client.expect(404, "DESCRIBE", "nothing")


def test_readers_end_with_the_publisher(server: Server, folder: Path, media: Path) -> None:
    publisher = ffmpeg_publish(folder, make_clip(media, "h264", seconds=2), "cam")
    server.wait_log(r"is publishing to path 'cam'", 10)
    reader = ffmpeg_read(folder, "cam", folder / "out.mkv")
    publisher.wait()
    reader.wait(10)
    wait_until(lambda: server.count_log(r"\[conn .*closed") == 2, "both connections are closed")


def test_second_instance_says_that_the_port_is_in_use(server: Server, millrace: Servers) -> None:
    second = millrace(f"rtspTransports: [tcp]\n{DEFAULT_SETTINGS}", wait=None)
    assert second.wait_exit() == 1
    second.wait_log(r"ERR.* listen tcp :8554: bind: address already in use$")
    server.stop()


def test_sigterm_says_goodbye(server: Server) -> None:
    with Publisher("cam") as publisher, Rtsp() as reader:
        reader.play("cam")
        first = FramePart.of(Packet.parse(reader.read_frame(0).payload).payload)
        assert first.parts == 2
        server.stop()
        assert reader.is_closed()
        goodbyes = [frame for frame in reader.frames
                    if frame.channel == 1 and has_goodbye(frame.payload)]
        assert len(goodbyes) == 1
        wait_until(publisher.was_closed.is_set, "the publisher is closed")


def has_goodbye(compound: bytes) -> bool:
    """Whether an RTCP compound packet holds a BYE."""
    while len(compound) >= 4:
        if compound[1] == RTCP_BYE:
            return True
        compound = compound[4 + 4 * int.from_bytes(compound[2:4], "big"):]
    return False


def test_wrong_settings_are_refused(millrace_bin: Path, folder: Path) -> None:
    conf = folder / "wrong.yml"
    conf.write_text("readTimeout: 5\n")
    done = subprocess.run([millrace_bin, conf], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert done.stdout.startswith("ERR: ")
    assert "readTimeout" in done.stdout
