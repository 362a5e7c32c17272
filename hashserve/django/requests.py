"""Django's requests, of WSGI and ASGI, as those of hashserve.

Invariant: a path has the bytes that the client sent, as in the WSGI wrapper, whatever Django made of them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from django.utils.encoding import repercent_broken_unicode

from hashserve.gateways.wsgi import request_of as request_of_environ
from hashserve.http.messages import Request
from hashserve.url_paths import native_string

__all__ = ["is_asgi", "method_of", "native_path", "request_of"]


def is_asgi(request: Any) -> bool:
    """Whether a request came through ASGI, so that an event loop sends the body of its response."""
    return hasattr(request, "scope")


def method_of(request: Any) -> str:
    """Return the method as it was sent. Django makes it upper case, but methods are case-sensitive."""
    method: str = request.scope["method"] if is_asgi(request) else request.META.get("REQUEST_METHOD", "GET")
    return method


def native_path(request: Any) -> str:
    """Return the path below the mount point as a native string, with one code point for each byte."""
    path: str = request.path_info
    if is_asgi(request):
        if "\ufffd" in path:
            return _as_sent_by_asgi(path, request.scope, request.META)
    elif "%" in path:
        return _as_sent_by_wsgi(path, request.META)
    return path if path.isascii() else native_string(path)


def _as_sent_by_wsgi(path: str, environ: dict[str, Any]) -> str:
    """Undo Django's percent-encoding of bytes that are not UTF-8, if the server passes the raw target."""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    sent = _below_mount(target.encode("latin-1", "replace"), environ)
    if repercent_broken_unicode(sent).decode() == path:
        return sent.decode("latin-1")
    return native_string(path)


def _as_sent_by_asgi(path: str, scope: dict[str, Any], meta: dict[str, Any]) -> str:
    """Return the bytes that a server could not decode, if it passes the raw path."""
    sent = _below_mount(scope.get("raw_path") or b"", meta)
    if sent.decode("utf-8", "replace") == path:
        return sent.decode("latin-1")
    return native_string(path)


def _below_mount(target: bytes, meta: dict[str, Any]) -> bytes:
    """Return the decoded path of a request target (RFC 9112 section 3.2), without the mount point."""
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):
        path = urlsplit(path).path
    mount = meta.get("SCRIPT_NAME", "").rstrip("/").encode("utf-8", "surrogateescape")
    return unquote_to_bytes(path).removeprefix(mount)


def request_of(request: Any, path: str, mount: str) -> Request:
    """Return Django's request as one of hashserve, for a native path below a mount point."""
    query = request.META.get("QUERY_STRING", "")
    if is_asgi(request):
        sent = request.scope.get("query_string", b"")
        query = sent.decode("latin-1") if isinstance(sent, bytes) else sent
    return request_of_environ(request.META)._replace(
        method=method_of(request), path=path, query=query, mount=native_string(mount)
    )
