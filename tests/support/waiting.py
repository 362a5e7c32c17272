"""Waiting until a condition is true, for a limited time."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]

TIMEOUT = 60.0
"""The longest time to wait, in seconds."""


def wait_until(holds: Callable[[], object]) -> None:
    """Call ``holds()`` again and again until it is true. Fail after `TIMEOUT`."""
    deadline = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < deadline, f"the condition is not true after {TIMEOUT:g} s"
        time.sleep(0.01)
