"""What is at the top of the folder that is served at the root of the site.

Invariant: below ``/`` nearly every request is the application's. Under an event loop none of these is to
cost a thread: what is not among the names that were there within the last interval is not asked for.
"""

from __future__ import annotations

import os
from time import monotonic

__all__ = ["RootNames"]


class RootNames:
    """The names in ``folder``, as native strings, listed again every ``interval`` seconds at most.

    ``index_file`` is what the folder's own URL stands for, if anything.
    """

    def __init__(self, folder: str, index_file: str | None, interval: float) -> None:
        self._folder = os.fsencode(folder)
        self._own = index_file or ""
        self._interval = interval
        self._names: frozenset[str] = frozenset()
        self._due = 0.0

    def lacks(self, path: str) -> bool:
        """Whether no file has this native path, by the last listing; False where that is too old."""
        if monotonic() >= self._due:
            return False
        return (path[1:].partition("/")[0] or self._own) not in self._names

    def look_if_due(self) -> None:
        """List the names again unless that was done lately; this waits for the disk."""
        if monotonic() >= self._due:
            try:
                names = os.listdir(self._folder)
            except OSError:  # it may come yet
                names = []
            self._names = frozenset(name.decode("latin-1") for name in names)
            self._due = monotonic() + self._interval
