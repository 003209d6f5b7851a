"""The viewer's page in real browsers: it plays, goes on by itself, and says what is wrong."""

from __future__ import annotations

import http.server
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from harness.browser import LONGEST_FREEZE, VIEWPORT, WATCH, Chromium, Firefox, add_interface
from harness.fake_whep import FakeWhep
from harness.media import ENCODERS, URL, Client, ffmpeg, ffmpeg_publish, make_clip
from harness.patience import patience
from harness.publisher import Publisher
from harness.server import Server, Servers

pytestmark = pytest.mark.browser

PAGE = "http://127.0.0.1:8889"
DEMO = "paths:\n  demo:\n    source: demo\n"
MIDDLE = VIEWPORT[0] // 2, VIEWPORT[1] // 2
RTSP = ["-f", "rtsp", "-rtsp_transport", "tcp"]
TILES = 16
MORE = 10  # pictures: not the last one of before, shown once more
PROBLEM = "problem.hidden ? '' : problem.textContent"
NO_STREAM = "!problem.hidden && problem.textContent.includes('No stream at the moment')"


@pytest.fixture
def chromium(folder: Path) -> Iterator[Chromium]:
    add_interface()
    browser = Chromium(folder)
    browser.run_in_new_pages(WATCH)
    yield browser
    browser.screenshot(folder / "end.png")
    complaints = [line for line in browser.console() if "Error" in line]
    browser.close()
    assert not complaints


@pytest.fixture
def firefox(folder: Path) -> Iterator[Firefox]:
    add_interface()
    browser = Firefox(folder)
    yield browser
    browser.screenshot(folder / "end.png")
    browser.close()


def publish(server: Server, folder: Path, clip: Path, path: str = "cam") -> Client:
    before = server.count_log("is publishing")
    publisher = ffmpeg_publish(folder, clip, path, "-stream_loop", "-1")
    server.wait_log(f"is publishing to path '{path}'", 10, before + 1)
    return publisher


