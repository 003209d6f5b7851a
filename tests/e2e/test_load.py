"""`millrace load`: its streams are what they claim to be, and it sees what goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.lossy import STALL_SECONDS, Harm, LossyRelay
from harness.media import Client, ffmpeg, ffprobe_streams, split_nals
from harness.patience import wait_until
from harness.rtp import Packet
from harness.rtsp import Rtsp
from harness.server import SANITIZER, Server, Servers

RELAY_PORT = 9554
WHEP = "http://127.0.0.1:8889"
PULL_PORT = 8600
SPS, PPS, SEI, IDR, SLICE, FILLER = 7, 8, 6, 5, 1, 12


class Load(Client):
    """A load that runs beside the test."""

    def __init__(self, program: Path, folder: Path, *arguments: str, name: str = "load") -> None:
        super().__init__([program, "load", "--ramp", "200ms", *arguments], folder, name)

    def report(self, status: int) -> dict[str, Any]:
        """Waits for the end; the JSON stands behind what was displayed meanwhile."""
        output = self.wait(40, status)
        assert not SANITIZER.search(output), output
        found: dict[str, Any] = json.loads(output[output.index("{\n"):])
        assert found["exit_code"] == status
        return found


@pytest.fixture
def load(millrace_bin: Path, folder: Path) -> Any:
    def start(*arguments: str, name: str = "load") -> Load:
        return Load(millrace_bin, folder, "--json", *arguments, name=name)
    return start


def nothing_lost(report: dict[str, Any]) -> bool:
    return all(value == 0 for value in report["lost"].values())


@pytest.mark.parametrize("write", ["frame", "packet"])
def test_all_that_is_sent_comes_back(load: Any, server: Server, write: str) -> None:
    report = load("--streams", "4", "--readers", "2", "--audio", "--duration", "3s", "--write",
                  write, "--pid", str(server.pid)).report(0)
    assert nothing_lost(report)
    sent, delivered = report["sent"], report["delivered"]
    assert (sent["streams"], delivered["readers"]) == (4, 8)
    # 3 s of 4 x 25 frames, of 4.3 packets each, and 4 x 50 packets of audio.
    assert sent["frames"] == pytest.approx(300, abs=4)
    assert sent["packets"] == pytest.approx(300 * 4.3 + 600, rel=0.03)
    assert delivered["packets"] == pytest.approx(2 * sent["packets"], rel=0.02)
    assert delivered["keyframes"] == pytest.approx(2 * 4 * 1.5, abs=8)
    times = report["times"]
    assert 0 < times["delay_p50_ms"] <= times["delay_p99_ms"] <= times["delay_max_ms"]
    assert 0 < times["setup_p50_ms"] and 0 <= times["first_frame_p50_ms"]
    assert report["server"]["threads"] >= 1 and report["server"]["rss_mib"] > 1
    cpu = report["costs"]["cpu_us"]
    assert cpu["per_packet"] == pytest.approx(cpu["total"] / delivered["packets"], rel=1e-3)
    assert cpu["total"] > 0
    server.stop()


USERS = """
authInternalUsers:
  - {user: camera, pass: "a;b@c", permissions: [{action: publish}, {action: read}]}
paths:
  all_others:
