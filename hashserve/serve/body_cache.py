"""Bodies of responses: kept in memory within a budget, or sent from their file.

Invariant: the bodies in memory never exceed the budget. A body is kept, and a file is handed on, only after
its bytes were proven to be what the `StoredFile` says (`hashserve.serve.files`).
"""

from __future__ import annotations

import os
from collections.abc import Callable

from hashserve.file_identity import FileIdentity, identify
from hashserve.http.messages import FileSpan, Response, StoredFile
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.files import check_readable, chunks_of, open_stored, prove, read_stored

__all__ = ["BodyCache"]

MOST_PROVEN = 10_000
"""How many files that are not kept are remembered as proven."""

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

    def load(self, response: Response, *, keep: bool = True) -> tuple[Response, int | None]:
        """Return a response with its body in memory, or the descriptor from which to read its body.

        A small body stays in the cache if ``keep``. Raises `OSError`.
        """
        for span in response.body:
            if isinstance(span, FileSpan):
                break
        else:
            return response, None
        file = span.file
        if file.size > self.largest:
            descriptor, file_identity = self.open(span)
            return _with_file_identity(response, file_identity), descriptor
        content = self.read(file) if keep else read_stored(file)
        body = [
            part if isinstance(part, bytes) else content[part.start : part.start + part.length]
            for part in response.body
        ]
        return Response(response.status, response.headers, tuple(body)), None

    def read(self, file: StoredFile) -> bytes:
        """Return a small file's bytes, from memory or from disk. Raises `OSError`."""
        body = self._bodies.get(file)
        if body is None:
            body = read_stored(file)
            self._bodies.put(file, body, len(body) + _ENTRY)
        return body

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
        if self._proven.get(file) != found:
            prove(file, chunks_of(descriptor, file.size))
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


def _with_file_identity(response: Response, found: FileIdentity) -> Response:
    """Add to each span the identity of the open file, so that a change is noticed while it is sent."""
    parts = [
        part._replace(file=part.file._replace(file_identity=found)) if isinstance(part, FileSpan) else part
        for part in response.body
    ]
    return Response(response.status, response.headers, parts)
