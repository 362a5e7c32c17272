"""Files that appear whole or not at all.

Law: whoever reads a path that is written here sees the old bytes or the new ones, never a part,
whatever moment the writer is killed at.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

__all__ = ["TEMPORARY_PREFIX", "sync_directory", "write_atomically"]

TEMPORARY_PREFIX = ".hashserve-"
"""How the names of files in the making start: dotfiles, so that no server serves one."""


def write_atomically(
    path: str,
    chunks: Iterable[bytes],
    *,
    durable: bool = False,
    mode: int = 0o644,
    temporary_directory: str | None = None,
) -> None:
    """Write ``chunks`` to ``path`` by way of a temporary file and a rename.

    The temporary file is made in ``temporary_directory``, which must be on the same file system,
    else beside ``path``. With ``durable``, the bytes reach the disk before the new name does (fsync
    of the file, then of its folder). Raises `OSError`; the temporary file is removed first.
    """
    import tempfile  # takes 5 ms to import, and serving writes nothing

    directory = os.path.dirname(path) or "."
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=temporary_directory or directory)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
            stream.flush()
            os.chmod(temporary, mode)
            if durable:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync_directory(directory)


def sync_directory(directory: str) -> None:
    """Have the names in ``directory`` reach the disk; nothing where the system cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
