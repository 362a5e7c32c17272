"""From an asset and a request to a response.

Invariant: `respond` is a pure function of values. HEAD is never seen here: it is GET without ranges
whose body is dropped at the very end (`hashserve.serve.site`), so the two cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

from hashserve.http.messages import Body, FileSpan, Headers, Request, Response
from hashserve.http.preconditions import Failed, NotModified, evaluate, range_applies
from hashserve.http.ranges import ByteRange, ByteRanges, Unsatisfiable, select_ranges
from hashserve.serve.assets import Asset, Representation
from hashserve.serve.policy import Policy

__all__ = [
    "METHODS",
    "method_not_allowed",
    "not_found",
    "not_modified",
    "options",
    "plain_text",
    "redirect",
    "respond",
    "unavailable",
]

METHODS = "GET, HEAD, OPTIONS"
PREFLIGHT_LIFETIME = 86_400
"""How long, in seconds, a browser may remember a preflight (Fetch standard, 3.2.3)."""

_CONTENT_FIELDS = frozenset({"content-type", "last-modified"})
"""Fields that a 304 leaves out: the client has them with its copy (RFC 9110 section 15.4.5)."""

_FIELD_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")


def respond(asset: Asset, request: Request, policy: Policy) -> Response:
    """Answer any request for ``asset``."""
    if request.method == "GET":
        return _get(asset, request, policy)
    if request.method == "OPTIONS":
        return options(request, policy)
    return method_not_allowed(policy)


def _get(asset: Asset, request: Request, policy: Policy) -> Response:
    selected = asset.select(request.accept_encoding)
    if request.has_preconditions:
        outcome = evaluate(request, asset.validators(selected, request.accept_encoding))
        if isinstance(outcome, NotModified):
            return not_modified(asset, str(outcome.etag))
        if isinstance(outcome, Failed):
            return plain_text(HTTPStatus.PRECONDITION_FAILED, policy)
    if request.range is not None and (
        request.if_range is None or range_applies(request.if_range, asset.validators(selected))
    ):
        return _ranges(asset, selected, request.range, policy)
    return _whole(asset, selected)


def _whole(asset: Asset, selected: Representation) -> Response:
    headers = [*asset.fields, *selected.fields, ("Content-Length", str(selected.size))]
    return Response(HTTPStatus.OK, headers, (FileSpan(selected.content, 0, selected.size),))


def not_modified(asset: Asset, etag: str) -> Response:
    """Answer 304, with the tag of the copy that is still good."""
    kept = [(name, value) for name, value in asset.fields if name.lower() not in _CONTENT_FIELDS]
    return Response(status=HTTPStatus.NOT_MODIFIED, headers=[*kept, ("ETag", etag)])


def _ranges(asset: Asset, selected: Representation, value: str, policy: Policy) -> Response:
    outcome = select_ranges(value, selected.size)
    if isinstance(outcome, Unsatisfiable):
        return _unsatisfiable(asset, selected, policy)
    if not isinstance(outcome, ByteRanges):
        return _whole(asset, selected)
    if len(outcome.ranges) == 1:
        return _one_range(asset, selected, outcome.ranges[0])
    return _several_ranges(asset, selected, outcome.ranges)


def _unsatisfiable(asset: Asset, selected: Representation, policy: Policy) -> Response:
    vary = [(name, value) for name, value in asset.fields if name == "Vary"]
    return plain_text(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        policy,
        ("Content-Range", f"bytes */{selected.size}"),
        ("Accept-Ranges", "bytes"),
        *vary,
    )


def _one_range(asset: Asset, selected: Representation, part: ByteRange) -> Response:
    headers = [
        *asset.fields,
        *selected.fields,
        ("Content-Range", part.content_range(selected.size)),
        ("Content-Length", str(part.length)),
    ]
    return Response(status=HTTPStatus.PARTIAL_CONTENT, headers=headers, body=_span(selected, part))


def _several_ranges(asset: Asset, selected: Representation, parts: Sequence[ByteRange]) -> Response:
    """Answer in multipart/byteranges (section 14.6); the boundary is the content's own digest."""
    boundary = f"hashserve-{selected.etag.opaque}".translate(_BOUNDARY_CHARACTERS)
    content_types = [f"Content-Type: {value}\r\n" for name, value in asset.fields if _is_type(name)]
    body: list[bytes | FileSpan] = []
    for part in parts:
        fields = f"{''.join(content_types)}Content-Range: {part.content_range(selected.size)}\r\n"
        opening = f"\r\n--{boundary}\r\n{fields}\r\n"
        body.extend([opening.encode("latin-1"), *_span(selected, part)])
    body.append(f"\r\n--{boundary}--\r\n".encode("latin-1"))
    headers: Headers = [(name, value) for name, value in asset.fields if not _is_type(name)]
    headers += [
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        *selected.fields,
        ("Content-Length", str(sum(map(_length, body)))),
    ]
    return Response(status=HTTPStatus.PARTIAL_CONTENT, headers=headers, body=body)


_BOUNDARY_CHARACTERS = str.maketrans("/+", "_.")
"""What stands unquoted in a Content-Type parameter (a token): no slash."""


def _is_type(name: str) -> bool:
    return name.lower() == "content-type"  # a hook writes names as it likes


def _span(selected: Representation, part: ByteRange) -> Body:
    return (FileSpan(selected.content, part.start, part.length),)


def _length(part: bytes | FileSpan) -> int:
    return len(part) if isinstance(part, bytes) else part.length


def options(request: Request, policy: Policy) -> Response:
    """Answer OPTIONS (section 9.3.7), and a CORS preflight as the Fetch standard (3.2.3) asks."""
    headers = [("Allow", METHODS), *policy.common_fields()]
    if policy.allow_all_origins and request.origin is not None and request.requested_method is not None:
        headers += [
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Max-Age", str(PREFLIGHT_LIFETIME)),
        ]
        requested = request.requested_fields
        if requested is not None and _FIELD_NAMES.fullmatch(requested):
            headers.append(("Access-Control-Allow-Headers", requested))
    return Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def plain_text(
    status: HTTPStatus, policy: Policy, *fields: tuple[str, str], cache_control: str | None = "no-store"
) -> Response:
    """Answer with a status of ours and its phrase as the body; no cache stores it unless told to."""
    lifetime = [] if cache_control is None else [("Cache-Control", cache_control)]
    body = f"{status.value} {status.phrase}\n".encode("ascii")
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        *lifetime,
        *policy.common_fields(),
        *fields,
        ("Content-Length", str(len(body))),
    ]
    return Response(status=status, headers=headers, body=(body,))


def method_not_allowed(policy: Policy) -> Response:
    """Answer 405 to a method that static files do not have."""
    return plain_text(HTTPStatus.METHOD_NOT_ALLOWED, policy, ("Allow", METHODS))


def not_found(policy: Policy) -> Response:
    """Answer 404; caches must not remember it, since a deploy may bring the file any moment."""
    return plain_text(HTTPStatus.NOT_FOUND, policy)


def unavailable(policy: Policy) -> Response:
    """Answer 503: the file may well be there, but the machine cannot read it now."""
    return plain_text(HTTPStatus.SERVICE_UNAVAILABLE, policy, ("Retry-After", "1"))


def redirect(location: str, policy: Policy, cache_control: str | None) -> Response:
    """Answer 302 to ``location``, a URL reference; None for a lifetime that is not told."""
    return plain_text(HTTPStatus.FOUND, policy, ("Location", location), cache_control=cache_control)
