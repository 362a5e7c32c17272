"""Bodies of responses: kept in memory within a budget, or sent from their file.

Invariant: the bodies in memory never exceed the budget. A body is kept, and a file is handed on, only after
its bytes were proven to be what the `StoredFile` says (`hashserve.serve.files`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from hashserve.file_identity import SETTLED_AFTER, FileIdentity, identify
from hashserve.http.messages import FileSpan, Response, StoredFile
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.files import (
    ChangedFileError,
    OpenFile,
    check_readable,
    chunks_of,
    open_stored,
    prove,
    read_stored,
)
from hashserve.serve.locks import ForkSafeLock

__all__ = ["BodyCache"]

MOST_PROVEN = 10_000
"""How many files that are not kept are remembered as proven."""

CHANGING_FOR = 0.2
"""How long, in seconds, a file that changed while it was read counts as changing."""

_TURNS = 32

_ENTRY = 512
"""About how many bytes an entry takes in addition to its body."""


class BodyCache:
    """The bodies that this process keeps; ``budget`` and ``largest`` (of one body) are in bytes.

    ``on_drop`` is called after bodies were dropped, so that nothing else keeps them.
    """

    def __init__(
        self,
        budget: int,
        largest: int,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        # A larger body would not stay in the cache, but in remembered answers, where nothing counts it.
        self.largest = min(largest, budget // 2 - _ENTRY)
        self._bodies: BoundedCache[StoredFile, bytes] = BoundedCache(budget, on_drop)
        self._proven: BoundedCache[StoredFile, FileIdentity] = BoundedCache(MOST_PROVEN)
        self._disproven: BoundedCache[StoredFile, tuple[FileIdentity, str]] = BoundedCache(MOST_PROVEN)
        self._damaged_deltas: BoundedCache[StoredFile, tuple[list[FileIdentity], str, str]] = BoundedCache(
            MOST_PROVEN
        )
        self._changing: BoundedCache[str, float] = BoundedCache(MOST_PROVEN)
        self._turns = [ForkSafeLock() for _ in range(_TURNS)]

    def load(
        self, response: Response, *, keep: bool = True, opened: OpenFile | None = None
    ) -> tuple[Response, int | None]:
        """Return a response with its body in memory, or the descriptor from which to read its body.

        A small body stays in the cache if ``keep``. A snapshot is read from the file that is ``opened``.
        Raises `OSError`.
        """
        for span in response.body:
            if isinstance(span, FileSpan):
                break
        else:
            return response, None
        file = span.file
        try:
            if file.size > self.largest:
                if opened is not None:
                    return response, opened.take()
                descriptor, file_identity = self.open(span)
                return _with_file_identity(response, file_identity), descriptor
            if opened is not None:
                content = opened.read(file)
            else:
                content = self.read(file) if keep else read_stored(file)
        except ChangedFileError:
            self.expect_changes(file.path)
            raise
        body = [
            part if isinstance(part, bytes) else content[part.start : part.start + part.length]
            for part in response.body
        ]
        return Response(response.status, response.headers, tuple(body)), None

    def expect_changes(self, path: str) -> None:
        """Note that a file changed while it was read, so that no request reads it again for its digest."""
        self._changing.put(path, time.monotonic() + CHANGING_FOR)

    def expects_changes(self, path: str) -> bool:
        """Whether a file has just changed while it was read."""
        return time.monotonic() < (self._changing.get(path) or 0.0)

    def read(self, file: StoredFile) -> bytes:
        """Return a small file's bytes, from memory or from disk. Raises `OSError`."""
        body = self._bodies.get(file)
        if body is None:
            dictionary = file.dictionary
            body = read_stored(file) if dictionary is None else self._read_delta(file, dictionary)
            self._bodies.put(file, body, len(body) + _ENTRY)
        return body

    def _read_delta(self, file: StoredFile, dictionary: StoredFile) -> bytes:
        # The dictionary may be large: of many requests at once, one reads it. While both files stay as they
        # are, a damaged one is read once.
        with self._turns[hash(file) % _TURNS].lock:
            body = self._bodies.get(file)
            if body is not None:
                return body
            found = _identities(file, dictionary)
            known = self._damaged_deltas.get(file)
            if known is not None and known[0] == found:
                raise ChangedFileError(*known[1:])
            now = time.time_ns()
            try:
                return read_stored(file)
            except ChangedFileError as error:
                if all(now - identity[4] > SETTLED_AFTER for identity in found):
                    self._damaged_deltas.put(file, (found, error.path, error.problem))
                raise

    def open(self, span: FileSpan) -> tuple[int, FileIdentity]:
        """Open a file that is too large to be kept, to read ``span`` of it.

        Return a descriptor at offset 0, and the identity of the file that it was opened on. Raises `OSError`.

        A fingerprinted file is read once as a proof, and again whenever its identity changes: with the
        length as the only proof, damaged bytes could be sent as immutable ones.
        """
        descriptor, status = open_stored(span.file)
        found = identify(status)
        try:
            if span.file.file_identity is None:
                self._prove(span.file, descriptor, found)
            check_readable(descriptor, span)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, found

    def _prove(self, file: StoredFile, descriptor: int, found: FileIdentity) -> None:
        if self._proven.get(file) == found:
            return
        # Of many requests at once, one reads the file; the others wait for what it finds.
        with self._turns[hash(file) % _TURNS].lock:
            if self._proven.get(file) == found:
                return
            disproven, problem = self._disproven.get(file) or (None, "")
            if disproven == found:
                raise ChangedFileError(file.path, problem)
            now = time.time_ns()
            try:
                prove(file, chunks_of(descriptor, file.size))
            except ChangedFileError as error:
                if now - found[4] > SETTLED_AFTER:
                    self._disproven.put(file, (found, error.problem))
                raise
            os.lseek(descriptor, 0, os.SEEK_SET)
            self._proven.put(file, found)

    def keep(self, file: StoredFile, body: bytes) -> None:
        """Keep bytes that the caller has just read and proven."""
        self._bodies.put(file, body, len(body) + _ENTRY)

    def has_room(self, file: StoredFile) -> bool:
        """Whether a file's body can be kept without dropping another."""
        return file.size <= self.largest and self._bodies.has_room(file.size + _ENTRY)

    def kept(self) -> tuple[int, int]:
        """Return how many bodies are kept, and how many bytes of the budget they take."""
        return self._bodies.total()

    def clear(self) -> None:
        """Drop every body."""
        self._bodies.clear()


def _identities(*files: StoredFile) -> list[FileIdentity]:
    """Return the identities of files. Raises `OSError`."""
    return [identify(os.stat(file.path)) for file in files]


def _with_file_identity(response: Response, found: FileIdentity) -> Response:
    """Add to each span the identity of the open file, so that a change is noticed while it is sent."""
    parts = [
        part._replace(file=part.file._replace(file_identity=found)) if isinstance(part, FileSpan) else part
        for part in response.body
    ]
    return Response(response.status, response.headers, parts)
