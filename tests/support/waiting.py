"""Waiting for something to hold, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]

TIMEOUT = 60.0
"""In seconds."""


def wait_until(holds: Callable[[], object]) -> None:
    """Ask again and again until ``holds()`` is true; fail after `TIMEOUT`."""
    deadline = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)
