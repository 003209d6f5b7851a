"""The RTSP client library of MediaMTX publishes and reads, with Digest authentication."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.codecs import find
from harness.media import Client
from harness.server import Servers

pytestmark = pytest.mark.long  # builds a program, of modules from a registry

HOST = "127.0.0.1:8554"
UNITS = 50
SETTINGS = """\
rtspAuthMethods: [digest]
authInternalUsers:
  - {user: camera, pass: pub;p@ss, ips: [], permissions: [{action: publish, path: cam}]}
  - {user: viewer, pass: secret, ips: [], permissions: [{action: read, path: cam}]}
paths:
  all_others:
"""
TRANSPORTS = {"tcp": (), "udp": ("-udp",)}


def hashes(output: str, codec: str) -> list[str]:
    return [line.split()[1] for line in output.splitlines() if line.startswith(f"{codec} ")]


@pytest.mark.parametrize("reading", TRANSPORTS)
@pytest.mark.parametrize("publishing", TRANSPORTS)
def test_every_unit_arrives(millrace: Servers, folder: Path, go_client: Path, publishing: str,
                            reading: str) -> None:
    server = millrace(SETTINGS)
    publisher = Client([go_client, *TRANSPORTS[publishing], "publish",
                        f"rtsp://camera:pub%3Bp%40ss@{HOST}/cam"], folder, "publish")
    server.wait_log(r"is publishing to path 'cam'", 15)
    reader = Client([go_client, *TRANSPORTS[reading], "-units", str(UNITS), "read",
                     f"rtsp://viewer:secret@{HOST}/cam"], folder, "read")
    got = reader.wait()
    assert server.count_log(rf"is reading from path 'cam', with {reading.upper()}, "
                            r"2 tracks \(H264, Opus\)")
    publisher.stop()
    server.stop()
    for codec in ("H264", "Opus"):
        units = hashes(got, codec)
        assert len(units) == UNITS
        # The first one may have begun before the reader came.
        assert find(units[1:], hashes(publisher.output, codec)) >= 0, codec


@pytest.mark.parametrize("account", ("viewer:wrong", "camera:pub%3Bp%40ss"))
def test_who_may_not_read(millrace: Servers, folder: Path, go_client: Path, account: str) -> None:
    millrace(SETTINGS)
    reader = Client([go_client, "read", f"rtsp://{account}@{HOST}/cam"], folder, "read")
    assert "401 (Unauthorized)" in reader.wait(status=1)
