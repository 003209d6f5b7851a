"""MediaMTX's own settings file, where it is at hand: what we have of its keys has its defaults."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT.parent / "shared/reference/upstream/mediamtx.yml"
OURS = {"frameHold", "gopCache", "gopCacheMaxSize", "readerQueueMaxSize", "readerQueueMaxTime",
        "rtcpReportPeriod", "spreadReaders", "workers"}
WORDS = {"yes": "true", "no": "false"}


def keys_of(text: str) -> dict[str, str]:
    """`key: value` at the top and below `pathDefaults:`, values in one spelling."""
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        match = re.match(r"( *)(\w+): *(.*?) *(?:#.*)?$", line)
        if not match:
            continue
        indent, key, value = len(match[1]), match[2], match[3].strip('"')
        if indent == 0:
            section = key
        if indent == 0 or (indent == 2 and section == "pathDefaults"):
            words = sorted(WORDS.get(word, word) for word in re.findall(r"[^\s,\[\]]+", value))
            found[f"{'pathDefaults.' if indent else ''}{key}"] = ",".join(words)
    return found


def test_keys_have_the_defaults_of_mediamtx(millrace_bin: Path, folder: Path) -> None:
    if not CONTRACT.is_file():
        pytest.skip("MediaMTX's settings file is not at hand")
    empty = folder / "empty.yml"
    empty.touch()
    printed = subprocess.run([millrace_bin, "--print-config", empty], capture_output=True,
                             text=True, check=True).stdout
    ours, theirs = keys_of(printed), keys_of(CONTRACT.read_text())
    shared = {key for key in ours if key not in OURS and key not in ("pathDefaults", "paths")}
    assert len(shared) > 15
    assert {key: ours[key] for key in shared} == {key: theirs.get(key) for key in shared}
