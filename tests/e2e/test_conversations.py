"""Replays recorded RTSP conversations and compares every answer, header by header.

The recordings (conversations/) were made with MediaMTX; where we answer otherwise on purpose,
DIFFERENCES says so, and docs/differences.md says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.conversation import Replay, parse
from harness.publisher import H264_SDP, Publisher
from harness.rtsp import Response, Rtsp
from harness.server import Servers

FOLDER = Path(__file__).parent / "conversations"
PORT = 18554  # that of the recordings, so that they are replayed as they stand

OTHERS = "~^(max1|nooverride|opus1)$"
USERS = f"""
authInternalUsers:
  - user: any
    permissions: [{{action: publish, path: "{OTHERS}"}}, {{action: read, path: "{OTHERS}"}}]
  - user: pubuser
    pass: pubpass
    permissions: [{{action: publish, path: cam1}}]
  - user: reader
    pass: readpass
    permissions: [{{action: read, path: cam1}}]
"""
HASHED = """\
  - user: sha256:gOJLwnSHjqKttqtDJQZqCiCKqgdCH0sE2C/j9KEtNCo=
    pass: sha256:Za6TSo2KLEu3ZBNbI/kUM8+iZyN7UtmKn8xofe0JIgQ=
    permissions: [{action: read, path: cam1}]
"""
PASSWORDS = ("readpass", "bad")
SETTINGS = f"""
rtspAddress: 127.0.0.1:{PORT}
rtpAddress: 127.0.0.1:18000
rtcpAddress: 127.0.0.1:18001
paths:
  static:
    source: demo
  nooverride:
    overridePublisher: no
  max1:
    maxReaders: 1
  redir:
    source: redirect
    sourceRedirect: /cam1
  redirabs:
    source: redirect
    sourceRedirect: rtsp://127.0.0.1:{PORT}/cam1
  all_others:
"""

# What ffmpeg 5.1 announces.
VIDEO = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=No Name\r
c=IN IP4 127.0.0.1\r
t=0 0\r
a=tool:libavformat 59.27.100\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1; \
sprop-parameter-sets=Z0LQC9oKEflwEQAAAwABAAADABQPEiag,aM48gA==; profile-level-id=42D00B\r
a=control:trackID=0\r
"""
AAC = """m=audio 0 RTP/AVP 97\r
b=AS:69\r
a=rtpmap:97 MPEG4-GENERIC/44100/1\r
a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; \
config=1208\r
a=control:trackID=1\r
"""
OPUS = """m=audio 0 RTP/AVP 97\r
b=AS:96\r
a=rtpmap:97 opus/48000/2\r
a=fmtp:97 sprop-stereo=1\r
a=control:trackID=1\r
"""
G711 = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=No Name\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio 0 RTP/AVP 8\r
b=AS:64\r
a=control:trackID=0\r
"""
H265 = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=No Name\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H265/90000\r
a=fmtp:96 sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwAelZQJ; \
sprop-sps=QgEBAWAAAAMAkAAAAwAAAwAeoBQgIHy5ZWVKTC8BaAgAAAMACAAAAwAoQA==; sprop-pps=RAHAc8GJ\r
a=control:trackID=0\r
"""


@dataclass(frozen=True)
class Stream:
    sdp: str
    payload_types: tuple[int, ...]


PUBLISHED = {
    "cam1": Stream(VIDEO + AAC, (96, 97)),
    "opus1": Stream(VIDEO + OPUS, (96, 97)),
    "max1": Stream(H264_SDP, (96,)),
    "nooverride": Stream(H264_SDP, (96,)),
}

# Recordings that need what is not there yet: the first match counts.
LATER = (
    (r"^rtsps_", "needs RTSP over TLS"),
    (r"multicast|multiple_transports", "needs multicast"),
    (r"static_source_(timeout|not_ready)", "needs sources that are pulled"),
)
LONG = r"^timeout_(idle|never|setup|tcp_reader|udp_reader)"
WITHOUT_UDP = "err_461_udp_disabled"


def server_name(_request: str, want: Response) -> None:
    want.headers = [(name, "millrace" if name == "Server" else value)
                    for name, value in want.headers]


def set_parameter_is_keep_alive(request: str, want: Response) -> None:
    if request.startswith("SET_PARAMETER "):
        want.start = "RTSP/1.0 200 OK"


def streams_have_sent_packets(_request: str, want: Response) -> None:
    """No difference of the servers: some recordings were made as the stream had just begun."""
    want.headers = [(name, f"{value};seq=0;rtptime=0"
                     if name == "RTP-Info" and value.endswith(("opus1/trackID=0", "cam1/trackID=0"))
                     else value)
                    for name, value in want.headers]


# Each but the last is a row of docs/differences.md.
DIFFERENCES: tuple[Callable[[str, Response], None], ...] = (
    server_name, set_parameter_is_keep_alive, streams_have_sent_packets)


def adjust(request: str, want: Response) -> None:
    for difference in DIFFERENCES:
        difference(request, want)


def conversations() -> Iterator[object]:
    for file in sorted(FOLDER.glob("*.txt")):
        if file.stem == "sdp_by_source":
            continue
        marks = [pytest.mark.limit(120)]
        for pattern, reason in LATER:
            if re.search(pattern, file.stem):
                marks.append(pytest.mark.skip(reason=reason))
                break
        if re.search(LONG, file.stem):
            marks.append(pytest.mark.long)
        yield pytest.param(file, id=file.stem, marks=marks)


def users_of(recording: str) -> str:
    """What the server of the recording asked for, and whom it let in."""
    if not recording.startswith("auth_"):
        return ""
    if recording.startswith("auth_only_basic"):
        return USERS + HASHED
    return f"rtspAuthMethods: [basic, digest]{USERS}"


@pytest.mark.parametrize("file", conversations())
def test_conversation(file: Path, millrace: Servers) -> None:
    steps = parse(file.read_text())
    assert steps
    transports = "rtspTransports: [tcp]\n" if file.stem == WITHOUT_UDP else ""
    server = millrace(transports + users_of(file.stem) + SETTINGS)
    with ExitStack() as stack:
        for path, stream in PUBLISHED.items():
            stack.enter_context(Publisher(path, stream.sdp, port=PORT,
                                          payload_types=stream.payload_types,
                                          account="pubuser:pubpass"))
        only_reader = stack.enter_context(Rtsp(port=PORT))
        only_reader.play("max1")
        replay = Replay(stack.enter_context(Rtsp(port=PORT)), adjust, PASSWORDS)
        stack.callback(replay.close)
        for step in steps:
            step(replay)
    server.stop()


SOURCES = {"opus1": VIDEO + OPUS, "g711": G711, "h265": H265}


def descriptions() -> Iterator[object]:
    text = (FOLDER / "sdp_by_source.txt").read_text()
    for part in text.split("### DESCRIBE ")[1:]:
        path, _, rest = part.partition("\n")
        sdp = rest.partition("\n\n")[2].strip("\n").replace("\n", "\r\n") + "\r\n"
        marks = [] if path in SOURCES else [
            pytest.mark.skip(reason="needs another protocol than RTSP")]
        yield pytest.param(path, sdp, id=path, marks=marks)


@pytest.mark.parametrize("path, sdp", descriptions())
def test_description(path: str, sdp: str, millrace: Servers) -> None:
    millrace(SETTINGS)
    with Rtsp(port=PORT) as publisher, Rtsp(port=PORT) as reader:
        publisher.announce(path, SOURCES[path])
        response = reader.expect(200, "DESCRIBE", path)
    assert response.body.decode() == sdp