def picture_of(size: str) -> list[str]:
    return ["-re", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25"]


def publish_vp8(folder: Path) -> Client:
    return ffmpeg(folder, "vp8", *picture_of("320x180"), "-c:v", "libvpx", "-deadline",
                  "realtime", "-cpu-used", "8", "-g", "50", *RTSP, f"{URL}/cam")


def test_chromium_plays_the_demo(millrace: Servers, chromium: Chromium, folder: Path) -> None:
    server = millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("pictures.length > 75")
    first = chromium.evaluate("pictures[0]")
    freeze = chromium.evaluate(LONGEST_FREEZE)
    delay = median(chromium.evaluate("delays.slice(-25)"))
    figures = (f"first picture after {first:.0f} ms, longest freeze {1000 * freeze:.0f} ms, "
               f"{delay:.0f} ms from the last packet of a picture to the screen")
    (folder / "figures.txt").write_text(figures + "\n")
    print(figures)
    chromium.screenshot(folder / "demo.png")
    assert first < 1000 * patience(2), figures
    assert freeze < patience(1), figures
    assert chromium.evaluate("[video.videoWidth, video.videoHeight]") == [640, 360]
    assert chromium.evaluate("video.currentTime") > 2
    assert chromium.evaluate(PROBLEM) == ""
    server.stop()


def test_chromium_hides_its_addresses_and_connects(millrace: Servers, chromium: Chromium) -> None:
    server = millrace(DEMO)
    chromium.open("http://10.1.1.1:8889/demo/")
    chromium.wait("pictures.length > 0")
    chromium.wait("peers[0].iceGatheringState === 'complete'")
    candidates = chromium.evaluate(
        "peers[0].localDescription.sdp.match(/^a=candidate.*/gm).map((line) => line.split(' ')[4])")
    assert candidates and all(address.endswith(".local") for address in candidates)
    server.wait_log("peer connection established, local candidate: host/udp/10.1.1.1/8189")
    server.stop()


def test_chromium_has_sound_after_a_click(millrace: Servers, chromium: Chromium) -> None:
    millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("!sound.hidden && sound.innerText.includes('sound')")
    assert chromium.evaluate("video.muted")
    chromium.click(*MIDDLE)
    chromium.wait("!video.muted && sound.hidden && !video.paused")
    codec = chromium.evaluate("peers[0].getStats().then((all) => [...all.values()]"
                              ".find((entry) => entry.mimeType === 'audio/opus').sdpFmtpLine)")
    assert "stereo=1" in codec


def test_chromium_obeys_the_query(millrace: Servers, chromium: Chromium) -> None:
    millrace(DEMO)
    chromium.open(f"{PAGE}/demo?controls=false&disablepictureinpicture=1&autoplay=no")
    chromium.wait("video.readyState >= 2")
    assert chromium.evaluate("[video.controls, video.disablePictureInPicture, video.paused,"
                             " video.muted, video.playsInline]") == [False, True, True, True, True]


def test_chromium_waits_for_a_publisher(server: Server, chromium: Chromium, folder: Path,
                                        media: Path) -> None:
    clip = make_clip(media, "h264")
    chromium.open(f"{PAGE}/cam/")
    chromium.wait(NO_STREAM)
    chromium.screenshot(folder / "waiting.png")
    publisher = publish(server, folder, clip)
    chromium.wait("pictures.length > 0")
    assert chromium.evaluate(PROBLEM) == ""
    publisher.stop()
    chromium.wait(NO_STREAM)
    before = chromium.evaluate("pictures.length")
    publisher = publish(server, folder, clip)
    returned = time.monotonic()
    chromium.wait(f"pictures.length > {before + MORE}")
    took = time.monotonic() - returned
    print(f"pictures again {1000 * took:.0f} ms after the publisher's return")
    assert took < patience(2)
    publisher.stop()


def test_chromium_outlives_the_server(millrace: Servers, chromium: Chromium, folder: Path) -> None:
    millrace(DEMO).kill()
    server = millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("pictures.length > 0")
    killed = time.monotonic()
    server.kill()  # without a goodbye
    chromium.wait(PROBLEM)
    noticed = time.monotonic() - killed
    chromium.wait("problem.textContent.includes('be reached')")
    before = chromium.evaluate("pictures.length")
    millrace(DEMO)
    started = time.monotonic()
    chromium.wait(f"pictures.length > {before + MORE}")
    back = time.monotonic() - started
    print(f"noticed after {1000 * noticed:.0f} ms, back after {1000 * back:.0f} ms")
    assert noticed < patience(2)
    assert back < patience(2)


def test_chromium_renews_a_silent_session(millrace: Servers, chromium: Chromium) -> None:
    server = millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("pictures.length > 0")
    server.signal(signal.SIGSTOP)
    chromium.wait("problem.textContent === 'Nothing comes any more.'")
    before = chromium.evaluate("pictures.length")
    server.signal(signal.SIGCONT)
    chromium.wait(f"pictures.length > {before + MORE}", 2)
    assert chromium.evaluate(PROBLEM) == ""
    assert chromium.evaluate("peers.length") == 2
    server.wait_log("closed: (terminated|peer connection closed)")  # the first of them
    server.stop()


@pytest.mark.long
def test_chromium_learns_that_a_stream_is_slow(server: Server, chromium: Chromium) -> None:
    """A second of silence is a drop, then two seconds, then four."""
    with Publisher("cam", interval=2.5, keyframe_every=1):
        chromium.open(f"{PAGE}/cam/")
        server.wait_log("is reading from path", 10, 3)
        time.sleep(6)
        assert server.count_log("is reading from path") == 3


def test_chromium_names_a_track_that_it_does_not_get(server: Server, chromium: Chromium,
                                                     folder: Path, media: Path) -> None:
    clip = make_clip(media, "h264")
    tone = ["-f", "lavfi", "-i", "sine=440:sample_rate=48000", "-c:a", "aac"]
    ffmpeg(folder, "with-aac", "-re", "-stream_loop", "-1", "-i", clip, *tone, "-map", "0:v",
           "-map", "1:a", "-c:v", "copy", *RTSP, f"{URL}/cam")
    ffmpeg(folder, "only-aac", "-re", *tone, *RTSP, f"{URL}/radio")
    server.wait_log("stream is available and online", 10, 2)
    chromium.open(f"{PAGE}/cam/")
    chromium.wait("pictures.length > 0")
    assert chromium.wait("warning.hidden ? '' : warning.textContent") == (
        "Left out: track 2 (MPEG-4 Audio): browsers can't play it over WebRTC")
    chromium.screenshot(folder / "left-out.png")
    chromium.open(f"{PAGE}/radio/")
    assert "MPEG-4 Audio" in chromium.wait(PROBLEM)


def test_chromium_asks_for_a_password(chromium: Chromium, folder: Path) -> None:
    with FakeWhep() as server:
        server.answers = {"": (401, {"error": "authentication error"}),
                          "Basic asO8cmc6cMOkc3M=": (404, {"error": "no stream"})}
        chromium.open(f"{PAGE}/cam/?token=a%20b")
        chromium.wait("!login.hidden")
        assert "password" in chromium.evaluate(PROBLEM)
        chromium.screenshot(folder / "password.png")
        chromium.evaluate("(login.user.value = 'jürg', login.pass.value = 'päss',"
                          " login.requestSubmit())")
        chromium.wait("login.hidden && problem.textContent.includes('No stream at the moment')")
        assert {target for _, target, _ in server.requests} == {"/cam/whep?token=a%20b"}


def test_chromium_uses_the_named_ice_servers(millrace: Servers, chromium: Chromium) -> None:
    millrace(DEMO + """
webrtcICEServers2:
  - url: stun:127.0.0.1:3478
  - url: turn:127.0.0.1:3478?transport=tcp
    username: 'a "b", <c>'
    password: d
""")
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("pictures.length > 0")
    servers = chromium.evaluate("peers[0].getConfiguration().iceServers"
                                ".map(({ urls, username, credential }) =>"
                                " [urls[0], username, credential].join(' '))")
    assert [server.strip() for server in servers] == [
        "stun:127.0.0.1:3478", 'turn:127.0.0.1:3478?transport=tcp a "b", <c> d']


@pytest.mark.long
def test_chromium_says_why_there_is_no_connection(millrace: Servers, chromium: Chromium,
                                                  folder: Path) -> None:
    server = millrace(DEMO + "webrtcIPsFromInterfaces: no\nwebrtcAdditionalHosts: [192.0.2.7]\n")
    chromium.open("http://10.1.1.1:8889/demo/")
    words = chromium.wait(PROBLEM, 20)
    assert words.startswith("No answer from 192.0.2.7:8189/udp. A firewall may block UDP")
    assert words.endswith("own candidates: host.")
    chromium.screenshot(folder / "no-connection.png")
    server.wait_log("not connected: local candidates: 192.0.2.7/8189")


WALL = """<!DOCTYPE html>
<title>Wall</title>
<style>
body { margin: 0; background: black; display: grid; grid-template-columns: repeat(4, 320px); }
</style>
<script src="PAGE/cam0/reader.js"></script>
<body><script>
'use strict';
const tiles = Array.from({ length: TILES }, (_, number) => {
    const video = document.createElement('video');
    Object.assign(video, { width: 320, height: 180, autoplay: true, muted: true });
    document.body.append(video);
    const tile = { pictures: [], video };
    const look = (now) => {
        tile.pictures.push(now);
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    tile.reader = new MediaMTXWebRTCReader({
        url: `PAGE/cam${number}/whep`,
        onTrack: (event) => { video.srcObject = event.streams[0]; },
    });
    return tile;
});
const freezeOf = ({ pictures }) => Math.max(...pictures.slice(1).map((t, i) => t - pictures[i]));
</script>
"""


class WallHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(WALL.replace("PAGE", PAGE).replace("TILES", str(TILES)).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.limit(90)
def test_chromium_shows_a_wall_of_tiles(server: Server, chromium: Chromium,
                                        folder: Path) -> None:
    """A page of another origin, with the script that the server has for it."""
    outputs = "|".join(f"[f=rtsp:rtsp_transport=tcp]{URL}/cam{number}" for number in range(TILES))
    ffmpeg(folder, "publish", *picture_of("320x180"), *ENCODERS["h264"], "-pix_fmt", "yuv420p",
           "-flags", "+global_header", "-map", "0", "-f", "tee", outputs)
    server.wait_log("stream is available and online", 20, TILES)
    wall = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), WallHandler)
    threading.Thread(target=wall.serve_forever, daemon=True).start()
    chromium.open("http://127.0.0.1:8000/")
    chromium.wait("tiles.every((tile) => tile.pictures.length > 75)", 30)
    first = chromium.evaluate("tiles.map((tile) => Math.round(tile.pictures[0]))")
    freezes = chromium.evaluate("tiles.map((tile) => Math.round(freezeOf(tile)))")
    figures = f"first pictures after {first} ms, longest freezes {freezes} ms"
    (folder / "figures.txt").write_text(figures + "\n")
    print(figures)
    assert max(freezes) < 1000 * patience(1), figures
    assert chromium.evaluate("tiles.every(({ video }) => video.videoWidth === 320)")


@pytest.mark.limit(90)
def test_firefox_plays_vp8(server: Server, firefox: Firefox, folder: Path) -> None:
    publisher = publish_vp8(folder)
    firefox.open(f"{PAGE}/cam/")
    firefox.wait("document.title === 'cam'", 20)
    firefox.evaluate(f"void eval({WATCH!r})")
    firefox.wait("window.pictures.length > 100", 20)
    firefox.screenshot(folder / "playing.png")
    assert firefox.evaluate("video.videoWidth") == 320
    # Not all of them: what comes in the first ms after its handshake it drops now and then.
    firefox.evaluate("void pictures.splice(0, pictures.length - 50)")
    assert firefox.evaluate(LONGEST_FREEZE) < patience(2)
    publisher.stop()
    firefox.wait(NO_STREAM)
    firefox.screenshot(folder / "waiting.png")
    before = firefox.evaluate("window.pictures.length")
    publisher = publish_vp8(folder)
    firefox.wait(f"window.pictures.length > {before + MORE}")
    publisher.stop()
