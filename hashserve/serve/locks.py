"""Locks of long-lived objects, in a process that may fork.

Invariant: in a child process every lock is free, also one that another thread of the parent held at the fork.
"""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["ForkSafeLock", "renew_locks"]

_all: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


class ForkSafeLock:
    """The holder of a ``lock``, which is another one in a child process. Use it as ``with guard.lock:``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        _all.add(self)


def renew_locks() -> None:
    """Replace every lock by a free one; a child process does so right after the fork."""
    for guard in tuple(_all):
        guard.lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch  # all but Windows
    os.register_at_fork(after_in_child=renew_locks)
