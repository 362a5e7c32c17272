"""An application asked first, and a fallback for what it does not know.

Law: only a 404 is replaced; every other response of the application passes as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["run_with_fallback"]


class _Started:
    """What an application gave to ``start_response``, held back until its status is known.

    Bytes given to the legacy ``write()`` are held back too, and go before the rest of the body.
    """

    def __init__(self) -> None:
        self.arguments: tuple[Any, ...] | None = None
        self.written: list[bytes] = []
        self.passed_on: StartResponse | None = None

    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        if self.passed_on is not None:  # an error in the middle of the body (PEP 3333)
            return self.passed_on(status, headers, exc_info)
        self.arguments = (status, headers) if exc_info is None else (status, headers, exc_info)
        return self.written.append

    @property
    def is_not_found(self) -> bool:
        return self.arguments is not None and str(self.arguments[0]).startswith("404")


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
    started = _Started()
    body = application(environ, started)
    try:
        chunks = iter(body)
        # An application may call start_response as late as at its first chunk (PEP 3333).
        first = [] if started.arguments is not None else [next(chunks, b"")]
        if started.is_not_found:
            replacement = fallback()
            if replacement is not None:
                _close(body)
                return replacement
        if started.arguments is not None:
            start_response(*started.arguments)
            started.passed_on = start_response
    except BaseException:
        _close(body)
        raise
    return _Replayed([*started.written, *first], chunks, body)


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
