"""What a server asks of the allocator and the system, counted exactly, from outside."""

from __future__ import annotations

import mmap
import subprocess
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("count_calls.c")


class Calls(NamedTuple):
    """The order is that of count_calls.c."""

    allocations: int
    receives: int
    sends: int
    waits: int
    controls: int

    @property
    def system_calls(self) -> int:
        return self.receives + self.sends + self.waits + self.controls

    def since(self, before: Calls) -> Calls:
        return Calls(*(now - then for now, then in zip(self, before)))


class CallCounter:
    """`env` goes to the server to count; `read()` tells what it has done so far."""

    def __init__(self, folder: Path) -> None:
        library = folder / "count_calls.so"
        subprocess.run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE],
                       check=True)
        counts = folder / "counts"
        counts.write_bytes(bytes(mmap.PAGESIZE))
        with counts.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.env = {"LD_PRELOAD": str(library), "COUNT_CALLS": str(counts)}

    def read(self) -> Calls:
        size = 8 * len(Calls._fields)
        return Calls(*memoryview(self._map[:size]).cast("Q"))
