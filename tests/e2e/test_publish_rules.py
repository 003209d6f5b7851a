"""Who may publish and read where: one publisher a path, names, limits, expressions."""

from __future__ import annotations

import re

import pytest

from harness.patience import wait_until
from harness.publisher import H264_SDP, Publisher
from harness.rtp import FramePart, Packet
from harness.rtsp import Rtsp
from harness.server import DEFAULT_SETTINGS, Server, Servers
from harness.udp import UdpRtsp


def parts_of_a_frame(reader: Rtsp) -> int:
    """Tells one publisher from another."""
    return FramePart.of(Packet.parse(reader.read_frame(0).payload).payload).parts


def test_a_second_publisher_takes_over(server: Server) -> None:
    with Publisher("cam") as first, Rtsp() as reader:
        reader.play("cam")
        with Publisher("cam", parts=7):
            server.wait_log("closing existing publisher")
            wait_until(first.was_closed.is_set, "the first publisher is closed")
            assert reader.is_closed(), "readers go with their publisher"
            with Rtsp() as late:
                late.play("cam")
                assert parts_of_a_frame(late) == 7


def test_override_publisher_no_keeps_the_first(millrace: Servers) -> None:
    server = millrace("paths:\n  cam:\n    overridePublisher: no\n")
    with Publisher("cam", parts=7), Rtsp() as second, Rtsp() as reader:
        reader.play("cam")
        second.announce("cam", H264_SDP, record=False)
        second.expect(400, "RECORD", "cam")
        assert second.is_closed()
        server.wait_log("someone is already publishing to path 'cam'")
        assert parts_of_a_frame(reader) == 7


def test_the_path_is_free_after_its_publisher(millrace: Servers) -> None:
    server = millrace("paths:\n  cam:\n    overridePublisher: no\n")
    Publisher("cam").teardown("cam")
    publisher = Publisher("cam")
    publisher.close()
    server.wait_log(r"session .* destroyed", count=2)
    with Publisher("cam"), Rtsp() as reader:
        reader.play("cam")
        reader.read_frame(0)


@pytest.mark.parametrize("ending", ["teardown", "close"])
def test_what_was_sent_before_the_end_arrives(server: Server, ending: str) -> None:
    """The last packets and the end come in one piece, as ffmpeg sends them."""
    with Publisher("cam", start=False) as publisher, Rtsp() as reader:
        reader.play("cam")
        last = publisher.video.frame + 1
        publisher.send_frame()
        teardown = f"TEARDOWN {publisher.rtsp.url('cam')} RTSP/1.0\r\nCSeq: 99\r\n" \
                   f"Session: {publisher.rtsp.session}\r\n\r\n"
        publisher.rtsp.send_frame(0, *publisher.video.write(9, is_keyframe=False),
                                  then=teardown.encode() if ending == "teardown" else b"")
        if ending == "close":
            publisher.rtsp.close()
        assert reader.is_closed()
        parts = [FramePart.of(Packet.parse(frame.payload).payload) for frame in reader.frames
                 if frame.channel == 0]
        assert [part.part for part in parts if part.frame == last] == list(range(9))


def test_max_readers(millrace: Servers) -> None:
    server = millrace("paths:\n  cam:\n    maxReaders: 2\n")
    with Publisher("cam"), Rtsp() as first, Rtsp() as second, Rtsp() as third:
        first.play("cam")
        second.play("cam")
        transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        third.expect(400, "SETUP", "cam/trackID=0", transport)
        server.wait_log("maximum reader count reached")
        first.request("TEARDOWN", "cam")
        with Rtsp() as fourth:
            fourth.play("cam")
            fourth.read_frame(0)
        second.read_frame(0)


def test_names_that_are_not_configured(millrace: Servers) -> None:
    millrace("paths:\n  cam:\n  ~^live/.+$:\n")
    with Publisher("live/a"), Publisher("cam"):
        for name, status in (("live/a", 200), ("cam", 200), ("live/b", 404), ("live/", 400),
                             ("lives/a", 400), ("other", 400)):
            with Rtsp() as client:
                assert client.request("DESCRIBE", name).status == status, name


@pytest.mark.parametrize("name, status", [
    ("a~b", 400), ("a%20b", 400), ("%2e%2e/etc", 400), ("../cam", 400), ("a//../b", 400),
    ("/a", 400), ("ä", 400), ("", 400), ("a/", 404), ("a?", 404),
])
def test_bad_names(server: Server, name: str, status: int) -> None:
    with Rtsp() as client:
        client.send_request("DESCRIBE", name)
        assert client.read_response().status == status
    server.stop()


