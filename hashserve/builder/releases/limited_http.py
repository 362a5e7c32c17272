"""HTTP requests to a site that is not trusted, limited in time and memory.

Invariant: a site cannot hang the build, fill its memory, or send it to anything but another HTTP URL.
"""

from __future__ import annotations

import io
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    HTTPSConnection,
    responses,
)
from typing import IO, Any

__all__ = ["MIN_BYTES_PER_SECOND", "TIMEOUT_SECONDS", "describe", "get"]

TIMEOUT_SECONDS = 20
"""How long a site may send nothing: while it is connected to, before its answer, and in the middle."""

MIN_BYTES_PER_SECOND = 1024
"""The lowest average rate of a response, its head included, after the first `TIMEOUT_SECONDS`."""

MAX_DESCRIPTION_CHARACTERS = 200


def get(url: str, fields: Mapping[str, str]) -> HTTPResponse:
    """Send a GET request and return the response, whose body is not read yet.

    Follows redirects. Raises `HTTPError` for a status of 400 or more, and `OSError`,
    `HTTPException` or `ValueError` where there is no answer.
    """
    opener = urllib.request.OpenerDirector()  # `build_opener` would add FTP, file: and data:
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _RedirectHandler(),
        _HTTPHandler(),
        _HTTPSHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers=dict(fields))  # noqa: S310  # the opener knows HTTP alone
    response: HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
    return response


def describe(error: Exception) -> str:
    """Return an error as text for people: printable and short, although the site chose parts of it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the site answered {error.code} {responses.get(error.code, '')}".rstrip()
    text = str(getattr(error, "reason", None) or error) or type(error).__name__
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= MAX_DESCRIPTION_CHARACTERS else f"{shown[:MAX_DESCRIPTION_CHARACTERS]}..."


class _TimedReader(io.RawIOBase):
    """The bytes of a response as they arrive. Raises `TimeoutError` when the site is too slow.

    Only the time spent waiting for the site counts, not the time that the caller takes between two reads.
    """

    def __init__(self, connection: socket.socket, stream: io.RawIOBase) -> None:
        self._connection = connection
        self._stream = stream
        self._received_bytes = 0
        self._waited_seconds = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        allowed_seconds = TIMEOUT_SECONDS + self._received_bytes / MIN_BYTES_PER_SECOND
        if self._waited_seconds >= allowed_seconds:
            raise TimeoutError(f"only {self._received_bytes} bytes in {self._waited_seconds:.0f} s")
        self._connection.settimeout(min(TIMEOUT_SECONDS, allowed_seconds - self._waited_seconds))
        started = time.monotonic()
        count = self._stream.readinto(buffer)
        self._waited_seconds += time.monotonic() - started
        self._received_bytes += count or 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """A response whose head and body are read through a `_TimedReader`."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach()))


class _HTTPConnection(HTTPConnection):
    response_class = _TimedResponse


class _HTTPSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_HTTPConnection, request)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_HTTPSConnection, request)


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        request: urllib.request.Request,
        body: IO[bytes],
        code: int,
        reason: str,
        fields: HTTPMessage,
        url: str,
    ) -> urllib.request.Request | None:
        """Return the next request. Raises `HTTPException` where encryption would end."""
        body.close()  # `HTTPRedirectHandler` would read it into memory, however long it is
        if request.type == "https" and not url.lower().startswith("https:"):
            raise HTTPException(f"redirected from https: to {url}")
        return super().redirect_request(request, body, code, reason, fields, url)
