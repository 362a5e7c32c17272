"""The application's response, and an answer that replaces it if it is a 404.

Invariant: only a 404 is replaced. Any other response of the application passes unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from hashserve.gateways.wsgi_bodies import send
from hashserve.serve.answers import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["run_with_fallback"]


class _HeldStartResponse:
    """The ``start_response`` for an application: it holds back the status until the first chunk is known.

    If the status is 404, bytes for the legacy ``write()`` are held back too, and are sent before the body if
    nothing replaces it. With any other status they are sent at once.
    """

    def __init__(self, start_response: StartResponse) -> None:
        self.arguments: tuple[Any, ...] | None = None
        self.written: list[bytes] = []
        self._start_response = start_response
        self._write: Callable[[bytes], object] | None = None

    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        arguments = (status, headers) if exc_info is None else (status, headers, exc_info)
        if self._write is not None:  # an error after the body was started (PEP 3333)
            return self._start_response(*arguments)
        self.arguments = arguments
        return self._write_or_hold

    @property
    def has_begun(self) -> bool:
        """Whether the application has called this."""
        return self.arguments is not None or self._write is not None

    @property
    def is_not_found(self) -> bool:
        """Whether the application's status is 404, and is still held back."""
        return self.arguments is not None and str(self.arguments[0]).startswith("404")

    def chunks_until_begun(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Take chunks until the application has called this; it may make empty ones before."""
        for chunk in chunks:
            yield chunk
            if self.has_begun:
                return

    def pass_on(self) -> None:
        """Start the response with the application's arguments, unless it is started."""
        if self._write is None and self.arguments is not None:
            self._write = self._start_response(*self.arguments)
            self.arguments = None  # they may hold a traceback that refers to this object

    def _write_or_hold(self, data: bytes) -> None:
        if self.is_not_found:
            self.written.append(data)
        else:
            self.pass_on()
            assert self._write is not None
            self._write(data)


class _Replayed:
    """A body whose first chunks were read already; closing it closes the application's body."""

    def __init__(self, first: list[bytes], rest: Iterator[bytes], body: Iterable[bytes]) -> None:
        self._first = first
        self._rest = rest
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield from self._first
        yield from self._rest

    def close(self) -> None:
        _close(self._body)


def run_with_fallback(
    application: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    fallback: Callable[[], Answer | None],
) -> Iterable[bytes]:
    """Call the application; if it answers 404, send the answer of ``fallback`` instead, if there is one."""
    started = _HeldStartResponse(start_response)
    body = application(environ, started)
    chunks: Iterator[bytes] | None = None
    first: list[bytes] = []
    replacement: Answer | None = None
    try:
        if not started.has_begun:
            # An application may call start_response when it makes its first chunk (PEP 3333).
            chunks = iter(body)
            first = list(started.chunks_until_begun(chunks))
        if started.is_not_found:
            replacement = fallback()
        if replacement is None:
            started.pass_on()
    except BaseException:
        _close(body)
        raise
    if replacement is not None:
        try:
            return send(replacement, environ, start_response)
        finally:
            _close(body)
    if chunks is None and not started.written:
        return body
    return _Replayed([*started.written, *first], iter(body) if chunks is None else chunks, body)


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
