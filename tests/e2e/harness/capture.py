"""Recorded HTTP exchanges: a request, marked by `> `, and what another server answered.

JSON bodies of the recordings are indented; their `Content-Length` is that of the compact form.
Bodies in brackets stand for files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.rtsp import Response

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
REMARK = re.compile(r"^# .*\n", re.M)
DEPENDS = (  # on the moment: what stands for it in both, recording and answer
    ("DATE", re.compile(r"(?<=^Date: ).*GMT$", re.M)),
    ("UUID", re.compile(r"(?<=/)%s|(?<=^Id: )%s" % (UUID.pattern, UUID.pattern), re.M)),
    ("ETAG", re.compile(r'(?<=^Etag: )"\w+"$', re.M)),
    ("ORIGIN", re.compile(r"(?<=^o=- )\d+ \d+", re.M)),
    ("DIGEST", re.compile(r"(?<=^a=fingerprint:sha-256 )(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$", re.M)),
    ("UFRAG", re.compile(r"(?<=^a=ice-ufrag:)\w{16}$", re.M)),
    ("PASSWORD", re.compile(r"(?<=^a=ice-pwd:)\w{32}$", re.M)),
    ("SSRC", re.compile(r"(?<=^a=ssrc:)\d+", re.M)),
    ("FOUNDATION", re.compile(r"(?<=^a=candidate:)\d+", re.M)),
    ("USER", re.compile(r'(?<=username=")\d{10}:[0-9a-z]{20}(?=")')),
    ("CODE", re.compile(r'(?<=credential=")[\w+/]{27}=(?=")')),
)


@dataclass
class Exchange:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: str
    response: Response
    names_file: bool = False  # the answer's body is a page or a script
    ids: dict[str, str] = field(default_factory=dict)


Adjust = Callable[[Exchange], None]


def parse(path: Path) -> Exchange:
    text = REMARK.sub("", path.read_text())
    request, _, answer = text.partition("\n\n")
    sent = [line[2:] for line in request.splitlines()]
    method, target, *_ = sent[0].split(" ")
    end = sent.index("") if "" in sent else len(sent)
    headers = [split_header(line) for line in sent[1:end]]
    body = "\r\n".join(sent[end + 1:])
    if body and any("\n" in body or value == "application/sdp" for _, value in headers):
        body += "\r\n"
    head, _, answer_body = answer.partition("\n\n")
    start, *lines = head.splitlines()
    response = Response(start, [split_header(line) for line in lines])
    exchange = Exchange(method, target, headers, body, response)
    exchange.names_file = answer_body.startswith("[")
    if not exchange.names_file:
        response.body = wire_form(answer_body, response)
    return exchange


def split_header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value


def wire_form(body: str, response: Response) -> bytes:
    if (response.get("Content-Type") or "").startswith("application/json"):
        return json.dumps(json.loads(body), separators=(",", ":")).encode() if body.strip() else b""
    if "\n" not in body.strip():
        return body.strip().encode()
    return ("\r\n".join(body.strip().splitlines()) + "\r\n").encode()


def comparable(response: Response) -> str:
    """Everything but what depends on the moment, as text, so that a failure shows a diff."""
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers)
    body = response.body.decode().replace("\r\n", "\n")
    text = f"{response.start}\n{headers}\n\n{body}"
    for name, pattern in DEPENDS:
        text = pattern.sub(f"#{name}#", text)
    return text
