"""The tolerance corpus: what real cameras and players do, one file each (harness/quirk.py tells
their form). A file ending in .rtsp is a conversation as in test_conversations."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.conversation import Replay, parse
from harness.patience import wait_until
from harness.quirk import Quirk, parse_quirk
from harness.rtp import Packet
from harness.rtsp import Response, Rtsp
from harness.server import Server, Servers

FOLDER = Path(__file__).parent / "quirks"
SETTINGS = "rtcpReportPeriod: 1h\npaths:\n  all_others:\n"


def publish(quirk: Quirk, client: Rtsp) -> None:
    client.expect(200, "ANNOUNCE", "cam", {"Content-Type": "application/sdp"}, quirk.sdp.encode())
    for i, url in enumerate(quirk.urls):
        client.expect(200, "SETUP", f"cam/{url}", {
            "Transport": f"RTP/AVP/TCP;unicast;interleaved={2 * i}-{2 * i + 1};mode=record"})
    client.expect(200, "RECORD", "cam")


def send_in_time(quirk: Quirk, client: Rtsp) -> None:
    start = time.monotonic()
    for sent in quirk.sent:
        time.sleep(max(0, start + sent.at_ms / 1000 - time.monotonic()))
        client.send(sent.data)


def check_read(quirk: Quirk, reader: Rtsp) -> None:
    for want in quirk.read:
        frame = reader.read_frame()
        while frame.channel % 2:  # RTCP
            frame = reader.read_frame()
        packet = Packet.parse(frame.payload)
        got = (f"{frame.channel} {packet.sequence} {packet.timestamp} "
               f"{'m' if packet.marker else '-'} {packet.payload[:8].hex()}, "
               f"{len(packet.payload)} bytes")
        assert want.matches(frame.channel, packet), f"wanted {want.describe()}\ngot    {got}"


def check_description(quirk: Quirk, reader: Rtsp) -> None:
    def described() -> list[str]:
        return reader.expect(200, "DESCRIBE", "cam").body.decode().split("\r\n")

    wait_until(lambda: not set(quirk.described) - set(described()),
               f"{quirk.described} in the description")


def names(ending: str) -> list[str]:
    return sorted(file.stem for file in FOLDER.glob(f"*{ending}"))


@pytest.mark.parametrize("name", names(".txt"))
def test_quirk(name: str, millrace: Servers) -> None:
    quirk = parse_quirk((FOLDER / f"{name}.txt").read_text())
    server: Server = millrace(SETTINGS)
    with ExitStack() as stack:
        publisher = stack.enter_context(Rtsp())
        publish(quirk, publisher)
        reader, asker = stack.enter_context(Rtsp()), stack.enter_context(Rtsp())
        reader.play("cam", len(quirk.urls))
        send_in_time(quirk, publisher)
        check_read(quirk, reader)
        check_description(quirk, asker)
        publisher.expect(200, "GET_PARAMETER", "cam")
    server.stop()


def as_it_stands(_request: str, _want: Response) -> None:
    """These were not recorded elsewhere."""


@pytest.mark.parametrize("name", names(".rtsp"))
def test_quirk_of_a_client(name: str, millrace: Servers) -> None:
    steps = parse((FOLDER / f"{name}.rtsp").read_text())
    assert steps
    server: Server = millrace(SETTINGS)
    with Rtsp() as client:
        replay = Replay(client, as_it_stands)
        for step in steps:
            step(replay)
    server.stop()
