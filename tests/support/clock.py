"""A clock for code that takes one."""

from __future__ import annotations

__all__ = ["Clock"]


class Clock:
    """A clock that stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now
