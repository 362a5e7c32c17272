"""From our answers to Django's responses, for either protocol.

Invariant: what is sent is what the WSGI wrapper sends, byte for byte and field for field, whatever
middleware stands above; and a file is closed with its response, exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import ResponseHeaders

from hashserve.django.requests import is_asgi
from hashserve.gateways.asgi_bodies import AsyncSpansBody
from hashserve.gateways.wsgi_bodies import SpansBody, watched_file
from hashserve.http.messages import Headers
from hashserve.serve.files import BLOCK_SIZE
from hashserve.serve.site import Answer

__all__ = ["StaticContent", "StaticFile", "StaticStream", "Store", "copier", "response_of"]

Store = dict[str, tuple[str, str]]
"""Header fields as Django keeps them: name and value by the name in lower case."""


def copier(headers: Headers) -> Callable[[], Store]:
    """Make of header fields a function that gives them anew for each response."""
    return _store(headers).copy


def _store(headers: Headers) -> Store:
    """Keep one field a name; the values of several are one list (RFC 9110 section 5.3)."""
    store: Store = {}
    for name, value in headers:
        first, before = store.get(name.lower(), (name, ""))
        store[name.lower()] = (first, f"{before}, {value}" if before else value)
    return store


class _ResponseFields(ResponseHeaders):
    """The fields of one response, made of a `Store` of its own; they were validated long before."""

    def __init__(self, store: Store) -> None:
        self._store = store


_SETTLED = frozenset({"content-encoding", "content-length"})
"""Fields whose absence says something too: nobody above is to add them.

GZipMiddleware would compress what was chosen as it is, a part of a file even; CommonMiddleware
would add a length of 0 to a 304 (RFC 9110 section 8.6).
"""


class _Settled:
    """A response whose content coding and length are settled, as middleware above asks before it acts."""

    def has_header(self, header: str) -> bool:
        """Whether a field is there, or settled to be absent."""
        return header.lower() in _SETTLED or super().has_header(header)  # type: ignore[misc]


class StaticContent(_Settled, HttpResponse):
    """A response whose body is in memory.

    Django's own constructor takes 7 us, most of it to validate fields; this one takes 0.6.
    """

    def __init__(self, status: int, store: Store, body: tuple[bytes, ...] = ()) -> None:
        self.__dict__.update(_BLANK)
        self.status_code = status
        self.headers = _ResponseFields(store)
        self.cookies = SimpleCookie()
        self._resource_closers: list[Callable[[], object]] = []
        self._container = list(body)


# What Django gives every response, but for what belongs to a single one of them.
_BLANK: dict[str, Any] = dict(vars(HttpResponse(content_type="")))


class StaticFile(_Settled, FileResponse):
    """A response whose body is in an open file, for WSGI: sent by the server itself where it can."""

    block_size = BLOCK_SIZE

    def __init__(self, answer: Answer, environ: dict[str, Any]) -> None:
        assert answer.descriptor is not None
        body = watched_file(answer, environ) or SpansBody(answer.descriptor, answer.response.body)
        # Kept now: the handler puts the response's own close() in the place of the file's.
        self._close_body: Callable[[], None] = body.close
        super().__init__(body, status=answer.response.status)
        self.headers = _ResponseFields(_store(answer.response.headers))

    def set_headers(self, filelike: object) -> None:
        """Leave the fields as they are: they were decided long before."""

    def close(self) -> None:
        """Close the file. Raises `TruncatedFileError`, which Django's own would keep to itself."""
        try:
            self._close_body()
        finally:
            super().close()


class StaticStream(_Settled, StreamingHttpResponse):
    """A response whose body is in an open file, for ASGI."""

    def __init__(self, answer: Answer) -> None:
        assert answer.descriptor is not None
        body = AsyncSpansBody(answer.descriptor, answer.response.body)
        super().__init__(body, status=answer.response.status)
        self.headers = _ResponseFields(_store(answer.response.headers))


def response_of(answer: Answer, request: Any) -> Any:
    """Give Django's response that says what ``answer`` says."""
    if answer.descriptor is not None:
        return StaticStream(answer) if is_asgi(request) else StaticFile(answer, request.META)
    body = tuple(part for part in answer.response.body if isinstance(part, bytes))
    return StaticContent(int(answer.response.status), _store(answer.response.headers), body)
