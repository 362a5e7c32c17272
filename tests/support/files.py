"""Files of a test, written where it needs them."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["put"]

SETTLED = 60.0
"""Older, in seconds, than any file whose times are not trusted yet."""


def put(folder: str | Path, path: str, content: bytes, *, age: float = SETTLED) -> Path:
    """Write a file whose times are ``age`` seconds in the past, and return its location."""
    location = Path(folder, path)
    location.parent.mkdir(parents=True, exist_ok=True)
    location.write_bytes(content)
    moment = time.time() - age
    os.utime(location, (moment, moment))
    return location
