"""Every codec that ffmpeg and GStreamer can put into RTP comes out again, bit by bit.

All codecs of a group are published at a time, each on a path of its own, and read by both programs
from wherever a reader comes in; what it has got must be a part of the clip, in one piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from harness import codecs
from harness.codecs import Codec
from harness.server import Server

PUBLISH = {"ffmpeg": codecs.ffmpeg_publish, "gstreamer": codecs.gstreamer_publish}
READ = {"ffmpeg": (codecs.ffmpeg_read, codecs.ffmpeg_got),
        "gstreamer": (codecs.gstreamer_read, codecs.gstreamer_got)}
GROUPS = {"video": codecs.VIDEO, "audio": codecs.AUDIO, "others": codecs.OTHERS}

# What a program cannot do, and what it says when it is asked to.
CANNOT_PUBLISH = {
    ("ffmpeg", "ac3"): "Unsupported codec ac3",
    ("ffmpeg", "flac"): "Unsupported codec flac",
    ("ffmpeg", "av1"): "Unsupported codec av1",
    ("ffmpeg", "klv"): "Unsupported codec",
    ("gstreamer", "flac"): "could not link",
    ("gstreamer", "av1"): "reason not-linked",
    ("gstreamer", "mpeg1"): "caps: video/mpeg, mpegversion=",
}
CANNOT_READ = {  # publisher, reader, codec
    ("ffmpeg", "gstreamer", "mp2t"): "failed delayed linking",  # announced as m=application
}


def runs() -> Iterator[ParameterSet]:
    for publisher, group, transport in product(PUBLISH, GROUPS, ("tcp", "udp")):
        is_rare = transport == "udp" and group != "video"
        yield pytest.param(publisher, group, transport, marks=[pytest.mark.long] if is_rare else [])


@pytest.mark.limit(120)  # the first one makes the clips
@pytest.mark.parametrize("publisher,group,transport", runs())
def test_codecs(server: Server, folder: Path, media: Path, publisher: str, group: str,
                transport: str) -> None:
    tried = [codec for codec in GROUPS[group] if (publisher, codec.key) not in CANNOT_PUBLISH]
    clips = {codec: codecs.make(media, codec) for codec in tried}
    running = [PUBLISH[publisher](folder, clips[codec], codec, transport) for codec in tried]
    for codec in tried:
        server.wait_log(f"is publishing to path '{codec.key}'", 15)
    readers = [(name, codec) for codec in tried for name in READ
               if (publisher, name, codec.key) not in CANNOT_READ]
    reading = [READ[name][0](folder, codec, transport) for name, codec in readers]
    for client in reading:
        client.wait(30, status=None)  # GStreamer at times complains of what it has closed itself
    for client in running:
        client.stop()
    for name, codec in readers:
        how = re.escape(f"with {transport.upper()}, 1 track ({codec.name})")
        assert server.count_log(f"is reading from path '{codec.key}', {how}"), codec.key
    server.stop()
    wrong = [f"{codec.key} by {name}" for name, codec in readers
             if not is_part(READ[name][1](folder, codec),
                            codecs.published(media, codec, name), codec)]
    assert not wrong


def is_part(got: codecs.Got, whole: codecs.Got, codec: Codec) -> bool:
    return len(got) >= codec.count and codecs.find(got, whole) >= 0


@pytest.mark.parametrize("publisher,key", CANNOT_PUBLISH)
def test_cannot_be_published(server: Server, folder: Path, media: Path, publisher: str,
                             key: str) -> None:
    codec = codecs.ALL[key]
    client = PUBLISH[publisher](folder, codecs.make(media, codec), codec, "tcp")
    assert CANNOT_PUBLISH[publisher, key] in client.wait(status=1)
    assert not server.count_log("is publishing")


@pytest.mark.parametrize("publisher,reader,key", CANNOT_READ)
def test_cannot_be_read(server: Server, folder: Path, media: Path, publisher: str, reader: str,
                        key: str) -> None:
    codec = codecs.ALL[key]
    client = PUBLISH[publisher](folder, codecs.make(media, codec), codec, "tcp")
    server.wait_log(f"is publishing to path '{key}'", 15)
    got = READ[reader][0](folder, codec, "tcp")
    assert CANNOT_READ[publisher, reader, key] in got.wait(20, status=None)
    client.stop()
