"""Files that are written completely or not at all.

Invariant: a reader of a path sees the old bytes or the new bytes, and never a part of them, even when the
writer is killed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable

__all__ = ["TEMPORARY_PREFIX", "sync_directory", "write_atomically"]

TEMPORARY_PREFIX = ".hashserve-"
"""How the names of unfinished files start: with a dot, so that no server serves them."""

_ANYONES, _OWNERS = 0o666, 0o600
"""The permissions that a file is created with, before the umask: its last ones, or those until `os.chmod`."""

_numbers = itertools.count()

# Windows does not translate newlines, and no child process inherits the descriptor.
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def write_atomically(
    path: str,
    chunks: Iterable[bytes],
    *,
    durable: bool = False,
    mode: int | None = None,
    temporary_directory: str | None = None,
) -> None:
    """Write ``chunks`` to a temporary file, and rename it to ``path``.

    The temporary file is in ``temporary_directory``, which must be on the same file system as ``path``;
    by default, it is in the folder of ``path``. With ``durable``, the bytes reach the disk before the new
    name does (fsync of the file, then of its folder). ``mode`` is the file's permissions, whatever the
    umask; without it, they follow the umask, as those of folders do. Raises `OSError`, after the temporary
    file is removed.
    """
    directory = os.path.dirname(path) or "."
    descriptor, temporary = _create(temporary_directory or directory, _ANYONES if mode is None else _OWNERS)
    try:
        try:
            for chunk in chunks:
                _write(descriptor, chunk)
            if mode is not None:
                os.chmod(descriptor if os.chmod in os.supports_fd else temporary, mode)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync_directory(directory)


def _create(directory: str, mode: int) -> tuple[int, str]:
    """Create a file with the permissions ``mode`` less the umask; return its descriptor and its path.

    A file of 1 kB takes half the time that it takes with `tempfile` and a stream.
    """
    while True:
        temporary = os.path.join(directory, f"{TEMPORARY_PREFIX}{os.getpid()}-{next(_numbers)}")
        # The name may exist: from a writer that was killed, or one with the same id on another host.
        with contextlib.suppress(FileExistsError):
            return os.open(temporary, _NEW, mode), temporary


def _write(descriptor: int, chunk: bytes) -> None:
    """Write all of a chunk. One call may write less: Linux stops at 2 GB."""
    written = os.write(descriptor, chunk)
    while written < len(chunk):
        written += os.write(descriptor, memoryview(chunk)[written:])


def sync_directory(directory: str) -> None:
    """Make the names in ``directory`` reach the disk. Does nothing where the system cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