@pytest.mark.parametrize("describe, base, setup", [
    ("cam?user=q&x=1", "cam?user=q&x=1/", "cam/trackID=0?user=q&x=1"),
    ("cam?x=1", "cam?x=1/", "cam?x=1/trackID=0"),
    ("cam/", "cam/", "cam/trackID=0"),
], ids=["after-the-track", "before-the-track", "final-slash"])
def test_queries(server: Server, describe: str, base: str, setup: str) -> None:
    with Publisher("cam"), Rtsp() as reader:
        response = reader.expect(200, "DESCRIBE", describe)
        assert response.get("Content-Base") == reader.url(base)
        reader.expect(200, "SETUP", setup,
                      {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        info = reader.expect(200, "PLAY", describe).get("RTP-Info")
        assert info and info.startswith(f"url={reader.url('cam/trackID=0')};seq=")
        reader.read_frame(0)


UDP_OFFER = "RTP/AVP;unicast;client_port=5000-5001"
UDP_TAKEN = f"{UDP_OFFER};server_port=8000-8001"
TCP_TAKEN = "RTP/AVP/TCP;unicast;interleaved=4-5"


@pytest.mark.parametrize("allowed, offer, status, taken", [
    ("tcp", f"{UDP_OFFER},{TCP_TAKEN}", 200, TCP_TAKEN),
    ("tcp, udp", f"{UDP_OFFER},{TCP_TAKEN}", 200, UDP_TAKEN),
    ("tcp, udp", f"{TCP_TAKEN},{UDP_OFFER}", 200, TCP_TAKEN),
    ("tcp, udp", f"RTP/AVP/UDP;unicast;client_port=5000,{TCP_TAKEN}", 200, UDP_TAKEN),
    ("tcp", "RTP/AVP;multicast,RTP/AVP/TCP;unicast", 200, "RTP/AVP/TCP;unicast;interleaved=0-1"),
    ("tcp", UDP_OFFER, 461, None),
    ("udp", TCP_TAKEN, 461, None),
    ("multicast, tcp, udp", "RTP/AVP;multicast", 461, None),
], ids=["tcp-after-udp", "udp-before-tcp", "tcp-before-udp", "udp-one-port", "tcp-after-multicast",
        "udp", "tcp", "multicast"])
def test_transports(millrace: Servers, allowed: str, offer: str, status: int,
                    taken: str | None) -> None:
    """The first offer that is allowed wins."""
    millrace(f"rtspTransports: [{allowed}]\n{DEFAULT_SETTINGS}")
    client = UdpRtsp if allowed == "udp" else Rtsp
    with Publisher("cam", client=client), Rtsp() as reader:
        response = reader.request("SETUP", "cam/trackID=0", {"Transport": offer})
        assert response.status == status
        got = re.sub(";ssrc=[0-9A-F]{8}$", "", response.get("Transport") or "")
        assert got == (taken or "")


def test_two_tracks_on_foreign_channels(server: Server) -> None:
    sdp = H264_SDP + "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n"
    with Publisher("cam", sdp, payload_types=(96, 8)), Rtsp() as reader:
        for track, channels in ((0, "10-11"), (1, "6-7")):
            reader.expect(200, "SETUP", f"cam/trackID={track}",
                          {"Transport": f"RTP/AVP/TCP;unicast;interleaved={channels}"})
        reader.expect(200, "PLAY", "cam")
        assert Packet.parse(reader.read_frame(10).payload).payload_type == 96
        assert Packet.parse(reader.read_frame(6).payload).payload_type == 8


def test_environment_overrides_the_file(millrace: Servers) -> None:
    millrace(env={"MTX_RTSPADDRESS": ":9554", "MTX_PATHDEFAULTS_MAXREADERS": "1"})
    with Publisher("cam", port=9554), Rtsp(port=9554) as first, Rtsp(port=9554) as second:
        first.play("cam")
        second.expect(400, "SETUP", "cam/trackID=0",
                      {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})


def test_ipv6(server: Server) -> None:
    with Publisher("cam"), Rtsp("::1") as reader:
        reader.base = "rtsp://[::1]:8554"
        response = reader.expect(200, "DESCRIBE", "cam")
        assert response.get("Content-Base") == "rtsp://[::1]:8554/cam/"
        reader.play("cam")
        reader.read_frame(0)
