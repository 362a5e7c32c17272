"""Locks of long-lived objects, in a process that may fork.

Invariant: every lock is free in a new child process, even if a thread of the parent held it at the fork.
"""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["ForkSafeLock", "renew_locks"]

_all: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


class ForkSafeLock:
    """Holds a ``lock``, and replaces it in a child process. Use it as ``with guard.lock:``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        _all.add(self)


def renew_locks() -> None:
    """Replace every lock by a free one; a child process does so right after the fork."""
    for guard in tuple(_all):
        guard.lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch  # all but Windows
    os.register_at_fork(after_in_child=renew_locks)
