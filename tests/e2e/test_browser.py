"""The viewer's page in real browsers: it plays, goes on by itself, and says what is wrong."""

from __future__ import annotations

import http.server
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from harness.av1 import Av1Publisher, make_av1_clip
from harness.browser import VIEWPORT, WATCH, Browser, Chromium, Firefox, add_interface
from harness.clock import READ_CLOCK, ClockCamera
from harness.fake_whep import FakeWhep
from harness.media import ENCODERS, URL, Client, ffmpeg, ffmpeg_publish, make_clip
from harness.patience import PATIENCE, wait_until
from harness.publisher import Publisher
from harness.server import Server, Servers

pytestmark = pytest.mark.browser

PAGE = "http://127.0.0.1:8889"
DEMO = "paths:\n  demo:\n    source: demo\n"
MIDDLE = VIEWPORT[0] // 2, VIEWPORT[1] // 2
RTSP = ["-f", "rtsp", "-rtsp_transport", "tcp"]
TILES = 16
MORE = 10  # pictures: not the last one of before, shown once more
SECOND = 1000 * PATIENCE  # ms
TOLD = SECOND / 4  # much less than the silence that is a drop
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


class Stopwatch:
    """By the page's own clock, and stopped while the machine keeps the page itself waiting. Made
    after what it measures from has happened: it never shows more than there was."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.start: float = browser.evaluate("performance.now()")

    def until(self, condition: str, moment: str) -> float:
        """Waits, and gives ms until the moment that the second expression names."""
        self.browser.wait(condition)
        end = self.browser.evaluate(moment)
        return float(end - self.start - self.browser.evaluate(f"heldUp({self.start}, {end})"))

    def until_words(self, number: int) -> float:
        """Until the page has something to say; `number` is how often it had before."""
        return self.until(f"words.length > {number}", f"words[{number}][0]")

    def until_pictures(self) -> float:
        """Until those of a new session come."""
        connected = "peers.at(-1).connectedAt"
        return self.until(f"{connected} > {self.start} && "
                          f"pictures.filter((time) => time > {connected}).length > {MORE}",
                          f"pictures.find((time) => time > {connected})")


def report(folder: Path, figures: str) -> None:
    (folder / "figures.txt").write_text(figures + "\n")
    print(figures)


def picture_of(size: str) -> list[str]:
    return ["-re", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25"]


def publish_vp8(folder: Path) -> Client:
    return ffmpeg(folder, "vp8", *picture_of("320x180"), "-c:v", "libvpx", "-deadline",
                  "realtime", "-cpu-used", "8", "-g", "50", *RTSP, f"{URL}/cam")


def test_chromium_plays_the_demo(millrace: Servers, chromium: Chromium, folder: Path) -> None:
    server = millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("pictures.length > 75")
    first = chromium.evaluate("pictures[0] - heldUp(0, pictures[0])")
    freeze = chromium.evaluate("longestFreeze()")
    report(folder, f"first picture after {first:.0f} ms, longest freeze {freeze:.0f} ms")
    chromium.screenshot(folder / "demo.png")
    assert first < SECOND
    assert freeze < SECOND
    assert chromium.evaluate("[video.videoWidth, video.videoHeight]") == [640, 360]
    assert chromium.evaluate("video.currentTime") > 2
    assert chromium.evaluate(PROBLEM) == ""
    server.stop()


def test_chromium_shows_what_is_live(server: Server, chromium: Chromium, folder: Path) -> None:
    """A buffer that the start has made long would make all that follows late."""
    chromium.run_in_new_pages(READ_CLOCK)
    with ClockCamera(f"{URL}/cam", folder):
        server.wait_log("is publishing to path 'cam'", 10)
        chromium.open(f"{PAGE}/cam/")
        chromium.wait("ages.length > 75")
        chromium.screenshot(folder / "clock.png")
        age = median(one["age"] for one in chromium.evaluate("ages.slice(25)"))
    report(folder, f"pictures are {age:.0f} ms old when they are seen")
    assert age < 200 * PATIENCE


def test_chromium_plays_av1(server: Server, chromium: Chromium, media: Path) -> None:
    with Av1Publisher("cam", make_av1_clip(media)):
        chromium.open(f"{PAGE}/cam/")
        chromium.wait("pictures.length > 50")
        assert chromium.evaluate("[video.videoWidth, video.videoHeight]") == [320, 180]
        assert chromium.evaluate("video.currentTime") > 1
        assert chromium.evaluate("longestFreeze()") < SECOND
        assert chromium.evaluate("peers[0].getStats().then((all) => [...all.values()]"
                                 ".some((entry) => entry.mimeType === 'video/AV1'))")
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
    said = chromium.evaluate("words.length")
    publisher.stop()
    noticed = Stopwatch(chromium).until_words(said)
    chromium.wait(NO_STREAM)
    publisher = publish(server, folder, clip)
    back = Stopwatch(chromium).until_pictures()
    report(folder, f"noticed after {noticed:.0f} ms, pictures {back:.0f} ms after the return")
    assert noticed < TOLD
    assert back < SECOND
    publisher.stop()


@pytest.mark.parametrize("end, limit", [(signal.SIGTERM, TOLD), (signal.SIGKILL, SECOND)],
                         ids=["told", "killed"])
def test_chromium_outlives_the_server(millrace: Servers, chromium: Chromium, folder: Path,
                                      end: signal.Signals, limit: float) -> None:
    server = millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("!sound.hidden")
    said = chromium.evaluate("words.length")
    server.signal(end)
    noticed = Stopwatch(chromium).until_words(said)
    server.wait_exit()
    chromium.wait("problem.textContent.includes('be reached')")
    chromium.screenshot(folder / "unreachable.png")
    assert chromium.evaluate("sound.hidden")
    millrace(DEMO)
    back = Stopwatch(chromium).until_pictures()
    report(folder, f"noticed after {noticed:.0f} ms, pictures {back:.0f} ms after the return")
    assert noticed < limit
    assert back < SECOND
    chromium.wait("!sound.hidden")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
def test_chromium_outlives_a_restart(millrace: Servers, chromium: Chromium, folder: Path,
                                     end: signal.Signals) -> None:
    """A server that is back at once has its picture on the screen within a second."""
    server = millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("pictures.length > 100")  # no session that was hardly begun
    server.signal(end)
    stopwatch = Stopwatch(chromium)
    server.wait_exit()
    millrace(DEMO)
    away = chromium.evaluate("performance.now()") - stopwatch.start
    back = stopwatch.until_pictures()
    report(folder, f"away for {away:.0f} ms, pictures after {back:.0f} ms")
    assert back < SECOND + away


def test_chromium_renews_a_silent_session(millrace: Servers, chromium: Chromium) -> None:
    server = millrace(DEMO)
    chromium.open(f"{PAGE}/demo/")
    chromium.wait("pictures.length > 0")
    server.signal(signal.SIGSTOP)
    chromium.wait("problem.textContent === 'Nothing comes any more.'")
    server.signal(signal.SIGCONT)
    assert Stopwatch(chromium).until_pictures() < SECOND
    assert chromium.evaluate(PROBLEM) == ""
    assert chromium.evaluate("peers.length") == 2
    server.wait_log("closed: (terminated|peer connection closed)")  # the first of them
    server.stop()


def test_chromium_learns_that_a_stream_is_slow(server: Server, chromium: Chromium) -> None:
    """Half a second of silence is a drop, then a second: more than this one is ever silent."""
    with Publisher("cam", interval=0.7, keyframe_every=1):
        chromium.open(f"{PAGE}/cam/")
        chromium.wait("peers.length > 1")
        chromium.wait("performance.now() - peers.at(-1).connectedAt > 2500", 20)


def test_chromium_waits_for_a_keyframe(millrace: Servers, chromium: Chromium) -> None:
    """What has not begun is not silent yet."""
    millrace("gopCache: 'no'\npaths:\n  all_others:\n")
    with Publisher("cam", keyframe_every=10_000) as publisher:
        wait_until(lambda: publisher.video.frame > 10, "frames")
        chromium.open(f"{PAGE}/cam/")
        assert chromium.wait("performance.now() - peers[0].connectedAt > 1500 && peers.length") == 1


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
    chromium.screenshot(folder / "only-aac.png")


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


VIEWER = DEMO + """
authInternalUsers:
  - {user: viewer, pass: "p@ss;w#rd", permissions: [{action: read, path: demo}]}
