"""Bodies kept in memory, within a budget.

Invariant: the bytes kept never exceed the budget, and only bytes that were proven to be what their
`StoredFile` says are kept (`hashserve.serve.files.read_stored`).
"""

from __future__ import annotations

import os
from collections.abc import Callable

from hashserve.file_identity import FileIdentity, identify
from hashserve.http.messages import FileSpan, StoredFile
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.files import check_readable, chunks_of, open_stored, prove, read_stored

__all__ = ["BodyCache"]

MOST_PROVEN = 10_000
"""How many files that are not kept are remembered as proven."""

_ENTRY = 512
"""About what an entry weighs beside its body, in bytes."""


class BodyCache:
    """The bodies that this process keeps; ``budget`` and ``largest`` (of one body) are in bytes.

    ``on_drop`` is called after bodies have been let go, for whoever refers to them too.
    """

    def __init__(
        self,
        budget: int,
        largest: int,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        # One that a generation cannot hold would be remembered elsewhere and counted nowhere.
        self.largest = min(largest, budget // 2 - _ENTRY)
        self._bodies: BoundedCache[StoredFile, bytes] = BoundedCache(budget, _weight, on_drop)
        self._proven: BoundedCache[StoredFile, FileIdentity] = BoundedCache(
            MOST_PROVEN, lambda file, identity: 1
        )

    def holds(self, file: StoredFile) -> bool:
        """Whether a file is small enough to be kept."""
        return file.size <= self.largest

    def read(self, file: StoredFile) -> bytes:
        """Give a small file's bytes, from memory or from disk. Raises `OSError`."""
        body = self._bodies.get(file)
        if body is None:
            body = read_stored(file)
            self._bodies.put(file, body)
        return body

    def open(self, span: FileSpan) -> tuple[int, FileIdentity]:
        """Open a file too large to be kept, to read ``span`` of it.

        Gives a descriptor at offset 0, and the identity of the file that was found to be the one that
        was meant. Raises `OSError`.

        A fingerprinted one is read once, and proven, and then again whenever its identity changes:
        a length alone would let damaged bytes pass for immutable ones.
        """
        descriptor, status = open_stored(span.file)
        seen = identify(status)
        try:
            if span.file.file_identity is None:
                self._prove(span.file, descriptor, seen)
            check_readable(descriptor, span)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, seen

    def _prove(self, file: StoredFile, descriptor: int, found: FileIdentity) -> None:
        if self._proven.get(file) != found:
            prove(file, chunks_of(descriptor, file.size))
            os.lseek(descriptor, 0, os.SEEK_SET)
            self._proven.put(file, found)

    def keep(self, file: StoredFile, body: bytes) -> None:
        """Keep bytes that were just read, and proven, by someone else."""
        self._bodies.put(file, body)

    def has_room(self, file: StoredFile) -> bool:
        """Whether a file's body can be kept without letting go of another's."""
        return self.holds(file) and self._bodies.has_room(file.size + _ENTRY)

    def kept(self) -> tuple[int, int]:
        """Give how many bodies are kept, and how many bytes of the budget they take."""
        return self._bodies.total()

    def clear(self) -> None:
        """Let go of everything."""
        self._bodies.clear()


def _weight(file: StoredFile, body: bytes) -> int:
    return len(body) + _ENTRY
