"""WSGI response bodies: bytes in memory, and spans of an open file.

Invariant: a descriptor is closed exactly once, also when the client leaves in the middle; a file that
ends early, or is written to while it is being sent, ends the connection: never the framing of
the next response on it, and never a body of two halves where that can be seen in time.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from hashserve.errors import TruncatedFileError
from hashserve.file_identity import content_marks, identify
from hashserve.http.messages import Body, FileSpan
from hashserve.serve.files import BLOCK_SIZE, ChangedFileError
from hashserve.serve.site import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["SpansBody", "WatchedFile", "body_of", "watched_file"]

_SEEKED_WRAPPERS = frozenset({"gunicorn.http.wsgi"})
"""Modules whose ``wsgi.file_wrapper`` starts at the file's offset and ends at Content-Length.

uWSGI's starts at byte 0 whatever the offset, so no other is trusted with a part of a file.
"""

_DISTRUSTED_WRAPPERS = frozenset({"builtins"})
"""Modules whose ``wsgi.file_wrapper`` gets no file at all.

bjoern's, a class without a module, keeps file and connection open for ever where a client resets the
connection, and lets the client wait for ever where the file ends early.
"""


class SpansBody:
    """Parts of a body, one after the other: bytes, and spans of the file open at ``descriptor``."""

    def __init__(self, descriptor: int, parts: Body, *, block_size: int = BLOCK_SIZE) -> None:
        self._descriptor: int | None = descriptor
        self._chunks = _chunks(descriptor, parts, block_size)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """Close the descriptor; servers call it once the body is sent or the client has left."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            self._chunks.close()
            os.close(descriptor)

    def __del__(self) -> None:
        # Some servers do not call close() when a client leaves before the body was started.
        self.close()


def _chunks(descriptor: int, parts: Body, block_size: int) -> Generator[bytes, None, None]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from _span_chunks(descriptor, part, block_size)


def _span_chunks(descriptor: int, span: FileSpan, block_size: int) -> Iterator[bytes]:
    os.lseek(descriptor, span.start, os.SEEK_SET)
    left = span.length
    while left:
        chunk = os.read(descriptor, min(left, block_size))
        if not chunk:
            raise TruncatedFileError(span.file.path, left)
        left -= len(chunk)
        if not left and _was_written_to(descriptor, span):
            # The client must not take what it has for the whole of one file: the end is kept from it.
            raise ChangedFileError(span.file.path, "was written to while it was being sent")
        yield chunk


def _was_written_to(descriptor: int, span: FileSpan) -> bool:
    """Whether an open file has another size or modification time; not by a rename or an unlink."""
    status = os.fstat(descriptor)
    if span.file.file_identity is None:
        return status.st_size != span.file.size
    return content_marks(identify(status)) != content_marks(span.file.file_identity)


class WatchedFile(io.FileIO):
    """The file open at ``descriptor``, for a server that sends ``span`` of it by itself.

    Such a server does not notice that a file ends early: it goes on with the next response on the
    connection, and the client takes that for the rest of the body. So closing it, the last that a
    server does before it goes on, raises `TruncatedFileError` then.
    """

    def __init__(self, descriptor: int, span: FileSpan) -> None:
        super().__init__(descriptor, "rb")
        self._span = span
        if span.start:
            self.seek(span.start)

    def close(self) -> None:
        """Close the descriptor. Raises `TruncatedFileError`."""
        if self.closed:
            return
        missing = self._span.start + self._span.length - os.fstat(self.fileno()).st_size
        super().close()
        if missing > 0:
            raise TruncatedFileError(self._span.file.path, missing)


def body_of(answer: Answer, environ: WSGIEnvironment) -> Iterable[bytes]:
    """Make the body of an answer, by way of the server's ``wsgi.file_wrapper`` where that is right."""
    if answer.descriptor is None:
        return [part for part in answer.response.body if isinstance(part, bytes)]
    file = watched_file(answer, environ)
    if file is not None:
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, BLOCK_SIZE)
        return wrapped
    return SpansBody(answer.descriptor, answer.response.body)


def watched_file(answer: Answer, environ: WSGIEnvironment) -> WatchedFile | None:
    """Give the file of an answer if the server's ``wsgi.file_wrapper`` sends the right part of it."""
    parts, wrapper = answer.response.body, environ.get("wsgi.file_wrapper")
    if answer.descriptor is None or wrapper is None or len(parts) != 1 or not isinstance(parts[0], FileSpan):
        return None
    span = parts[0]
    is_whole = span.start == 0 and span.length == span.file.size
    module = getattr(wrapper, "__module__", None)
    if module in _SEEKED_WRAPPERS or (is_whole and module not in _DISTRUSTED_WRAPPERS):
        return WatchedFile(answer.descriptor, span)
    return None
