"""How long to wait for things: sanitizer builds are slower, so every limit is scaled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE = float(os.environ.get("MILLRACE_PATIENCE", "1"))


def patience(seconds: float) -> float:
    return seconds * PATIENCE


def wait_until(condition: Callable[[], Value], what: str, timeout: float = 5) -> Value:
    """Asks again and again until `condition` gives something true, and returns that.

    For what cannot be waited for by an event; what the server says in its log can.
    """
    deadline = time.monotonic() + patience(timeout)
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience(timeout):.1f} s in vain: {what}")
        time.sleep(0.01)
    return value
