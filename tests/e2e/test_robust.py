"""What a peer or the system does wrong: the server answers as MediaMTX does, and goes on."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.namespace import die_with_parent
from harness.patience import PATIENCE, wait_until
from harness.publisher import Publisher
from harness.rtp import FramePart, Packet
from harness.rtsp import Closed, Response, Rtsp
from harness.server import Server, Servers

URL = b"rtsp://127.0.0.1:8554/cam"


def request(head: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([head, *headers, b"", b""]) + body


def options(*headers: bytes) -> bytes:
    return request(b"OPTIONS " + URL + b" RTSP/1.0", *headers)


@contextmanager
def stream_that_must_not_suffer() -> Iterator[None]:
    """Publishes and reads while something else goes wrong; every frame must arrive."""
    with Publisher("healthy", interval=0.02) as _, Rtsp() as reader:
        reader.play("healthy")
        first = next_part(reader)
        yield
        last = next_part(reader)
        while last.frame < first.frame + 20:
            part = next_part(reader)
            assert part.frame in (last.frame, last.frame + 1), "a frame was lost"
            last = part


def next_part(reader: Rtsp) -> FramePart:
    return FramePart.of(Packet.parse(reader.read_frame(0).payload).payload)


def answer(data: bytes) -> Response | None:
    """The answer to these bytes; None: the connection was closed without one."""
    with Rtsp() as client:
        client.send(data)
        try:
            return client.read_response()
        except Closed:
            return None


MALFORMED = {
    "no version": (b"OPTIONS " + URL + b"\r\nCSeq: 1\r\n\r\n", "silence"),
    "another version": (b"OPTIONS " + URL + b" RTSP/3.0\r\nCSeq: 1\r\n\r\n", "refused"),
    "no address": (b"OPTIONS RTSP/1.0\r\nCSeq: 1\r\n\r\n", "silence"),
    "a blank in the address": (b"DESCRIBE rtsp://h/a b RTSP/1.0\r\nCSeq: 1\r\n\r\n", "refused"),
    "header without colon": (options(b"CSeq 1"), "refused"),
    "negative length": (options(b"CSeq: 1", b"Content-Length: -1"), "refused"),
    "length that is no number": (options(b"CSeq: 1", b"Content-Length: ten"), "refused"),
    "length beyond 64 bits": (options(b"CSeq: 1", b"Content-Length: " + b"9" * 30), "refused"),
    "length of a gigabyte": (options(b"CSeq: 1", b"Content-Length: 1073741824"), "refused"),
    "two lengths": (options(b"CSeq: 1", b"Content-Length: 1", b"Content-Length: 2"), "refused"),
    "method of small letters": (b"options " + URL + b" RTSP/1.0\r\nCSeq: 1\r\n\r\n", "refused"),
    "bytes of another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
                                  "refused or silence"),
    "a NUL in the head": (options(b"CSeq: 1", b"X: a\0b"), "refused"),
    "address of another scheme": (b"DESCRIBE http://x/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", "refused"),
    "head without end": (b"OPTIONS " + URL + b" RTSP/1.0\r\n" + b"X: y\r\n" * 20000, "refused"),
    "one endless line": (b"OPTIONS " + URL + b"a" * 200000 + b" RTSP/1.0\r\n\r\n", "refused"),
    "endless header": (options(b"X: " + b"a" * 200000), "refused"),
    "thousands of headers": (options(*[b"X%d: y" % i for i in range(5000)]), "refused"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request(server: Server, name: str) -> None:
    data, want = MALFORMED[name]
    with stream_that_must_not_suffer(), Rtsp() as client:
        try:
            client.send(data)
            closed = client.is_closed(1)
        except OSError:
            closed = True  # while it was still being sent
        refused = closed or any(answer.status >= 400 for answer in client.responses)
        assert not any(answer.status < 400 for answer in client.responses)
        if want == "silence":
            assert not refused
        elif want == "refused":
            assert refused
    server.stop()


def test_requests_byte_by_byte_and_all_at_once(server: Server) -> None:
    with Rtsp() as client:
        for byte in options(b"CSeq: 7"):
            client.send(bytes([byte]))
        assert client.read_response().get("CSeq") == "7"
        client.send(b"".join(options(b"CSeq: %d" % number) for number in range(200)))
        for number in range(200):
            assert client.read_response().get("CSeq") == str(number)


def test_garbage_between_frames(server: Server) -> None:
    """Some cameras write rubbish between frames: it is passed over, and the stream goes on."""
    with stream_that_must_not_suffer(), Publisher("cam", start=False) as publisher:
        with Rtsp() as reader:
            reader.play("cam")
            for garbage in (b"\0", b"\xff\xfe\xfd garbage \r\n\r\n" * 100, b"$" * 7):
                publisher.rtsp.send(garbage)
                for _ in range(10):  # rubbish may look like a frame's header, and take some
                    publisher.send_frame()
                last = publisher.video.frame - 1
                while next_part(reader).frame != last:
                    pass


BROKEN_PACKETS = {
    "empty": b"",
    "one byte": b"\x80",
    "half a header": b"\x80\x60" + bytes(9),
    "version 0": bytes(20),
    "all ones": b"\xff" * 20,
    "extension beyond the end": b"\x90\x60" + bytes(10) + b"\0\0\xff\xff",
    "padding beyond the end": b"\xa0\x60" + bytes(10) + b"\xff",
}


@pytest.mark.parametrize("name", BROKEN_PACKETS)
@pytest.mark.parametrize("channel", [0, 1, 9], ids=["rtp", "rtcp", "unknown-channel"])
def test_broken_packets(server: Server, name: str, channel: int) -> None:
    """Rubbish in a well-formed frame is dropped: the stream goes on."""
    with Publisher("cam", start=False) as publisher, Rtsp() as reader:
        reader.play("cam")
        for _ in range(3):
            publisher.rtsp.send_frame(channel, BROKEN_PACKETS[name])
        publisher.send_frame()
        received = [Packet.parse(reader.read_frame(0).payload) for _ in range(2)]
        assert [FramePart.of(packet.payload).part for packet in received] == [0, 1]
    server.stop()


def test_connections_that_say_nothing(server: Server) -> None:
    """Hundreds of them, some in the middle of a request: memory stays small, others are served."""
    with Rtsp() as client:
        client.expect(200, "OPTIONS", "cam")
        before = server.rss()
        with ExitStack() as stack:
            for number in range(400):
                idle = stack.enter_context(socket.create_connection(("127.0.0.1", 8554)))
                if number % 2:
                    idle.sendall(b"DESCRIBE " + URL)
            with stream_that_must_not_suffer():
                client.expect(200, "OPTIONS", "cam")
            grown = server.rss() - before
            assert grown < 400 * 16384 * PATIENCE, f"{grown} bytes for 400"
        descriptors = server.descriptors
        wait_until(lambda: descriptors() < 100, "the connections are closed")


def test_out_of_descriptors(millrace: Servers) -> None:
    """No more connections fit; the old ones go on, and there is room again when some have left."""
    server = millrace(wrapper=["prlimit", "--nofile=64:64"])
    with stream_that_must_not_suffer():
        crowd = []
        for _ in range(100):
            try:
                crowd.append(socket.create_connection(("127.0.0.1", 8554), timeout=1))
            except OSError:
                break
        server.wait_log("(?i)too many open files")
        cpu = cpu_ticks(server)
        with Rtsp() as waiting:
            waiting.socket.settimeout(0.5)
            with pytest.raises((TimeoutError, Closed)):
                waiting.expect(200, "OPTIONS", "cam")
        assert cpu_ticks(server) - cpu < 25, "it runs in circles while it waits"
        for connection in crowd:
            connection.close()
        wait_until(can_connect, "there is room again")
    assert server.count_log("(?i)too many open files") < 10


def cpu_ticks(server: Server) -> int:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def can_connect() -> bool:
    try:
        with Rtsp() as client:
            return client.request("OPTIONS", "cam").status == 200
    except (OSError, Closed):
        return False


@pytest.mark.parametrize("output", ["closed", "/dev/full", "closed pipe", "full pipe"])
def test_output_that_takes_nothing(millrace_bin: Path, folder: Path, output: str) -> None:
    """The log has nowhere to go; everything else works, and the end is a normal one."""
    conf = folder / "millrace.yml"
    conf.write_text("logLevel: debug\npaths:\n  all_others:\n")
    with ExitStack() as stack:
        command = [str(millrace_bin), str(conf)]
        if output == "closed":
            command = ["sh", "-c", 'exec "$0" "$@" >&-', *command]
        stdout = open_output(stack, output)
        process = stack.enter_context(subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=(folder / "stderr.log").open("wb"), preexec_fn=die_with_parent))
        wait_until(can_connect, "it listens")
        with stream_that_must_not_suffer():
            for _ in range(600):  # some log lines each: more than a pipe holds
                assert answer(options(b"CSeq: 1"))
        process.terminate()
        assert process.wait(10) == 0


def open_output(stack: ExitStack, output: str) -> int | None:
    if output == "/dev/full":
        return stack.enter_context(open("/dev/full", "wb")).fileno()
    if "pipe" not in output:
        return None
    reading, writing = os.pipe()
    stack.callback(os.close, writing)
    if output == "closed pipe":
        os.close(reading)
    else:
        stack.callback(os.close, reading)
    return writing


def test_a_reader_that_vanishes_in_the_middle(server: Server) -> None:
    """Reset connections, with data under way: nobody else notices, nothing is left open."""
    before = server.descriptors()
    with stream_that_must_not_suffer():
        for number in range(50):
            reader = Rtsp()
            reader.play("healthy")
            if number % 2:
                reader.read_frame(0)
            linger_zero = b"\1\0\0\0\0\0\0\0"
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
            reader.close()
    wait_until(lambda: server.descriptors() <= before + 2, "all descriptors are closed")
    server.stop()
