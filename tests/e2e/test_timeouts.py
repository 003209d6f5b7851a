"""What is closed when nothing comes, and when; and what keeps it open."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from harness.patience import PATIENCE, patience
from harness.publisher import H264_SDP, Publisher
from harness.rtp import Packet, sender_report
from harness.rtsp import Rtsp
from harness.server import Servers

SENDER_REPORT = 200
QUICK = "readTimeout: 1s\nwriteTimeout: 1s\npaths:\n  all_others:\n"


def seconds_until_closed(client: Rtsp, limit: float) -> float:
    started = time.monotonic()
    assert client.is_closed(limit), f"still open after {limit} s"
    return time.monotonic() - started


def test_publisher_that_never_sends(millrace: Servers) -> None:
    server = millrace(QUICK)
    with Rtsp() as client:
        client.announce("cam", H264_SDP)
        assert 0.5 < seconds_until_closed(client, 5) < 2.5 * PATIENCE
    server.wait_log(r"session .* destroyed: ")


def test_publisher_that_falls_silent(millrace: Servers) -> None:
    millrace(QUICK)
    with Publisher("cam", start=False) as publisher, Rtsp() as reader:
        reader.play("cam")
        for _ in range(20):
            publisher.send_frame()
            time.sleep(0.1)  # twice the timeout in all: it is silence that counts
        assert seconds_until_closed(publisher.rtsp, 5) > 0.5
        assert reader.is_closed()


@pytest.mark.parametrize("what", ["rtcp", "request"])
def test_publisher_is_kept_by_other_signs_of_life(millrace: Servers, what: str) -> None:
    """readTimeout is about silence: whatever arrives ends it."""
    millrace(QUICK)
    with Rtsp() as client:
        client.announce("cam", H264_SDP)
        started = time.monotonic()
        while time.monotonic() - started < 2:
            if what == "rtcp":
                client.send_frame(1, sender_report(1, 1 << 40, 1000))
            else:
                client.expect(200, "GET_PARAMETER", "cam")
            time.sleep(0.2)


def test_empty_lines_do_not_keep_a_publisher(millrace: Servers) -> None:
    server = millrace(QUICK)
    with Rtsp() as client:
        client.announce("cam", H264_SDP)
        with pytest.raises(OSError):
            for _ in range(200):
                client.send(b"\r\n")
                time.sleep(0.05)
    server.wait_log("the publisher sends no packets")


def test_reports_come_as_often_as_asked(millrace: Servers) -> None:
    millrace("rtcpReportPeriod: 300ms\npaths:\n  all_others:\n")
    with Publisher("cam"), Rtsp() as reader:
        reader.play("cam")
        times: list[float] = []
        while len(times) < 4:
            if reader.read_frame(1).payload[1] == SENDER_REPORT:
                times.append(time.monotonic())
    # the first one comes with the first packets
    assert 0.8 < times[-1] - times[0] < patience(2)


@pytest.mark.long
@pytest.mark.limit(150)
def test_silence_of_a_minute(millrace: Servers) -> None:
    """All at once, for they only wait: what closes after 60 s and what does not."""
    millrace()
    closes: list[Rtsp] = []
    stays: list[Rtsp] = []
    with ExitStack() as stack:
        stack.enter_context(Publisher("cam"))
        half = b"OPTIONS rtsp://127.0.0.1:8554/cam RTSP/1.0\r\nCSe"
        for list_, prepare in ((closes, lambda c: c.expect(200, "OPTIONS", "cam")),
                               (closes, lambda c: c.send(half)),
                               (closes, lambda c: c.setup("cam", 0)),
                               (stays, lambda c: None)):
            client = stack.enter_context(Rtsp())
            prepare(client)
            list_.append(client)
        alive = stack.enter_context(Rtsp())
        alive.play("cam")
        started = time.monotonic()
        while time.monotonic() - started < 55:
            Packet.parse(alive.read_frame(0).payload)
        alive.expect(200, "GET_PARAMETER", "cam")
        for client in closes:
            assert client.is_closed(10)
        assert 58 < time.monotonic() - started < 66
        for client in [*stays, alive]:
            assert not client.is_closed(1)