"""


@pytest.mark.parametrize("methods", ["basic", "digest", "basic, digest"])
@pytest.mark.parametrize("way", [(), ("--whep", WHEP)], ids=["rtsp", "whep"])
def test_a_server_that_asks(load: Any, millrace: Servers, methods: str,
                            way: tuple[str, ...]) -> None:
    server = millrace(f"rtspAuthMethods: [{methods}]{USERS}")
    report = load("--streams", "3", "--readers", "2", "--duration", "1s", "--user", "camera:a;b@c",
                  *way).report(0)
    assert nothing_lost(report)
    assert (report["sent"]["streams"], report["delivered"]["readers"]) == (3, 6)
    server.stop()


@pytest.mark.parametrize("user", [(), ("--user", "camera:s3cr3t")], ids=["nobody", "wrong"])
def test_a_server_that_lets_nobody_in(load: Any, millrace: Servers, user: tuple[str, ...]) -> None:
    millrace(USERS)
    report = load("--duration", "1s", *user).report(1)
    assert any("ANNOUNCE was answered 401 Unauthorized" in line for line in report["notes"])
    assert "s3cr3t" not in json.dumps(report)


@pytest.mark.parametrize("transport, with_udp", [("udp", 8), ("udp-in", 0), ("udp-out", 8)])
def test_all_that_is_sent_comes_back_by_udp(load: Any, server: Server, transport: str,
                                            with_udp: int) -> None:
    report = load("--streams", "4", "--readers", "2", "--audio", "--duration", "2s",
                  "--transport", transport).report(0)
    assert nothing_lost(report)
    assert report["load"]["transport"] == transport
    assert report["delivered"]["packets"] == pytest.approx(2 * report["sent"]["packets"], rel=0.03)
    assert server.count_log("is reading from .* with UDP") == with_udp
    server.stop()


@pytest.mark.parametrize("srtp, profile", [
    ("any", "SRTP_AEAD_AES_128_GCM"),
    ("gcm", "SRTP_AEAD_AES_128_GCM"),
    ("gcm256", "SRTP_AEAD_AES_256_GCM"),
    ("cm", "SRTP_AES128_CM_SHA1_80"),
])
def test_all_that_is_sent_is_watched(load: Any, server: Server, srtp: str, profile: str) -> None:
    """Small enough packets pass as they are, so that their number tells that none is missing."""
    report = load("--whep", WHEP, "--srtp", srtp, "--streams", "4", "--readers", "2", "--audio",
                  "--packet-size", "1000", "--duration", "3s", "--pid", str(server.pid)).report(0)
    assert nothing_lost(report)
    assert report["load"]["readers_by"] == "webrtc"
    assert report["load"]["srtp_profile"] == profile
    sent, delivered = report["sent"], report["delivered"]
    assert (sent["streams"], delivered["readers"]) == (4, 8)
    assert delivered["packets"] == pytest.approx(2 * sent["packets"], rel=0.03)
    assert delivered["frames"] == pytest.approx(2 * sent["frames"], rel=0.03)
    assert delivered["packets_decrypted"] == delivered["packets"]
    times = report["times"]
    assert 0 < times["setup_p50_ms"] <= times["first_packet_p50_ms"] + 0.5
    assert 0 < times["delay_p50_ms"] <= times["delay_p99_ms"] <= times["delay_max_ms"]
    server.wait_log(r"session \w+\] closed: terminated", 10, count=8)
    server.stop()


def test_what_the_server_packs_anew_is_watched_too(load: Any, server: Server) -> None:
    report = load("--whep", f"{WHEP}/cam%d/whep", "--streams", "2", "--readers", "2",
                  "--packet-size", "20000", "--bitrate", "4M", "--duration", "2s").report(0)
    assert nothing_lost(report)
    assert report["delivered"]["frames"] == pytest.approx(2 * report["sent"]["frames"], rel=0.03)
    assert report["delivered"]["packets"] > 4 * report["sent"]["packets"]
    server.stop()


def test_one_frame_in_some_is_decrypted(load: Any, server: Server) -> None:
    report = load("--whep", WHEP, "--decrypt-every", "4", "--streams", "4", "--readers", "2",
                  "--duration", "4s").report(0)
    assert nothing_lost(report)
    delivered = report["delivered"]
    assert 0.1 < delivered["packets_decrypted"] / delivered["packets"] < 0.5
    assert delivered["frames"] == pytest.approx(2 * report["sent"]["frames"], rel=0.03)
    server.stop()


def test_a_viewer_that_is_refused_is_reported(load: Any, millrace: Servers) -> None:
    millrace("paths:\n  all_others:\n    maxReaders: 1\n")
    report = load("--whep", WHEP, "--readers", "3", "--duration", "1s").report(1)
    assert report["delivered"]["readers"] == 1
    assert any(re.search(r"2 connections never got media; the first: http://.*/cam1/whep: "
                         r"POST was answered 4\d\d", note) for note in report["notes"])


def test_a_server_that_dies_is_noticed_by_viewers(load: Any, millrace: Servers) -> None:
    """The publishers break with their connections, and viewers stand before a frozen picture."""
    server = millrace()
    server.expected_exit = -signal.SIGKILL
    running = load("--whep", WHEP, "--streams", "2", "--readers", "1", "--duration", "30s")
    wait_until(lambda: "measuring" in running.output, "a line of the display", 20)
    server.kill()
    report = running.report(2)
    assert any("lost while media flowed" in note for note in report["notes"])


@pytest.mark.parametrize("size, fps, interval, bitrate", [
    ((1280, 720), "25", "2s", "1M"),
    ((1920, 1080), "29.97", "1s", "4M"),
    ((322, 182), "12.5", "800ms", "200k"),
    ((16, 16), "50", "1s", "64k"),
    ((7680, 4320), "10", "1s", "20M"),
])
def test_video_is_as_announced(load: Any, folder: Path, size: tuple[int, int], fps: str,
                               interval: str, bitrate: str) -> None:
    """Shape by ffprobe, every picture by ffmpeg, which stops at the first thing it dislikes."""
    url = f"rtsp://127.0.0.1:{PULL_PORT}/cam1"

    def serve() -> Any:  # its run ends when the one who pulls has left
        source = load("--pull", "--url", f"rtsp://127.0.0.1:{PULL_PORT}/cam%d", "--size",
                      f"{size[0]}x{size[1]}", "--fps", fps, "--keyframe-interval", interval,
                      "--bitrate", bitrate, "--duration", "2m")
        wait_until(lambda: is_listening(PULL_PORT), "load listens")
        return source

    def end(source: Any) -> None:
        if source.process.poll() is None:
            source.process.send_signal(signal.SIGINT)
        source.wait(status=None)

    source = serve()
    (stream,) = ffprobe_streams(url)
    end(source)
    assert stream["codec_name"] == "h264" and stream["has_b_frames"] == 0
    assert (stream["width"], stream["height"]) == size
    top, bottom = str(stream["r_frame_rate"]).split("/")
    assert int(top) / int(bottom) == pytest.approx(float(fps), rel=0.001)
    frames = 20
    source = serve()
    output = ffmpeg(folder, "decode", "-loglevel", "info", "-xerror", "-err_detect", "explode",
                    "-rtsp_transport", "tcp", "-i", url, "-frames:v", str(frames),
                    "-fps_mode", "passthrough", "-f", "framemd5", "-").wait()
    end(source)
    assert len(re.findall(r"^0, ", output, re.M)) == frames
    assert not re.search(r"error|corrupt|invalid|conceal", output, re.I), output


def is_listening(port: int) -> bool:
    try:
        Rtsp(port=port).close()
        return True
    except ConnectionRefusedError:
        return False


def test_a_group_of_pictures_has_exactly_its_bytes(load: Any, folder: Path) -> None:
    source = load("--pull", "--url", f"rtsp://127.0.0.1:{PULL_PORT}/cam", "--bitrate", "500k",
                  "--fps", "20", "--keyframe-interval", "1s", "--keyframe-ratio", "5",
                  "--size", "320x240", "--duration", "2m")
    wait_until(lambda: is_listening(PULL_PORT), "load listens")
    video = folder / "out.h264"
    ffmpeg(folder, "record", "-rtsp_transport", "tcp", "-i", f"rtsp://127.0.0.1:{PULL_PORT}/cam",
           "-c", "copy", "-frames:v", "65", video).wait()
    source.process.send_signal(signal.SIGINT)
    source.wait(status=None)

    groups: list[list[bytes]] = []
    for nal in split_nals(video.read_bytes()):
        if nal[0] & 0x1F == SPS:
            groups.append([])
        groups[-1].append(nal)
    whole = groups[1:3]  # ffmpeg may begin late and end early
    for group in whole:
        types = [nal[0] & 0x1F for nal in group]
        assert types.count(SLICE) == 19 and types.count(IDR) == 1 and types.count(SEI) == 20
        assert set(types) == {SPS, PPS, SEI, IDR, SLICE, FILLER}
        assert sum(len(nal) for nal in group) == 500_000 // 8


def test_audio_is_silence_that_decodes(load: Any, folder: Path) -> None:
    source = load("--pull", "--url", f"rtsp://127.0.0.1:{PULL_PORT}/cam", "--audio",
                  "--duration", "2m")
    wait_until(lambda: is_listening(PULL_PORT), "load listens")
    sound = folder / "out.raw"
    decode = ffmpeg(folder, "decode", "-xerror", "-rtsp_transport", "tcp", "-i",
                    f"rtsp://127.0.0.1:{PULL_PORT}/cam", "-map", "0:a", "-t", "2", "-f", "s16le",
                    sound)
    assert "error" not in decode.wait().lower()
    source.process.send_signal(signal.SIGINT)
    source.wait(status=None)
    samples = sound.read_bytes()
    assert len(samples) == pytest.approx(2 * 48000 * 2 * 2, rel=0.1)
    assert max(samples) == 0


def test_pulled_by_its_own_readers(load: Any) -> None:
    report = load("--pull", "--url", f"rtsp://127.0.0.1:{PULL_PORT}/a/cam%d", "--streams", "3",
                  "--readers", "2", "--audio", "--duration", "2s").report(0)
    assert nothing_lost(report)
    assert report["sent"]["streams"] == 3 and report["delivered"]["readers"] == 6


@pytest.mark.parametrize("harm, counter, status", [
    (Harm.DROP, "packets_lost", 2),
    (Harm.TWICE, "packets_duplicate", 0),
    (Harm.SWAP, "packets_late", 0),
])
def test_harm_to_packets_is_counted(load: Any, server: Server, harm: Harm, counter: str,
                                    status: int) -> None:
    # Never the first packet of a frame after a gap, nor the last one of all.
    def choose(number: int, packet: Packet) -> Harm:
        return harm if number % 40 == 20 and not packet.marker else Harm.NONE

    with LossyRelay(RELAY_PORT, choose) as relay:
        report = load("--url", f"rtsp://127.0.0.1:{RELAY_PORT}/cam%d", "--streams", "2",
                      "--readers", "1", "--duration", "3s").report(status)
    assert relay.count[harm] > 10
    assert report["lost"].pop(counter) == relay.count[harm]
    if harm is Harm.DROP:
        assert report["lost"].pop("frames_lost") == relay.count[harm]
        assert report["lost"].pop("frames_cut") == relay.count[harm]
    assert nothing_lost(report)


def test_a_frame_that_is_dropped_without_a_trace_is_missed(load: Any, server: Server) -> None:
    """A server that renumbers what is left hides the gap; the frame numbers show it."""
    dropped: set[int] = set()
    shift = 0

    def choose(number: int, packet: Packet) -> Harm:
        nonlocal shift
        if 100 < number < 140 or packet.timestamp in dropped:
            dropped.add(packet.timestamp)
            return Harm.DROP
        return Harm.NONE

    with LossyRelay(RELAY_PORT, choose):
        report = load("--url", f"rtsp://127.0.0.1:{RELAY_PORT}/cam", "--readers", "1",
                      "--duration", "3s").report(2)
    assert len(dropped) - 1 <= report["lost"]["frames_lost"] <= len(dropped)


def test_a_stall_is_a_freeze(load: Any, server: Server) -> None:
    def choose(number: int, packet: Packet) -> Harm:
        return Harm.STALL if number == 350 else Harm.NONE  # after the first keyframe, 2 s at most

    with LossyRelay(RELAY_PORT, choose):
        report = load("--url", f"rtsp://127.0.0.1:{RELAY_PORT}/cam", "--readers", "1",
                      "--duration", "4s").report(2)
    assert report["lost"].pop("freezes") == 1
    assert report["lost"].pop("frozen_ms") >= STALL_SECONDS * 1000 - 50
    assert report["times"]["delay_max_ms"] >= STALL_SECONDS * 1000 - 50
    assert nothing_lost(report)


def test_a_server_that_dies_is_noticed(load: Any, millrace: Servers) -> None:
    server = millrace()
    server.expected_exit = -signal.SIGKILL
    running = load("--streams", "2", "--readers", "1", "--duration", "30s")
    wait_until(lambda: "measuring" in running.output, "a line of the display", 20)
    server.kill()
    report = running.report(2)
    assert any("lost while media flowed" in note for note in report["notes"])


def test_nobody_listens(load: Any) -> None:
    report = load("--streams", "2", "--readers", "1", "--duration", "1s").report(1)
    assert report["sent"]["streams"] == 0
    assert any("refused" in note for note in report["notes"])


def test_nobody_pulls(load: Any) -> None:
    report = load("--pull", "--timeout", "300ms", "--duration", "1s").report(1)
    assert any("nobody pulled it" in note for note in report["notes"])


def test_a_reader_that_is_refused_is_reported(load: Any, millrace: Servers) -> None:
    millrace("paths:\n  all_others:\n    maxReaders: 1\n")
    report = load("--readers", "3", "--duration", "1s").report(1)
    assert report["delivered"]["readers"] == 1
    assert any(re.search(r"2 connections never got media.*SETUP was answered 400", note)
               for note in report["notes"])


def test_an_interrupt_ends_with_the_report(load: Any, server: Server) -> None:
    running = load("--streams", "2", "--readers", "1", "--duration", "1h")
    server.wait_log(r"is reading from path", 10, count=2)
    wait_until(lambda: "delivered 2/2" in running.output, "a line of the display", 20)
    running.process.send_signal(signal.SIGINT)
    report = running.report(0)
    assert nothing_lost(report)
    assert any(note.startswith("interrupted") for note in report["notes"])
    assert report["generator"]["measured_s"] > 1
    server.stop()


def first_numbers(port: int) -> list[tuple[int, int]]:
    """SSRC and first sequence number of two streams."""
    numbers = []
    for path in ("cam1", "cam2"):
        with Rtsp(port=port) as client:
            client.play(path)
            packet = Packet.parse(client.read_frame(0).payload)
            numbers.append((packet.ssrc, packet.sequence))
    return numbers


def test_the_seed_decides(load: Any) -> None:
    seen = []
    for run, seed in enumerate(("7", "7", "8")):
        source = load("--pull", "--url", f"rtsp://127.0.0.1:{PULL_PORT}/cam%d", "--streams", "2",
                      "--seed", seed, "--duration", "2m", name=f"load-{run}")
        wait_until(lambda: is_listening(PULL_PORT), "load listens")
        seen.append(first_numbers(PULL_PORT))
        source.process.send_signal(signal.SIGINT)
        source.wait(status=None)
    assert seen[0] == seen[1] != seen[2]
    assert seen[0][0] != seen[0][1]


def test_mistakes_end_with_1(millrace_bin: Path) -> None:
    for arguments, says in ((["--streams", "0"], "too small"), (["--wat"], "no option"),
                            (["--size", "3840x2160"], "raise --bitrate"),
                            (["--url", "rtsp://no.such.host.invalid/cam"], "cannot resolve"),
                            (["--whep", "http://no.such.host.invalid"], "cannot resolve"),
                            (["--whep", "8889"], "is not like http://")):
        done = subprocess.run([millrace_bin, "load", *arguments], capture_output=True, text=True)
        assert done.returncode == 1
        assert says in done.stderr and done.stderr.startswith("millrace load: ")


def test_text_report_and_help(millrace_bin: Path, server: Server) -> None:
    done = subprocess.run([millrace_bin, "load", "--ramp", "0s", "--readers", "1", "--duration",
                           "1s", "--pid", str(server.pid)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (r"packets lost +0$", r"delay p99 +[\d.]+ ms$", r"CPU, us +\d", r"threads +\d"):
        assert re.search(line, done.stdout, re.M), done.stdout
    shown = subprocess.run([millrace_bin, "load", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0 and "--keyframe-ratio" in shown.stdout


@pytest.mark.parametrize("by", ["rtsp", "whep"])
@pytest.mark.skipif("MEDIAMTX" not in os.environ, reason="MEDIAMTX=path names no program")
def test_against_mediamtx(load: Any, folder: Path, by: str) -> None:
    conf = folder / "mediamtx.yml"
    conf.write_text("paths:\n  all_others:\n")
    peer = Client([os.environ["MEDIAMTX"], conf], folder, "mediamtx")
    wait_until(lambda: is_listening(8554), "MediaMTX listens", 10)
    over = ("--whep", WHEP) if by == "whep" else ()
    report = load("--streams", "4", "--readers", "2", "--audio", "--duration", "3s",
                  *over).report(0)
    assert nothing_lost(report)
    peer.stop()
