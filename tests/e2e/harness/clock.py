"""A camera that films a clock: how old a picture is can be read off the screen.

At the top of each frame are the last 16 bits of the clock's milliseconds, as blocks of white and
black, and the same bits inverted. ffmpeg encodes and publishes it, as a camera that is set up for
little delay would.
"""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

from harness.namespace import die_with_parent
from harness.patience import patience

WIDTH, HEIGHT, BAND = 640, 360, 32
BITS = 16
BLOCK = WIDTH // (2 * BITS)  # pixels
BLACK, WHITE = bytes([16]) * BLOCK, bytes([235]) * BLOCK
FRAMES_A_SECOND = 25
KEYFRAME_EVERY = 2 * FRAMES_A_SECOND
ENCODER = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
           "-g", str(KEYFRAME_EVERY), "-b:v", "1M", "-maxrate", "1M", "-bufsize", "200k"]

# For a page with one video: when pictures were on the screen (ms since the page was asked for),
# their age in ms then, and the part of it behind the browser's socket. A picture is on the screen
# when the compositor says so, but never before a script could see it.
READ_CLOCK = """
window.ages = [];
const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: 1 });
const context = canvas.getContext('2d', { willReadFrequently: true });
const numberOf = (bits) => parseInt(bits.map(Number).join(''), 2);
const readClock = (video) => {
    context.drawImage(video, 0, BAND / 2, WIDTH, 1, 0, 0, WIDTH, 1);
    const { data } = context.getImageData(0, 0, WIDTH, 1);
    const bits = Array.from({ length: 2 * BITS }, (_, i) => data[4 * BLOCK * (i + 0.5)] > 127);
    const [time, opposite] = [bits.slice(0, BITS), bits.slice(BITS)].map(numberOf);
    return (time ^ opposite) === 2 ** BITS - 1 ? time : null;
};
addEventListener('DOMContentLoaded', () => {
    const video = document.querySelector('video');
    const look = (_, { receiveTime, expectedDisplayTime }) => {
        const time = readClock(video);
        const now = performance.now();
        const shown = Math.max(expectedDisplayTime, now);
        if (time !== null)
            ages.push({ shown, age: (Date.now() + shown - now - time) % 2 ** BITS,
                inBrowser: shown - receiveTime });
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
});
"""
for name, value in (("WIDTH", WIDTH), ("BAND", BAND), ("BITS", BITS), ("BLOCK", BLOCK)):
    READ_CLOCK = READ_CLOCK.replace(name, str(value))


def draw_clock(milliseconds: int) -> bytes:
    """The upper band of a frame's luma."""
    time_bits = milliseconds & (1 << BITS) - 1
    bits = time_bits << BITS | ~time_bits & (1 << BITS) - 1
    line = b"".join(WHITE if bits >> (2 * BITS - 1 - i) & 1 else BLACK for i in range(2 * BITS))
    return line * BAND


class ClockCamera:
    """Publishes until it is closed."""

    def __init__(self, url: str, folder: Path) -> None:
        size = f"{WIDTH}x{HEIGHT}"
        with (folder / "camera.log").open("wb") as log:
            self._ffmpeg = subprocess.Popen(
                ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning",
                 "-probesize", "32", "-fflags", "nobuffer", "-f", "rawvideo", "-pix_fmt", "yuv420p",
                 "-s", size, "-r", str(FRAMES_A_SECOND), "-i", "pipe:0", *ENCODER,
                 "-f", "rtsp", "-rtsp_transport", "tcp", url],
                stdin=subprocess.PIPE, stdout=log, stderr=log, preexec_fn=die_with_parent)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._film, daemon=True)
        self._thread.start()

    def __enter__(self) -> ClockCamera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _film(self) -> None:
        """Below the clock stripes move, so that there is something to encode."""
        assert self._ffmpeg.stdin
        stripes = bytes(16 + (i * 5) % 220 for i in range(2 * WIDTH))
        chroma = bytes([128]) * (WIDTH * HEIGHT // 2)
        next_time = time.monotonic()
        frame = 0
        while not self._stopping.wait(max(0, next_time - time.monotonic())):
            offset = frame * 3 % WIDTH
            scene = stripes[offset:offset + WIDTH] * (HEIGHT - BAND)
            try:
                self._ffmpeg.stdin.write(draw_clock(time.time_ns() // 1_000_000) + scene + chroma)
                self._ffmpeg.stdin.flush()
            except BrokenPipeError:
                return
            frame += 1
            next_time += 1 / FRAMES_A_SECOND

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._ffmpeg.kill()
        self._ffmpeg.wait(patience(5))
        assert self._ffmpeg.stdin
        try:
            self._ffmpeg.stdin.close()
        except BrokenPipeError:
            pass
