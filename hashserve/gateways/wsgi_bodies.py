"""WSGI responses: how an answer is sent, from memory or from an open file.

Invariant: a descriptor is closed exactly once, even if the client leaves early. If a file ends early, or is
written to while it is sent, the connection is closed. So the client never takes the next response for the
rest of this body, nor parts of two files for one file.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from hashserve.errors import TruncatedFileError
from hashserve.file_identity import content_marks, identify
from hashserve.http.messages import Body, FileSpan
from hashserve.http.responses import REASON_PHRASES
from hashserve.serve.answers import Answer
from hashserve.serve.files import BLOCK_SIZE, ChangedFileError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["STATUS_LINES", "SpansBody", "WatchedFile", "send", "watched_file"]

STATUS_LINES = {int(status): f"{int(status)} {phrase}" for status, phrase in REASON_PHRASES.items()}

_SEEKED_WRAPPERS = frozenset({"gunicorn.http.wsgi"})
"""Modules whose ``wsgi.file_wrapper`` starts at the file's offset and ends at Content-Length.

No other may send a part of a file: uWSGI's starts at byte 0, whatever the offset.
"""

_DISTRUSTED_WRAPPERS = frozenset({"builtins"})
"""Modules whose ``wsgi.file_wrapper`` gets no file.

That of bjoern, whose module is builtins, is distrusted: after the client resets the connection, it closes
neither the file nor the connection; and if the file ends early, the client waits for ever.
"""


class SpansBody:
    """The parts of a body in order: bytes, and spans of the file that is open at ``descriptor``."""

    def __init__(self, descriptor: int, parts: Body, *, block_size: int = BLOCK_SIZE) -> None:
        self._descriptor: int | None = descriptor
        self._chunks = _chunks(descriptor, parts, block_size)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """Close the descriptor; servers call this after the body was sent, or the client has left."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            self._chunks.close()
            os.close(descriptor)

    def __del__(self) -> None:
        # Some servers do not call close() if the client leaves before the body was started.
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
            # Without the last chunk, the client does not take this for the whole of one file.
            raise ChangedFileError(span.file.path, "was written to while it was being sent")
        yield chunk


def _was_written_to(descriptor: int, span: FileSpan) -> bool:
    """Whether an open file was written to since it was opened; a rename or an unlink does not count.

    A snapshot is sent as it is: its length is right, and it has no validator.
    """
    if span.file.is_snapshot:
        return False
    known = span.file.file_identity
    assert known is not None  # the spans of an open file have it
    return content_marks(identify(os.fstat(descriptor))) != content_marks(known)


class WatchedFile(io.FileIO):
    """The file that is open at ``descriptor``, for a server that sends ``span`` of it by itself.

    Such a server does not notice that a file ends early. It goes on with the next response on the
    connection, and the client takes that for the rest of the body. For this reason `close`, which servers
    call before they go on, raises `TruncatedFileError` if the file is too short.
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


def send(answer: Answer, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Start the response and return its body, which closes the answer's descriptor."""
    status, headers, parts = answer.response
    if answer.descriptor is None:
        start_response(STATUS_LINES[status], list(headers))
        return [part for part in parts if isinstance(part, bytes)]
    file = watched_file(answer, environ)
    # Before the server has the body, only this function can close the descriptor.
    body = file or SpansBody(answer.descriptor, parts)
    try:
        start_response(STATUS_LINES[status], list(headers))
        return body if file is None else environ["wsgi.file_wrapper"](file, BLOCK_SIZE)
    except BaseException:
        body.close()
        raise


def watched_file(answer: Answer, environ: WSGIEnvironment) -> WatchedFile | None:
    """Return the file of an answer, if the server's ``wsgi.file_wrapper`` sends the right part of it."""
    parts, wrapper = answer.response.body, environ.get("wsgi.file_wrapper")
    if answer.descriptor is None or wrapper is None or len(parts) != 1 or not isinstance(parts[0], FileSpan):
        return None
    span = parts[0]
    is_whole = span.start == 0 and span.length == span.file.size
    module = getattr(wrapper, "__module__", None)
    # Others send to the end of the file, and a snapshot ends before.
    is_trusted = is_whole and not span.file.is_snapshot and module not in _DISTRUSTED_WRAPPERS
    if module in _SEEKED_WRAPPERS or is_trusted:
        return WatchedFile(answer.descriptor, span)
    return None
