"""The rows of the bench and what each one asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from capacity import Search, measure_capacity
from figures import Line
from in_browser import measure_browser
from load import Load
from measure import Bench
from measures import (Crowds, measure_cost, measure_counts, measure_idle, measure_joining,
                      measure_memory, measure_reader_memory, measure_start)


@dataclass(frozen=True)
class Row:
    title: str
    measure: Callable[[Bench, Load], list[Line]]
    load: Load
    needs_full: bool = False  # or to be named


# The load tool waits for every reader's first keyframe before it measures.
SHORT_GOP = ("--keyframe-interval", "1s")
SLOW = ("--bitrate", "200k", "--fps", "5", *SHORT_GOP)
FAN_OUT = Load(1, 100, ("--bitrate", "4M", *SHORT_GOP))

RTSP_ROWS: dict[str, Row] = {
    "in": Row("64 streams of 1 Mbit/s, no reader", measure_cost, Load(64, 0)),
    "one": Row("64 streams of 1 Mbit/s, one reader each", measure_cost,
               Load(64, 1, SHORT_GOP)),
    "fan": Row("1 stream of 4 Mbit/s, 100 readers", measure_cost, FAN_OUT),
    "packet": Row("64 streams written packet by packet, one reader each", measure_cost,
                  Load(64, 1, ("--write", "packet", *SHORT_GOP))),
    "packet-in": Row("64 streams written packet by packet, no reader", measure_cost,
                     Load(64, 0, ("--write", "packet", *SHORT_GOP)), needs_full=True),
    "keyframe": Row("64 streams, one reader each, a keyframe 20 times a P frame", measure_cost,
                    Load(64, 1, ("--keyframe-ratio", "20"))),
    "memory": Row("64 streams of 1 Mbit/s, one reader each, a keyframe every 2 s",
                  partial(measure_memory, limits_mb={"": 20, "gopCache: all": 36}), Load(64, 1)),
    "reader": Row("what 600 readers of a slow stream hold more than 100",
                  partial(measure_reader_memory, crowds=Crowds(100, 600, max_kb=6)),
                  Load(1, 0, SLOW)),
    "counts": Row("1 stream of 4 Mbit/s, 100 readers, counted exactly",
                  partial(measure_counts, max_calls=0.08), FAN_OUT),
    "start": Row("a warm start", measure_start, Load(0, 0)),
    "idle": Row("after clients have gone", measure_idle, Load(8, 1, SHORT_GOP)),
    "capacity": Row("readers of 25 streams of 1 Mbit/s, one worker on one core, p99 up to 20 ms",
                    partial(measure_capacity, search=Search(first_readers=80)),
                    Load(25, 0, SHORT_GOP)),
}

# Datagrams, both ways: packets that go out as they came, of equal sizes where a frame is cut.
UDP_FAN_OUT = replace(FAN_OUT, by_udp=True)

UDP_ROWS: dict[str, Row] = {
    "udp-in": Row("64 streams of 1 Mbit/s over UDP, no reader", measure_cost,
                  Load(64, 0, by_udp=True)),
    "udp-one": Row("64 streams of 1 Mbit/s over UDP, one reader each", measure_cost,
                   Load(64, 1, SHORT_GOP, by_udp=True)),
    "udp-fan": Row("1 stream of 4 Mbit/s over UDP, 100 readers", measure_cost, UDP_FAN_OUT),
    "udp-counts": Row("1 stream of 4 Mbit/s over UDP, 100 readers, counted exactly",
                      partial(measure_counts, max_calls=0.08), UDP_FAN_OUT),
}

# WebRTC viewers. No packet is so large that a server has to cut it, and the packets of a frame are
# of one size, as are the parts of one large NAL unit: 1003 bytes of payload where all frames are
# alike, 1119 (940) where a keyframe is 4 (40) times a P frame.
EQUAL = ("--keyframe-ratio", "1", "--packet-size", "1015")
UNEQUAL = ("--keyframe-ratio", "4", "--packet-size", "1131", *SHORT_GOP)
SAMPLED = ("--decrypt-every", "8")  # or the generator is full first
PACED = ("--keyframe-ratio", "40", "--packet-size", "952")

# A large keyframe is sent over a part of the frame's time.
PACED_MAX_DELAY_MS = {"p50": 0.4, "p99": 40.0}

WHEP_ROWS: dict[str, Row] = {
    "one": Row("64 streams of 1 Mbit/s, one viewer each", measure_cost,
               Load(64, 1, (*EQUAL, *SHORT_GOP))),
    "opus": Row("64 streams with Opus beside the video, one viewer each", measure_cost,
                Load(64, 1, ("--audio", *EQUAL, *SHORT_GOP))),
    "fan50": Row("1 stream of 1 Mbit/s, 50 viewers", measure_cost,
                 Load(1, 50, (*EQUAL, *SHORT_GOP))),
    "fan200": Row("1 stream of 1 Mbit/s, 200 viewers", measure_cost,
                  Load(1, 200, (*EQUAL, *SHORT_GOP))),
    "keyframe": Row("64 streams, one viewer each, a keyframe 40 times a P frame",
                    partial(measure_cost, max_delay_ms=PACED_MAX_DELAY_MS), Load(64, 1, PACED)),
    "memory": Row("64 streams of 1 Mbit/s, one viewer each, a keyframe every 2 s",
                  partial(measure_memory, limits_mb={"": 48, "gopCache: no": 32}),
                  Load(64, 1, EQUAL)),
    "viewer": Row("what 200 viewers of a slow stream hold more than 50",
                  partial(measure_reader_memory, crowds=Crowds(50, 200, max_kb=64, seconds=4)),
                  Load(1, 0, SLOW)),
    "counts": Row("1 stream of 1 Mbit/s, 50 viewers, counted exactly",
                  partial(measure_counts, max_calls=0.05), Load(1, 50, (*EQUAL, *SHORT_GOP))),
    "join": Row("64 viewers, one after the other", measure_joining,
                Load(64, 1, (*EQUAL, *SHORT_GOP))),
    "idle": Row("after viewers have gone", measure_idle, Load(8, 1, (*EQUAL, *SHORT_GOP))),
    "capacity": Row("viewers of 25 streams of 1 Mbit/s, one worker on one core, p99 up to 20 ms",
                    partial(measure_capacity,
                            search=Search(first_readers=60, ramp_ms_a_reader=2, least=1500)),
                    Load(25, 0, (*UNEQUAL, *SAMPLED)), needs_full=True),
    "capacity-one": Row("viewers of 1 stream of 1 Mbit/s, one worker on one core, p99 up to 40 ms",
                        partial(measure_capacity,
                                search=Search(first_readers=1000, max_delay_ms=40,
                                              ramp_ms_a_reader=2, least=1000)),
                        Load(1, 0, (*UNEQUAL, *SAMPLED)), needs_full=True),
}
SRTP_PROFILES = {"cm": "AES-CM with HMAC-SHA1", "gcm": "AES-128-GCM"}
QUICK_WITH_GCM = ("one", "fan50")


def with_srtp(name: str, srtp: str) -> Row:
    row = WHEP_ROWS[name]
    return replace(row, title=f"{row.title}, {SRTP_PROFILES[srtp]}",
                   load=replace(row.load, srtp=srtp),
                   needs_full=row.needs_full or (srtp == "gcm" and name not in QUICK_WITH_GCM))


BROWSER_ROWS = {
    "browser": Row("a page in Chromium; MediaMTX's first picture took 1225 ms", measure_browser,
                   Load(1, 1, srtp="gcm"), needs_full=True),
}

ALL_WHEP_ROWS = {f"whep-{name}-{srtp}": with_srtp(name, srtp)
                 for name in WHEP_ROWS for srtp in SRTP_PROFILES}
ROWS = RTSP_ROWS | UDP_ROWS | ALL_WHEP_ROWS | BROWSER_ROWS
