"""Files on disk: how they are opened, read and proven.

Invariant: only regular files are opened, and opening never blocks. Before a descriptor is returned, its
file is proven to be the one that the caller expects.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator

from hashserve.digests import digest_of
from hashserve.errors import HashserveError
from hashserve.file_identity import identify
from hashserve.http.codings import CODINGS, IDENTITY, DecodeError
from hashserve.http.dictionaries import decode_delta
from hashserve.http.messages import FileSpan, StoredFile

__all__ = [
    "BLOCK_SIZE",
    "ChangedFileError",
    "ChangedWhileReadError",
    "OpenFile",
    "WrongSizeError",
    "check_readable",
    "chunks_of",
    "is_machine_error",
    "is_transient",
    "open_regular",
    "open_stored",
    "prove",
    "read_stored",
]

BLOCK_SIZE = 256 * 1024
"""How many bytes are read from a file at a time."""

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_FILE_ERRORS = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EILSEQ,
        errno.EINVAL,
        errno.ENXIO,
    }
)
"""Errors whose cause is the file itself. All others are of the machine, and cannot be listed, because each
network file system has its own."""


class ChangedFileError(HashserveError, OSError):
    """A file was replaced, cut short or damaged since it was last looked at."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class ChangedWhileReadError(ChangedFileError):
    """A file changed while all of it was read: it takes as much work again to find that it still changes."""

    def __init__(self, path: str, problem: str = "changed while it was read") -> None:
        super().__init__(path, problem)


class WrongSizeError(ChangedFileError):
    """A file has another length than its status says, although it did not change (/proc, /sys)."""

    def __init__(self, path: str, problem: str = "is not as long as its status says") -> None:
        super().__init__(path, problem)


def is_machine_error(error: OSError) -> bool:
    """Whether the cause of an error is the machine (descriptors, memory, disk), and not the file."""
    # The errno of a `ChangedFileError` is a path: OSError reads the first of two arguments as the number.
    return isinstance(error.errno, int) and error.errno not in _FILE_ERRORS


def is_transient(error: OSError) -> bool:
    """Whether an error of the machine may pass: EIO may not, if one place on a disk is bad."""
    return is_machine_error(error) and error.errno != errno.EIO


def check_readable(descriptor: int, span: FileSpan) -> None:
    """Check that the first byte of a span can be read, while the response can still be a 503.

    Raises `OSError`. The file may have been proven long ago, and the disk may have failed since.
    """
    # It takes 0.5 us, for files that are too large to be kept in memory. Windows has no pread().
    if hasattr(os, "pread") and span.length and not os.pread(descriptor, 1, span.start):
        raise ChangedFileError(span.file.path, "was cut short while it was opened")


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file for reading; return the descriptor and its status.

    A FIFO or a device is not opened. Raises `OSError`.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ChangedFileError(path, "is not a regular file")
    descriptor = os.open(path, _FLAGS)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ChangedFileError(path, "was replaced by something that is not a regular file")
    return descriptor, status


class OpenFile:
    """An open descriptor, which is closed with this object unless it was taken."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def take(self) -> int:
        """Return the descriptor, which the caller closes; once only."""
        descriptor, self._descriptor = self._descriptor, None
        assert descriptor is not None, "an asset with an open file is made for one answer"
        return descriptor

    def read(self, file: StoredFile) -> bytes:
        """Return the whole file, as long as it was when it was opened. Raises `ChangedWhileReadError`."""
        assert self._descriptor is not None, "a descriptor that was taken is read by its owner"
        content = b"".join(chunks_of(self._descriptor, file.size))[: file.size]
        if len(content) < file.size:
            raise ChangedWhileReadError(file.path, "was cut short while it was read")
        return content

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def open_stored(file: StoredFile) -> tuple[int, os.stat_result]:
    """Open a stored file, and prove by its identity, or else its size, that it is the expected one.

    Return a descriptor at offset 0, and its status. Raises `ChangedFileError` or another `OSError`.
    """
    descriptor, status = open_regular(file.path)
    if file.file_identity is None:
        is_expected = status.st_size == file.size
    else:
        is_expected = identify(status) == file.file_identity
    if not is_expected:
        os.close(descriptor)
        raise ChangedFileError(file.path, f"was {file.size} bytes and has changed since")
    return descriptor, status


def read_stored(file: StoredFile) -> bytes:
    """Read a whole stored file, and prove its length and its digest.

    A variant or a delta is decoded for the proof, so that a damaged or foreign one is never returned.
    Raises `ChangedFileError` or another `OSError`.
    """
    descriptor, _ = open_stored(file)
    try:
        content = b"".join(chunks_of(descriptor, file.size))
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(content) != file.size or (
        file.file_identity is not None and identify(status) != file.file_identity
    ):
        raise ChangedWhileReadError(file.path)
    prove(file, (content,))
    return content


def prove(file: StoredFile, chunks: Iterable[bytes]) -> None:
    """Prove that the bytes of a stored file decode to the content with its digest.

    The dictionary of a delta is read and proven first. Raises `ChangedFileError`, or another `OSError` where
    there is no dictionary.
    """
    identity = iter(chunks)
    if file.dictionary is not None:
        identity = decode_delta(identity, read_stored(file.dictionary), file.content_size)
    elif file.coding != IDENTITY:
        identity = CODINGS[file.coding].decode(identity)
    try:
        holds = digest_of(identity) == file.sha256
    except DecodeError as error:
        raise ChangedFileError(file.path, f"does not decode ({error}); build again") from error
    if not holds:
        raise ChangedFileError(file.path, "is not the content that the manifest lists; build again")


def chunks_of(descriptor: int, size: int) -> Iterator[bytes]:
    """Read from a descriptor to the end of its file of ``size`` bytes.

    If the file has become longer, one more byte is read, so that the caller notices the change, but no more:
    a file that grows while it is read takes no more time and memory than expected.
    """
    left = size + 1
    while left and (chunk := os.read(descriptor, min(left, BLOCK_SIZE))):
        left -= len(chunk)
        yield chunk
