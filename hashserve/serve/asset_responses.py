"""From an asset and a request to a response.

Invariant: `respond` is a pure function of values. It never sees HEAD, which is GET without ranges and
without a body (`hashserve.serve.service`).
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from hashserve.http.entity_tags import EntityTag
from hashserve.http.messages import Body, FileSpan, Headers, Request, Response
from hashserve.http.preconditions import NotModified, evaluate, range_applies
from hashserve.http.ranges import ByteRange, select_ranges
from hashserve.http.responses import method_not_allowed, options, plain_text
from hashserve.serve.assets import USE_AS_DICTIONARY, Asset, Representation
from hashserve.serve.negotiation import select, whole

__all__ = ["not_modified", "respond", "respond_not_found"]

_CONTENT_FIELDS = frozenset({"content-type", "last-modified"})
"""Fields that a 304 leaves out, because the client has them with its copy (RFC 9110 section 15.4.5)."""


def respond(
    asset: Asset, request: Request, common_fields: Headers, selected: Representation | None = None
) -> Response:
    """Answer any request but HEAD for ``asset``; ``selected`` is what `select` returns for both."""
    if request.method != "GET":
        if request.method == "OPTIONS":
            return options(request, common_fields)
        return method_not_allowed(common_fields)
    selected = selected or select(asset, request)
    if request.has_preconditions:
        outcome = evaluate(request, asset.validators(selected, request.accept_encoding))
        if isinstance(outcome, NotModified):
            kept = asset.fields_of(selected) if outcome.etag == selected.etag else asset.fields
            return not_modified(kept, outcome.etag and str(outcome.etag))
        if outcome is not None:
            return plain_text(HTTPStatus.PRECONDITION_FAILED, common_fields)
    if request.range is not None and (
        request.if_range is None or range_applies(request.if_range, asset.validators(selected))
    ):
        return _ranges(asset, selected, request.range, common_fields)
    return _whole(asset, selected)


def _whole(asset: Asset, selected: Representation) -> Response:
    headers = [*asset.fields_of(selected), *selected.fields, ("Content-Length", str(selected.size))]
    return Response(HTTPStatus.OK, headers, (FileSpan(selected.content, 0, selected.size),))


def respond_not_found(asset: Asset, request: Request) -> Response:
    """Answer 404 with ``asset`` as the page that says so.

    It has no validators and no ranges: neither preconditions nor Range apply to a response that is no 2xx
    (RFC 9110 sections 13.2.1 and 14.2). Caches must not store it, because a deploy may bring the file.
    """
    page = asset.with_cache_control("no-store")
    selected = whole(page, request)
    fields = [field for field in (*page.fields, *selected.fields) if field[0].lower() not in _OF_A_FILE]
    headers = [*fields, ("Content-Length", str(selected.size))]
    return Response(HTTPStatus.NOT_FOUND, headers, (FileSpan(selected.content, 0, selected.size),))


_OF_A_FILE = frozenset({"accept-ranges", "etag", "expires", "last-modified"})
"""Fields of a file that mean nothing on a 404."""


def not_modified(fields: Headers, etag: str | None) -> Response:
    """Answer 304 with the fields of the copy that the client may keep, and its tag, if it has one."""
    kept = [(name, value) for name, value in fields if name.lower() not in _CONTENT_FIELDS]
    return Response(status=HTTPStatus.NOT_MODIFIED, headers=kept if etag is None else [*kept, ("ETag", etag)])


def _ranges(asset: Asset, selected: Representation, value: str, common_fields: Headers) -> Response:
    ranges = select_ranges(value, selected.size)
    if ranges is None:
        return _whole(asset, selected)
    if not ranges:
        return _unsatisfiable(asset, selected, common_fields)
    if len(ranges) == 1:
        return _one_range(asset, selected, ranges[0])
    if selected.etag is None:
        return _whole(asset, selected)  # nothing that its bytes cannot hold would separate the parts
    return _several_ranges(asset, selected, selected.etag, ranges)


def _unsatisfiable(asset: Asset, selected: Representation, common_fields: Headers) -> Response:
    vary = [(name, value) for name, value in asset.fields if name == "Vary"]
    return plain_text(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        common_fields,
        ("Content-Range", f"bytes */{selected.size}"),
        ("Accept-Ranges", "bytes"),
        *vary,
    )


def _one_range(asset: Asset, selected: Representation, part: ByteRange) -> Response:
    headers = [
        *_fields_of_a_part(asset),
        *selected.fields,
        ("Content-Range", part.content_range(selected.size)),
        ("Content-Length", str(part.length)),
    ]
    return Response(status=HTTPStatus.PARTIAL_CONTENT, headers=headers, body=_span(selected, part))


def _several_ranges(
    asset: Asset, selected: Representation, etag: EntityTag, parts: Sequence[ByteRange]
) -> Response:
    """Answer with multipart/byteranges (section 14.6); the boundary is made of a digest."""
    boundary = f"hashserve-{etag.opaque}".translate(_BOUNDARY_CHARACTERS)
    content_types = [f"Content-Type: {value}\r\n" for name, value in asset.fields if _is_type(name)]
    body: list[bytes | FileSpan] = []
    for part in parts:
        fields = f"{''.join(content_types)}Content-Range: {part.content_range(selected.size)}\r\n"
        opening = f"\r\n--{boundary}\r\n{fields}\r\n"
        body.extend([opening.encode("latin-1"), *_span(selected, part)])
    body.append(f"\r\n--{boundary}--\r\n".encode("latin-1"))
    headers: Headers = [field for field in _fields_of_a_part(asset) if not _is_type(field[0])]
    headers += [
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        *selected.fields,
        ("Content-Length", str(sum(map(_length, body)))),
    ]
    return Response(status=HTTPStatus.PARTIAL_CONTENT, headers=headers, body=body)


def _fields_of_a_part(asset: Asset) -> Headers:
    """Return the fields of an asset without that of a dictionary: a part of a file is none.

    Chromium takes the part for one, in the place of the whole file, and then gets no delta.
    """
    return [field for field in asset.fields if field[0].lower() != USE_AS_DICTIONARY.lower()]


_BOUNDARY_CHARACTERS = str.maketrans("/+", "_.")
"""A boundary without quotes must be a token, which has no slash."""


def _is_type(name: str) -> bool:
    return name.lower() == "content-type"  # a hook may write the name in any case


def _span(selected: Representation, part: ByteRange) -> Body:
    return (FileSpan(selected.content, part.start, part.length),)


def _length(part: bytes | FileSpan) -> int:
    return len(part) if isinstance(part, bytes) else part.length
