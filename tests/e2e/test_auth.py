"""Who may do what: users, passwords, networks, paths, asked by real clients, and who is kept out."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from harness.media import Client, ffmpeg, gstreamer, make_clip
from harness.patience import PATIENCE, patience
from harness.publisher import Publisher
from harness.rtsp import Closed, Rtsp, basic
from harness.server import Server, Servers
from harness.whep import SDP, Credentials, Offer, Web

HOST = "127.0.0.1:8554"
TCP = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
MAX_PAUSE = 4  # seconds
PATHS = "paths:\n  all_others:\n"
WEB = Web()


def sha256(text: str) -> str:
    return f"sha256:{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def argon2(text: str, *options: str) -> str:
    done = subprocess.run(["argon2", "somesalt", "-id", "-e", *options], input=text, text=True,
                          capture_output=True, check=True)
    return f"argon2:{done.stdout.strip()}"


def user(name: str, password: str, *permissions: str, ips: str = "[]") -> str:
    """An entry of authInternalUsers; a permission is "publish cam"."""
    allowed = [f"{{action: {action}, path: '{path}'}}" for action, _, path in
               (permission.partition(" ") for permission in permissions)]
    return (f"  - {{user: '{name}', pass: '{password}', ips: {ips}, "
            f"permissions: [{', '.join(allowed)}]}}\n")


def settings(*users: str, methods: str = "basic", more: str = "") -> str:
    return f"rtspAuthMethods: [{methods}]\n{more}authInternalUsers:\n{''.join(users)}{PATHS}"


CAMERA = user("camera", "pub;p@ss", "publish cam")
VIEWER = user("viewer", "r#ead&pass", "read cam")
HASHED = (user(sha256("camera"), sha256("pub;p@ss"), "publish cam"),
          user(sha256("viewer"), argon2("r#ead&pass", "-t", "1", "-m", "8"), "read cam"))

WAYS = pytest.mark.parametrize("conf", [
    pytest.param(settings(CAMERA, VIEWER), id="basic"),
    pytest.param(settings(CAMERA, VIEWER, methods="digest"), id="digest"),
    pytest.param(settings(CAMERA, VIEWER, methods="basic, digest"), id="both"),
    pytest.param(settings(*HASHED), id="hashed"),
])


def publish(folder: Path, clip: Path, account: str) -> Client:
    return ffmpeg(folder, "publish", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy",
                  "-f", "rtsp", "-rtsp_transport", "tcp", f"rtsp://{account}@{HOST}/cam")


def read(folder: Path, account: str, name: str = "read") -> Client:
    return ffmpeg(folder, name, "-rtsp_transport", "tcp", "-i", f"rtsp://{account}@{HOST}/cam",
                  "-frames:v", "25", "-f", "null", "-")


@WAYS
def test_ffmpeg(millrace: Servers, folder: Path, media: Path, conf: str) -> None:
    server = millrace(conf)
    publisher = publish(folder, make_clip(media, "h264"), "camera:pub%3Bp%40ss")
    server.wait_log("is publishing to path 'cam'", 10)
    assert "401" not in read(folder, "viewer:r%23ead%26pass").wait()
    started = time.monotonic()
    assert "401 Unauthorized" in read(folder, "viewer:wrong", "wrong").wait(status=None)
    assert "401 Unauthorized" in read(folder, "camera:pub%3Bp%40ss", "camera").wait(status=None)
    assert time.monotonic() - started < 2 * (MAX_PAUSE + 3 * PATIENCE)
    assert server.count_log("WAR .* failed to authenticate: authentication failed") == 2
    publisher.stop()
    server.stop()


@WAYS
def test_gstreamer(millrace: Servers, folder: Path, media: Path, conf: str) -> None:
    server = millrace(conf)
    clip = make_clip(media, "h264", audio=False)
    account = "user-id=camera user-pw=pub;p@ss"
    publisher = gstreamer(folder, "gst-publish", f"filesrc location={clip} ! qtdemux ! h264parse ! "
                          "identity sync=true ! rtspclientsink protocols=tcp "
                          f"location=rtsp://{HOST}/cam {account}")
    server.wait_log("is publishing to path 'cam'", 15)
    video = folder / "out.h264"
    command = ["gst-launch-1.0", "-e", "rtspsrc", f"location=rtsp://{HOST}/cam", "protocols=tcp",
               "user-id=viewer", "user-pw=r#ead&pass", "!", "rtph264depay", "!",
               "video/x-h264,stream-format=byte-stream,alignment=au", "!", "identity",
               "eos-after=25", "!", "filesink", f"location={video}"]
    Client(command, folder, "gst-read").wait()
    assert video.stat().st_size > 10000
    publisher.stop()


USERS = settings(
    user("any", "", "read open"),
    user("camera", "a", "publish ~^cams/[a-c]$"),
    user("viewer", "b", "read cams/a"),
    user("guard", "c", "read ~^cams/"),
    user("near", "d", "publish", "read", ips="[127.0.0.2, 10.0.0.0/8]"),
    user("guard", "second", "read open", "publish open"),
    user("nobody", ""))


@pytest.mark.parametrize(("account", "source", "action", "path", "is_allowed"), [
    ("camera:a", "", "publish", "cams/a", True),
    ("camera:a", "", "publish", "cams/d", False),
    ("camera:a", "", "publish", "x/cams/a", False),
    ("camera:a", "", "read", "cams/a", False),
    ("viewer:b", "", "read", "cams/a", True),
    ("viewer:b", "", "read", "cams/b", False),
    ("viewer:b", "", "publish", "cams/a", False),
    ("guard:c", "", "read", "cams/b", True),
    ("guard:c", "", "publish", "open", False),
    ("guard:second", "", "publish", "open", True),
    ("guard:b", "", "read", "cams/a", False),
    ("near:d", "127.0.0.2", "publish", "anything", True),
    ("near:d", "", "publish", "anything", False),
    ("nobody:x", "", "read", "cams/a", False),
    ("wrong:wrong", "", "read", "open", True),
])
def test_users(millrace: Servers, account: str, source: str, action: str, path: str,
               is_allowed: bool) -> None:
    server = millrace(USERS)
    with Rtsp(account=account, source=source) as client:
        if action == "publish":
            response = client.request("ANNOUNCE", path, {"Content-Type": "application/sdp"},
                                      b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")
            assert response.status == (200 if is_allowed else 401)
        else:
            assert client.request("DESCRIBE", path).status == (404 if is_allowed else 401)
    server.stop()


def test_pause(millrace: Servers) -> None:
    """Random, up to four seconds, and then the connection is closed; who was asked may go on."""
    millrace(settings(VIEWER))
    pauses = []
    for _ in range(3):
        with Rtsp() as client:
            asked = client.expect(401, "DESCRIBE", "cam")
            assert asked.get("WWW-Authenticate") == 'Basic realm="ipcam"'
            started = time.monotonic()
            denied = client.expect(401, "DESCRIBE", "cam", {"Authorization": basic("viewer:x")})
            pauses.append(time.monotonic() - started)
            assert denied.get("WWW-Authenticate") is None
            assert client.is_closed(patience(1))
    assert max(pauses) < MAX_PAUSE + PATIENCE
    assert max(pauses) - min(pauses) > 0.001


def test_whep(millrace: Servers) -> None:
    server = millrace(settings(CAMERA, VIEWER))
    offer = Offer().write(Credentials("abcd", "p" * 22), ":".join(["AB"] * 32))
    right = {"Authorization": basic("viewer:r#ead&pass")}
    with Publisher("cam", account="camera:pub;p@ss"):
        asked = WEB.expect(401, "POST", "/cam/whep", SDP, offer)
        assert asked.get("WWW-Authenticate") == 'Basic realm="mediamtx"'
        created = WEB.expect(201, "POST", "/cam/whep", {**SDP, **right}, offer)
        WEB.expect(200, "GET", "/cam/", right)
        WEB.expect(401, "GET", "/cam/")
        WEB.expect(200, "GET", "/cam/reader.js")
        WEB.expect(204, "OPTIONS", "/cam/whep", right)
        WEB.expect(401, "OPTIONS", "/cam/whep")
        WEB.expect(204, "OPTIONS", "/cam/whep", {"Access-Control-Request-Method": "POST"})
        for wrong in ("viewer:wrong", "camera:pub;p@ss"):
            denied = WEB.expect(401, "POST", "/cam/whep",
                                {**SDP, "Authorization": basic(wrong)}, offer)
            assert denied.get("WWW-Authenticate") is None
        WEB.expect(401, "POST", "/cam/whep?user=viewer&pass=r%23ead%26pass", SDP, offer)
        WEB.expect(200, "DELETE", created.get("Location") or "")
    server.wait_log(r"WAR \[WebRTC\] 127.0.0.1 failed to authenticate: authentication failed")
    server.stop()


SECRET = "s3cr3t-Passw0rd"


def test_no_password_is_logged(millrace: Servers, folder: Path) -> None:
    """Whatever it comes in, and whatever becomes of it, at the level that says most."""
    server = millrace(settings(user("viewer", SECRET, "read"), user("any", "", "read open"),
                               user("camera", SECRET, "publish"), more="logLevel: debug\n"))
    query = f"user=viewer&pass={SECRET}&token={SECRET}&jwt={SECRET}"
    requests: list[tuple[str, dict[str, str]]] = [
        ("OPTIONS", {}), ("DESCRIBE", {}), ("SETUP", TCP), ("PLAY", TCP),
        ("ANNOUNCE", {"Content-Type": "application/sdp"}),
        ("DESCRIBE", {"Authorization": basic(f"viewer:{SECRET}")})]
    urls = [f"rtsp://viewer:{SECRET}@{HOST}/cam", f"rtsp://{HOST}/open?{query}",
            f"rtsp://viewer:{SECRET}@{HOST}/open/trackID=0?{query}", f"viewer:{SECRET}@{HOST}/cam",
            f"rtsp://viewer:{SECRET}@[/cam", f"rtsp://viewer:{SECRET}/x@{HOST}/cam?{query}",
            f"rtsp://viewer:{SECRET}@{HOST}/open/nothing?x=1/{query}",
            f"rtsp://viewer:{SECRET}@{HOST}/{'long' * 400}"]
    with Publisher("open", account=f"camera:{SECRET}"):
        for url in urls:
            for method, headers in requests:
                with Rtsp() as client:
                    lines = [f"{method} {url} RTSP/1.0", "CSeq: 1",
                             *(f"{name}: {value}" for name, value in headers.items()), "", ""]
                    client.send("\r\n".join(lines).encode())
                    with suppress(Closed):
                        client.read_response()
        for target in (f"/cam/?{query}", f"/cam/whep?{query}", f"/open?{query}",
                       f"http://viewer:{SECRET}@127.0.0.1:8889/open/?{query}"):
            WEB.request("GET", target)
            WEB.request("POST", target, {**SDP, "Authorization": basic(f"viewer:{SECRET}")}, "x")
    assert server.count_log("pass=[*][*][*]") > 10
    output = "\n".join(server.stop())
    for secret in (SECRET, basic(f"viewer:{SECRET}").split()[1]):
        assert secret not in output


SLOW = argon2("slow", "-t", "40", "-m", "16", "-p", "1")  # a second or more, and 64 MB


def cpu_ticks(server: Server) -> dict[str, int]:
    """Of each thread, by name and number."""
    ticks = {}
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        ticks[f"{(task / 'comm').read_text().strip()} {task.name}"] = (int(fields[11]) +
                                                                       int(fields[12]))
    return ticks


def in_background(work: Callable[[], object], count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_argon2_holds_up_nobody(millrace: Servers) -> None:
    """Neither a running stream nor another client's answer, and no worker computes it."""
    server = millrace("workers: 1\n" + settings(CAMERA, VIEWER, user("slow", SLOW, "read cam")))
    computed: list[float] = []

    def read_slowly() -> None:
        with Rtsp(account="slow:slow") as client:
            client.socket.settimeout(patience(30))
            started = time.monotonic()
            client.expect(200, "DESCRIBE", "cam")
            computed.append(time.monotonic() - started)

    with Publisher("cam", account="camera:pub;p@ss", interval=0.02) as publisher, \
            Rtsp(account="viewer:r#ead&pass") as reader:
        reader.play("cam")
        reader.read_frame(0)
        before = cpu_ticks(server)
        threads = in_background(read_slowly, 4)
        gaps, answers = [], []
        while any(thread.is_alive() for thread in threads):
            started = time.monotonic()
            reader.read_frame(0)
            gaps.append(time.monotonic() - started)
            with Rtsp(account="viewer:r#ead&pass") as other:
                started = time.monotonic()
                other.expect(200, "DESCRIBE", "cam")
                answers.append(time.monotonic() - started)
        used = {name: ticks - before.get(name, 0) for name, ticks in cpu_ticks(server).items()}
        assert not publisher.was_closed.is_set()
    assert len(computed) == 4
    assert len(answers) > 5, "it was not slow at all"
    assert max(*gaps, *answers) < min(computed) / 2
    on_loops = sum(used[name] for name in before)  # the others are the pool's
    assert sum(used.values()) > 4 * on_loops, used
    server.stop()


def test_end_amid_argon2_and_pauses(millrace: Servers) -> None:
    """What is being computed is waited for; the limit for an end is not reached by what is usual."""
    usual = argon2("slow", "-t", "3", "-m", "16", "-p", "1")
    server = millrace(settings(VIEWER, user("slow", usual, "read slow")))
    clients = [Rtsp(account=account) for account in ("slow:slow", "slow:wrong", "viewer:wrong")]
    for client, path in zip(clients, ("slow", "slow", "cam")):
        client.send_request("DESCRIBE", path)

    def ask_for_page() -> None:
        with suppress(HTTPException):
            WEB.request("GET", "/cam/", {"Authorization": basic("viewer:wrong")})

    threads = in_background(ask_for_page, 1)
    with Rtsp() as last:
        last.expect(401, "DESCRIBE", "cam")  # behind the others at main
    server.stop()
    threads[0].join()
    for client in clients:
        assert client.is_closed(patience(1))
        client.close()
