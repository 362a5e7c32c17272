"""Responses without an asset: errors (404, 405, 503), redirects, OPTIONS.

Invariant: each is a function of values. ``common_fields`` are the fields that every response of ours has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from hashserve.http.messages import Headers, Request, Response

__all__ = [
    "ANY_ORIGIN",
    "METHODS",
    "REASON_PHRASES",
    "method_not_allowed",
    "not_found",
    "options",
    "plain_text",
    "redirect",
    "unavailable",
]

METHODS = "GET, HEAD, OPTIONS"

PREFLIGHT_LIFETIME = 86_400
"""How long, in seconds, a browser may remember the answer to a preflight (Fetch standard, 3.2.3)."""

ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")
"""The common field with which scripts of every origin may read responses."""

REASON_PHRASES: Mapping[int, str] = {
    HTTPStatus.OK: "OK",
    HTTPStatus.NO_CONTENT: "No Content",
    HTTPStatus.PARTIAL_CONTENT: "Partial Content",
    HTTPStatus.FOUND: "Found",
    HTTPStatus.NOT_MODIFIED: "Not Modified",
    HTTPStatus.NOT_FOUND: "Not Found",
    HTTPStatus.METHOD_NOT_ALLOWED: "Method Not Allowed",
    HTTPStatus.PRECONDITION_FAILED: "Precondition Failed",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
    HTTPStatus.SERVICE_UNAVAILABLE: "Service Unavailable",
}
"""The reason phrases of our statuses, as RFC 9110 has them; those of ``http`` differ between Pythons."""

_FIELD_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")


def options(request: Request, common_fields: Headers) -> Response:
    """Answer OPTIONS (section 9.3.7), or a CORS preflight (Fetch standard, 3.2.3)."""
    headers = [("Allow", METHODS), *common_fields]
    is_preflight = request.origin is not None and request.requested_method is not None
    if is_preflight and ANY_ORIGIN in common_fields:
        headers += [
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Max-Age", str(PREFLIGHT_LIFETIME)),
        ]
        requested = request.requested_fields
        if requested is not None and _FIELD_NAMES.fullmatch(requested):
            headers.append(("Access-Control-Allow-Headers", requested))
    return Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def plain_text(
    status: HTTPStatus,
    common_fields: Headers,
    *fields: tuple[str, str],
    cache_control: str | None = "no-store",
) -> Response:
    """Answer with a status and its phrase as the body. Without a ``cache_control``, no cache stores it.

    A ``cache_control`` of None means no Cache-Control field.
    """
    lifetime = [] if cache_control is None else [("Cache-Control", cache_control)]
    body = f"{status.value} {REASON_PHRASES[status]}\n".encode("ascii")
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        *lifetime,
        *common_fields,
        *fields,
        ("Content-Length", str(len(body))),
    ]
    return Response(status=status, headers=headers, body=(body,))


def method_not_allowed(common_fields: Headers) -> Response:
    """Answer 405: static files have no such method."""
    return plain_text(HTTPStatus.METHOD_NOT_ALLOWED, common_fields, ("Allow", METHODS))


def not_found(common_fields: Headers) -> Response:
    """Answer 404. Caches must not store it, because a deploy may bring the file at any moment."""
    return plain_text(HTTPStatus.NOT_FOUND, common_fields)


def unavailable(common_fields: Headers) -> Response:
    """Answer 503: the machine cannot read the file now."""
    return plain_text(HTTPStatus.SERVICE_UNAVAILABLE, common_fields, ("Retry-After", "1"))


def redirect(location: str, common_fields: Headers, cache_control: str | None) -> Response:
    """Answer 302 to ``location``, a URL reference."""
    return plain_text(HTTPStatus.FOUND, common_fields, ("Location", location), cache_control=cache_control)
