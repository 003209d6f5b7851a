"""Real clients and real media: clips made by ffmpeg, players, and what is inside their output."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.namespace import die_with_parent
from harness.patience import patience

URL = "rtsp://127.0.0.1:8554"
ENCODERS = {
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25",
             "-x264-params", "repeat-headers=1:scenecut=0"],
    "h265": ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1",
             "-x265-params", "bframes=0:keyint=25:scenecut=0:log-level=none:pools=none"],
}


class Client:
    """A program that runs beside the test, with its output in a file of the test's folder."""

    def __init__(self, command: Sequence[str | Path], folder: Path, name: str) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=subprocess.STDOUT,
                                            preexec_fn=die_with_parent)

    @property
    def output(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait(self, timeout: float = 30, status: int | None = 0) -> str:
        """Waits for its end; `status` None: any will do. Returns what it has printed."""
        try:
            got = self.process.wait(patience(timeout))
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.name} did not end:\n{self.output[-2000:]}") from None
        assert status is None or got == status, f"{self.name}: exit {got}\n{self.output[-2000:]}"
        return self.output

    def wait_or_stop(self, timeout: float) -> None:
        """Whatever it says: for clients that do not always find their end."""
        try:
            self.process.wait(patience(timeout))
        except subprocess.TimeoutExpired:
            self.stop()

    def stop(self) -> None:
        self.process.terminate()
        self.wait(10, status=None)


def ffmpeg(folder: Path, name: str, *arguments: str | Path) -> Client:
    return Client(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-y",
                   *arguments], folder, name)


def ffmpeg_publish(folder: Path, clip: Path, path: str, *options: str) -> Client:
    """Publishes a clip at its natural speed."""
    return ffmpeg(folder, f"publish-{path}", "-re", *options, "-i", clip, "-c", "copy",
                  "-f", "rtsp", "-rtsp_transport", "tcp", f"{URL}/{path}")


def ffmpeg_read(folder: Path, path: str, output: Path, *options: str) -> Client:
    """Writes what it reads to a file, as it comes."""
    return ffmpeg(folder, f"read-{output.name}", "-rtsp_transport", "tcp", "-i", f"{URL}/{path}",
                  "-c", "copy", *options, output)


def gstreamer(folder: Path, name: str, pipeline: str) -> Client:
    return Client(["gst-launch-1.0", "-e", *pipeline.split()], folder, name)


def ffprobe_streams(url: str) -> list[dict[str, object]]:
    done = subprocess.run(["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_streams",
                           "-of", "json", url], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=patience(20))
    assert done.returncode == 0, f"ffprobe {url}: {done.stderr}"
    streams: list[dict[str, object]] = json.loads(done.stdout)["streams"]
    return streams


def make_clip(media: Path, codec: str, seconds: int = 6, audio: bool = True) -> Path:
    """An MP4 of a test picture of 25 frames a second, and a tone; made once a run. The tone is
    Opus: of AAC, ffmpeg's RTP muxer packs several frames together and never sends the last ones."""
    clip = media / f"{codec}-{seconds}{'-audio' if audio else ''}.mp4"
    with (media / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not clip.exists():
            draft = clip.with_suffix(".draft.mp4")
            picture = ["-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={seconds}"]
            tone = ["-f", "lavfi", "-i", f"sine=440:sample_rate=48000:duration={seconds}"]
            ffmpeg(media, f"make-{clip.name}", *picture, *(tone if audio else []),
                   *ENCODERS[codec], "-pix_fmt", "yuv420p",
                   *(["-c:a", "libopus", "-b:a", "64k"] if audio else []), draft).wait(120)
            os.rename(draft, clip)
    return clip


def split_nals(annexb: bytes) -> Iterator[bytes]:
    """The NAL units between start codes (H.264 Annex B)."""
    start = annexb.find(b"\0\0\1")
    while start >= 0:
        end = annexb.find(b"\0\0\1", start + 3)
        yield annexb[start + 3:end if end >= 0 else None].rstrip(b"\0")
        start = end


def picture_hashes(annexb: Path, codec: str) -> list[str]:
    """One hash for each access unit: of all its slices. Delimiters and repeated parameter sets
    are left out, which a muxer may add or drop."""
    pictures: list[list[bytes]] = []
    for nal in split_nals(annexb.read_bytes()):
        if codec == "h264":
            is_slice = nal[0] & 0x1F in (1, 5)
            is_first = is_slice and bool(nal[1] & 0x80)  # first_mb_in_slice is 0
        else:
            is_slice = nal[0] >> 1 & 0x3F < 32
            is_first = is_slice and bool(nal[2] & 0x80)  # first_slice_segment_in_pic_flag
        if is_first:
            pictures.append([])
        if is_slice:
            pictures[-1].append(nal)
    return [hashlib.sha256(b"\0".join(slices)).hexdigest() for slices in pictures]


def clip_picture_hashes(folder: Path, clip: Path, codec: str) -> list[str]:
    annexb = folder / f"source.{codec}"
    ffmpeg(folder, "extract", "-i", clip, "-map", "0:v", "-c", "copy", "-f", format_of(codec),
           annexb).wait()
    return picture_hashes(annexb, codec)


def format_of(codec: str) -> str:
    """ffmpeg's name of the raw stream format."""
    return {"h264": "h264", "h265": "hevc"}[codec]


def packet_hashes(framemd5: Path) -> list[str]:
    """The hashes that ffmpeg's framemd5 muxer wrote, in order; those of side data come after."""
    lines = framemd5.read_text().splitlines()
    return [line.split(",")[5].strip() for line in lines if not line.startswith("#")]


def assert_tail(got: list[str], whole: list[str], at_least: int) -> None:
    """`got` must be what `whole` ends with: nothing missing from its first element on."""
    assert len(got) >= at_least, f"only {len(got)} of {len(whole)} arrived"
    if got != whole[-len(got):]:
        wrong = next((i for i in range(1, len(got) + 1) if got[-i] != whole[-i]), 0)
        raise AssertionError(f"{len(got)} arrived of {len(whole)}; counted from the end, number "
                             f"{wrong} is another one")
