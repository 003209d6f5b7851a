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
OLDER = {"rtspUDPReadBufferSize"}  # which MediaMTX still reads, and leaves out of its file
WORDS = {"yes": "true", "no": "false"}


def words_of(value: str) -> list[str]:
    """The values in lists and objects, in a line or in several; an address is a network."""
    words = re.findall(r"""[^\s,\[\]{}'"]+""", value)
    words = [word for word in words if word != "-" and not word.endswith(":")]
    return [WORDS.get(word, re.sub(r"/32$|/128$", "", word)) for word in words]


def keys_of(text: str) -> dict[str, list[str]]:
    """`key: value` at the top and below `pathDefaults:`, values in one spelling."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in text.splitlines():
        line = re.sub(r"(^| )#.*", "", line)
        match = re.match(r"( *)(\w+):(?= |$)(.*)", line)
        if match and not match[1]:
            section = match[2]
            found[section] = words_of(match[3])
        elif match and len(match[1]) == 2 and section == "pathDefaults":
            found[f"pathDefaults.{match[2]}"] = words_of(match[3])
        elif section:
            found[section] += words_of(line)
    return {key: sorted(words) for key, words in found.items()}


def test_keys_have_the_defaults_of_mediamtx(millrace_bin: Path, folder: Path) -> None:
    if not CONTRACT.is_file():
        pytest.skip("MediaMTX's settings file is not at hand")
    empty = folder / "empty.yml"
    empty.touch()
    printed = subprocess.run([millrace_bin, "--print-config", empty], capture_output=True,
                             text=True, check=True).stdout
    ours, theirs = keys_of(printed), keys_of(CONTRACT.read_text())
    shared = ours.keys() - OURS - OLDER - {"pathDefaults", "paths"}
    assert len(shared) > 15
    assert {key: ours[key] for key in shared} == {key: theirs.get(key) for key in shared}
