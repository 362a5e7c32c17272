"""WSGI response bodies: bytes in memory, and spans of an open file.

Law: a descriptor is closed exactly once, also when the client leaves in the middle; a file that
ends early ends the connection, never the framing of the next response on it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from hashserve.errors import TruncatedFileError
from hashserve.serve.files import BLOCK_SIZE
from hashserve.serve.messages import Body, FileSpan
from hashserve.serve.site import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["SpansBody", "body_of"]

_SEEKED_WRAPPERS = frozenset({"gunicorn.http.wsgi"})
"""Modules whose ``wsgi.file_wrapper`` starts at the file's offset and ends at Content-Length.

uWSGI's starts at byte 0 whatever the offset, so no other is trusted with a part of a file.
"""


class SpansBody:
    """Parts of a body, one after the other: bytes, and spans of the file open at ``descriptor``."""

    def __init__(self, descriptor: int, parts: Body) -> None:
        self._descriptor: int | None = descriptor
        self._chunks = _chunks(descriptor, parts)

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


def _chunks(descriptor: int, parts: Body) -> Generator[bytes, None, None]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from _span_chunks(descriptor, part)


def _span_chunks(descriptor: int, span: FileSpan) -> Iterator[bytes]:
    os.lseek(descriptor, span.start, os.SEEK_SET)
    left = span.length
    while left:
        chunk = os.read(descriptor, min(left, BLOCK_SIZE))
        if not chunk:
            raise TruncatedFileError(span.file.path, left)
        left -= len(chunk)
        yield chunk


def body_of(answer: Answer, environ: WSGIEnvironment) -> Iterable[bytes]:
    """Make the body of an answer, by way of the server's ``wsgi.file_wrapper`` where that is right."""
    parts = answer.response.body
    descriptor = answer.descriptor
    if descriptor is None:
        return tuple(part for part in parts if isinstance(part, bytes))
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is not None and len(parts) == 1 and isinstance(parts[0], FileSpan):
        span = parts[0]
        is_whole = span.start == 0 and span.length == span.file.size
        if is_whole or wrapper.__module__ in _SEEKED_WRAPPERS:
            stream = os.fdopen(descriptor, "rb", buffering=0)
            stream.seek(span.start)
            wrapped: Iterable[bytes] = wrapper(stream, BLOCK_SIZE)
            return wrapped
    return SpansBody(descriptor, parts)
