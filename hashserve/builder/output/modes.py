"""The permissions of the files and folders that a build makes.

Invariant: they follow the umask, unless a framework has settings for them; so a file and the folder that it
is in can be read by the same users.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

__all__ = ["NO_MODES", "Modes", "make_folders"]


class Modes(NamedTuple):
    """The permissions of each file and folder, whatever the umask; None where they follow it."""

    file: int | None = None
    folder: int | None = None


NO_MODES = Modes()
"""The umask decides."""


def make_folders(path: str, mode: int | None = None) -> None:
    """Create the folder ``path`` and those above it that are missing. Raises `OSError`.

    The new ones keep the set-group-ID bit that they inherit. Paths may be as deep as the system allows.
    """
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        above = os.path.dirname(path)
        if above == path:
            break
        path = above
    for folder in reversed(missing):
        _make_folder(folder, mode)


def _make_folder(path: str, mode: int | None) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):  # another thread may have made it
            raise
    else:
        if mode is not None:
            os.chmod(path, mode | os.stat(path).st_mode & stat.S_ISGID)
