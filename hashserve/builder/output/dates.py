"""The modification dates of unhashed files: those of their sources, where no other content had the same.

Invariant: if the content at a path changes, its date becomes later, in whole seconds. So a client that
validates by date alone (If-Modified-Since) never keeps old content because a source has an old date.
"""

from __future__ import annotations

import contextlib
import os

__all__ = ["keep_date"]

EARLIEST_KEPT = 631_152_000
"""1990 in seconds since the epoch. Package managers give all files one date: 1970 (Nix), 1980 (zip), 1984
(Yarn) or 1985 (npm)."""


def keep_date(location: str, source: str, replaced: str | None = None) -> bool:
    """Give a file that was just written the modification date of its source; return whether it has it.

    The date is not kept if it is a package manager's or in the future, or if the file at ``replaced``, which
    holds other content, has that date or a later one.
    """
    with contextlib.suppress(OSError):  # a file without its source's date is right too
        wanted, written = os.stat(source), os.stat(location)
        if not EARLIEST_KEPT <= wanted.st_mtime <= written.st_mtime:
            return False
        old = os.stat(replaced).st_mtime if replaced is not None and os.path.exists(replaced) else 0
        if int(wanted.st_mtime) <= int(old):
            return False
        if wanted.st_mtime_ns != written.st_mtime_ns:
            os.utime(location, ns=(written.st_atime_ns, wanted.st_mtime_ns))
        return True
    return False
