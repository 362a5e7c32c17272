"""Answers of hashserve as Django's responses, for WSGI and ASGI.

Invariant: fields and body are those that the WSGI wrapper sends, whatever other middleware does. A file is
closed with its response, exactly once.
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
from hashserve.serve.answers import Answer
from hashserve.serve.files import BLOCK_SIZE

__all__ = ["StaticContent", "StaticFile", "StaticStream", "Store", "copier", "response_of"]

Store = dict[str, tuple[str, str]]
"""Header fields as Django stores them: name and value, by the name in lower case."""


def copier(headers: Headers) -> Callable[[], Store]:
    """Return a function that returns a new copy of header fields for each response."""
    return _store(headers).copy


def _store(headers: Headers) -> Store:
    """Join the values of fields with the same name (RFC 9110 section 5.3)."""
    store: Store = {}
    for name, value in headers:
        first, before = store.get(name.lower(), (name, ""))
        store[name.lower()] = (first, f"{before}, {value}" if before else value)
    return store


class _ResponseFields(ResponseHeaders):
    """The fields of one response; they are valid already, so Django need not validate them again."""

    def __init__(self, store: Store) -> None:
        self._store = store


_FINAL_FIELDS = frozenset({"content-encoding", "content-length"})
"""Fields that other middleware must not add.

GZipMiddleware would compress a response that is best uncompressed, or a part of a file. CommonMiddleware
would add a length of 0 to a 304 (RFC 9110 section 8.6).
"""


class _FinalResponse:
    """A response whose content coding and length are final. Other middleware asks `has_header` first."""

    def has_header(self, header: str) -> bool:
        """Whether a field is present, or must stay absent."""
        return header.lower() in _FINAL_FIELDS or super().has_header(header)  # type: ignore[misc]


class StaticContent(_FinalResponse, HttpResponse):
    """A response whose body is in memory.

    Django's own constructor takes 7 us, mostly to validate fields; this one takes 0.6 us.
    """

    def __init__(self, status: int, store: Store, body: tuple[bytes, ...] = ()) -> None:
        self.__dict__.update(_SHARED_ATTRIBUTES)
        self.status_code = status
        self.headers = _ResponseFields(store)
        self.cookies = SimpleCookie()
        self._resource_closers: list[Callable[[], object]] = []
        self._container = list(body)


# The attributes of a response of Django's that all responses can share.
_SHARED_ATTRIBUTES: dict[str, Any] = dict(vars(HttpResponse(content_type="")))


class StaticFile(_FinalResponse, FileResponse):
    """A response whose body is in an open file, for WSGI; the server sends the file itself if it can."""

    block_size = BLOCK_SIZE

    def __init__(self, answer: Answer, environ: dict[str, Any]) -> None:
        assert answer.descriptor is not None
        body = watched_file(answer, environ) or SpansBody(answer.descriptor, answer.response.body)
        # Django's handler replaces the body's close() with that of the response.
        self._close_body: Callable[[], None] = body.close
        super().__init__(body, status=answer.response.status)
        self.headers = _ResponseFields(_store(answer.response.headers))

    def set_headers(self, filelike: object) -> None:
        """Leave the fields as they are. Django would derive them from the file."""

    def close(self) -> None:
        """Close the file. Raises `TruncatedFileError`, which Django's own method would suppress."""
        try:
            self._close_body()
        finally:
            super().close()


class StaticStream(_FinalResponse, StreamingHttpResponse):
    """A response whose body is in an open file, for ASGI."""

    def __init__(self, answer: Answer) -> None:
        assert answer.descriptor is not None
        body = AsyncSpansBody(answer.descriptor, answer.response.body)
        super().__init__(body, status=answer.response.status)
        self.headers = _ResponseFields(_store(answer.response.headers))


def response_of(answer: Answer, request: Any) -> Any:
    """Return an answer as a response of Django's."""
    if answer.descriptor is not None:
        return StaticStream(answer) if is_asgi(request) else StaticFile(answer, request.META)
    body = tuple(part for part in answer.response.body if isinstance(part, bytes))
    return StaticContent(int(answer.response.status), _store(answer.response.headers), body)
