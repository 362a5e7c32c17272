"""HTTP requests to a site that is not trusted: limited in time and bytes, and to one origin.

Invariant: a request goes to the origin that the user named, and nowhere else. Its limits hold for all of it:
name look-up, connections, redirects, heads, body and trailers.
"""

from __future__ import annotations

import io
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import lru_cache, partial
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    HTTPSConnection,
    responses,
)
from typing import IO, Any
from urllib.parse import urlsplit

from hashserve.builder.releases.errors import shortened
from hashserve.builder.releases.limited_connection import LimitedReader, connect, encrypt
from hashserve.builder.releases.request_limits import WAIT_SECONDS, ResponseLimits

__all__ = ["describe", "get"]

OK = 200

MAX_REDIRECTS = 5

_DEFAULT_PORTS = {"http": 80, "https": 443}


def get(url: str, fields: Mapping[str, str], limits: ResponseLimits) -> HTTPResponse:
    """Send a GET request and return the response, whose body is not read yet.

    Follows redirects within the origin. Raises `HTTPError` for any status but 200, and `OSError`,
    `HTTPException` or `ValueError` where there is no answer.
    """
    opener = urllib.request.OpenerDirector()  # `build_opener` would add FTP, file: and data:
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _RedirectHandler(),
        _HTTPHandler(limits),
        _HTTPSHandler(limits),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers=dict(fields))  # noqa: S310  # the opener knows HTTP alone
    limits.begin_head()
    try:
        response = _opened(opener, request)
    except urllib.error.HTTPError as error:
        error.close()  # nothing reads its body, and Python 3.14 warns of one that is left open
        raise
    limits.begin_body()
    return response


def _opened(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> HTTPResponse:
    response: HTTPResponse = opener.open(request, timeout=WAIT_SECONDS)
    if response.status != OK:  # such as a part of the file, which nobody asked for
        raise urllib.error.HTTPError(request.full_url, response.status, "", response.headers, response)
    return response


def describe(error: Exception) -> str:
    """Return an error as text for people: printable and short, although the site chose parts of it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the site answered {error.code} {responses.get(error.code, '')}".rstrip()
    text = str(getattr(error, "reason", None) or error) or type(error).__name__
    return shortened(text)


class _LimitedResponse(HTTPResponse):
    """A response whose head and body are read through a `LimitedReader`."""

    def __init__(self, sock: socket.socket, *arguments: Any, limits: ResponseLimits, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(LimitedReader(sock, self.fp.detach(), limits))


class _HTTPConnection(HTTPConnection):
    def __init__(self, *arguments: Any, limits: ResponseLimits, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.limits = limits
        self.response_class = partial(_LimitedResponse, limits=limits)  # type: ignore[assignment]

    def connect(self) -> None:
        self.sock = connect(self.host, self.port, self.limits)
        if self._tunnel_host:  # type: ignore[attr-defined]  # a proxy, which the environment names
            self._tunnel()  # type: ignore[attr-defined]


class _HTTPSConnection(_HTTPConnection):
    default_port = HTTPSConnection.default_port

    def connect(self) -> None:
        super().connect()
        host = self._tunnel_host or self.host  # type: ignore[attr-defined]
        self.sock = encrypt(self.sock, host, _tls_context(), self.limits)


@lru_cache(maxsize=1)  # to load the certificates takes 10 ms
def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _HTTPHandler(urllib.request.AbstractHTTPHandler):
    def __init__(self, limits: ResponseLimits) -> None:
        super().__init__()
        self._limits = limits

    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_HTTPConnection, limits=self._limits), request)

    http_request = urllib.request.AbstractHTTPHandler.do_request_


class _HTTPSHandler(urllib.request.AbstractHTTPHandler):
    def __init__(self, limits: ResponseLimits) -> None:
        super().__init__()
        self._limits = limits

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_HTTPSConnection, limits=self._limits), request)

    https_request = urllib.request.AbstractHTTPHandler.do_request_


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS
    max_repeats = 1

    def redirect_request(
        self,
        request: urllib.request.Request,
        body: IO[bytes],
        code: int,
        reason: str,
        fields: HTTPMessage,
        url: str,
    ) -> urllib.request.Request | None:
        """Return the next request. Raises `HTTPException` where it leads to another origin."""
        body.close()  # `HTTPRedirectHandler` would read it into memory, however long it is
        if not _is_same_origin(request.full_url, url):
            raise HTTPException(
                f"it redirects to {shortened(url)}, which is another site; if that is yours, name it instead"
            )
        return super().redirect_request(request, body, code, reason, fields, url)


def _is_same_origin(url: str, target: str) -> bool:
    """Whether a redirect stays on the same scheme, host and port, or only begins to encrypt there."""
    origin, other = _origin(url), _origin(target)
    if origin == other:
        return origin is not None
    return (
        origin is not None
        and other is not None
        and origin[0] == "http"
        and other[0] == "https"
        and origin[1] == other[1]
        and (origin[2], other[2]) == (_DEFAULT_PORTS["http"], _DEFAULT_PORTS["https"])
    )


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return the origin of a URL (RFC 6454 section 4): None where it has none, or is not plainly written."""
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, _DEFAULT_PORTS[parts.scheme] if port is None else port
