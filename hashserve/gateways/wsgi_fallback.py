"""An application asked first, and a fallback for what it does not know.

Invariant: only a 404 is replaced; every other response of the application passes as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["run_with_fallback"]


class _Started:
    """What an application gave to ``start_response``, held back until its status counts.

    Bytes given to the legacy ``write()`` are held back with a 404, and go before the rest of its
    body; with any other status they go straight on.
    """

    def __init__(self, start_response: StartResponse) -> None:
        self.arguments: tuple[Any, ...] | None = None
        self.written: list[bytes] = []
        self._start_response = start_response
        self._write: Callable[[bytes], object] | None = None

    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        arguments = (status, headers) if exc_info is None else (status, headers, exc_info)
        if self._write is not None:  # an error in the middle of the body (PEP 3333)
            return self._start_response(*arguments)
        self.arguments = arguments
        return self._write_or_hold

    @property
    def has_begun(self) -> bool:
        """Whether the application called it."""
        return self.arguments is not None or self._write is not None

    @property
    def is_not_found(self) -> bool:
        """Whether the application said 404, and nothing of that has been passed on."""
        return self.arguments is not None and str(self.arguments[0]).startswith("404")

    def pass_on(self) -> None:
        """Start the response as the application did, if it did; once."""
        if self._write is None and self.arguments is not None:
            self._write = self._start_response(*self.arguments)
            self.arguments = None  # they may hold a traceback, and so this very object

    def _write_or_hold(self, data: bytes) -> None:
        if self.is_not_found:
            self.written.append(data)
        else:
            self.pass_on()
            assert self._write is not None
            self._write(data)


class _Replayed:
    """A body of which a first part was taken already; closes the application's own."""

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
    fallback: Callable[[], Iterable[bytes] | None],
) -> Iterable[bytes]:
    """Call the application; where it answers 404, give what ``fallback`` gives, unless that is None."""
    started = _Started(start_response)
    body = application(environ, started)
    chunks: Iterator[bytes] | None = None
    first: list[bytes] = []
    replacement: Iterable[bytes] | None = None
    try:
        if not started.has_begun:
            # An application may call start_response as late as at its first chunk (PEP 3333).
            chunks = iter(body)
            first = [next(chunks, b"")]
        if started.is_not_found:
            replacement = fallback()
        if replacement is None:
            started.pass_on()
    except BaseException:
        _close(body)
        raise
    if replacement is not None:
        _close(body)
        return replacement
    if chunks is None and not started.written:
        return body
    return _Replayed([*started.written, *first], iter(body) if chunks is None else chunks, body)


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