"""


def test_chromium_signs_in(millrace: Servers, chromium: Chromium) -> None:
    """In the window that the browser opens for a page that asks; WHEP is asked with the same."""
    server = millrace(VIEWER)
    chromium.open("http://viewer:p%40ss%3Bw%23rd@127.0.0.1:8889/demo/")
    chromium.wait("pictures.length > 0")
    server.wait_log("is reading from path 'demo'")
    chromium.open("http://127.0.0.1:8889/other/")
    chromium.wait("document.body.textContent.includes('authentication error')")


def test_chromium_signs_in_by_the_form(millrace: Servers, chromium: Chromium) -> None:
    """On a page that asks nobody itself, as of another server; wrongly first."""
    server = millrace(VIEWER)
    with FakeWhep(port=8890) as other:
        other.whep = f"{PAGE}/demo/whep"
        chromium.open("http://127.0.0.1:8890/demo/")
        chromium.wait("!login.hidden")
        chromium.evaluate("(login.user.value = 'viewer', login.pass.value = 'wrong',"
                          " login.requestSubmit())")
        chromium.wait("login.hidden")
        chromium.wait("!login.hidden")
        server.wait_log("WAR .* failed to authenticate: authentication failed")
        chromium.evaluate("(login.pass.value = 'p@ss;w#rd', login.requestSubmit())")
        chromium.wait("pictures.length > 0")
        assert chromium.evaluate("login.hidden && problem.hidden")
        server.wait_log("is reading from path 'demo'")


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


def test_chromium_asks_seldom_where_it_is_refused(chromium: Chromium) -> None:
    """Nothing changes while it waits. The name is one that is no text."""
    with FakeWhep() as server:
        server.answers = {"": (400, {"error": "invalid path name"})}
        chromium.open(f"{PAGE}/%ff/")
        chromium.wait("problem.textContent === 'The server says: invalid path name'")
        assert chromium.evaluate("document.title") == "%ff"
        chromium.wait("performance.now() - words[0][0] > 2500")
        assert len(server.requests) == 1
        server.answers = {"": (404, {"error": "no stream"})}
        chromium.wait(NO_STREAM)
        wait_until(lambda: len(server.requests) > 4, "it asks often again", 5)


def test_chromium_follows_a_redirect(millrace: Servers, chromium: Chromium) -> None:
    server = millrace(DEMO + "  moved:\n    source: redirect\n    sourceRedirect: /demo\n"
                      "  away:\n    source: redirect\n    sourceRedirect: rtsp://192.0.2.1/cam\n")
    chromium.open(f"{PAGE}/moved/")
    chromium.wait("pictures.length > 0")
    server.wait_log("is reading from path 'demo'")
    chromium.open(f"{PAGE}/away/")
    chromium.wait("problem.textContent.includes('leads to an RTSP server')")


UNREACHABLE = DEMO + "webrtcIPsFromInterfaces: no\nwebrtcAdditionalHosts: [192.0.2.7]\n"


def test_chromium_says_that_it_is_connecting(millrace: Servers, chromium: Chromium,
                                             folder: Path) -> None:
    """Not at once: mostly there is a picture before."""
    millrace(UNREACHABLE)
    chromium.open("http://10.1.1.1:8889/demo/")
    assert chromium.wait(PROBLEM) == "Connecting…"
    chromium.screenshot(folder / "connecting.png")
    said, held_up = chromium.evaluate("[words[0][0], heldUp(0, words[0][0])]")
    assert 1500 <= said < 1500 + held_up + SECOND


@pytest.mark.long
def test_chromium_says_why_there_is_no_connection(millrace: Servers, chromium: Chromium,
                                                  folder: Path) -> None:
    server = millrace(UNREACHABLE)
    chromium.open("http://10.1.1.1:8889/demo/")
    words = chromium.wait("problem.textContent.includes('answer') && problem.textContent", 20)
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
    freezes = chromium.evaluate("tiles.map((tile) => Math.round(longestFreeze(tile.pictures)))")
    report(folder, f"first pictures after {first} ms, longest freezes {freezes} ms")
    assert max(freezes) < SECOND
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
    freeze = firefox.evaluate("longestFreeze()")
    report(folder, f"longest freeze {freeze:.0f} ms")
    assert freeze < SECOND
    publisher.stop()
    firefox.wait(NO_STREAM)
    firefox.screenshot(folder / "waiting.png")
    before = firefox.evaluate("window.pictures.length")
    publisher = publish_vp8(folder)
    firefox.wait(f"window.pictures.length > {before + MORE}")
    publisher.stop()
