"""What a request asks and what a response says, as values.

Invariant: `Request` holds what HTTP says and no more; `Response` holds what is to be sent and does not
send it. Header values and paths are strings of the code points 0 to 255, one per byte (WSGI's
native strings).

These are named tuples, not data classes: one of each is made for most requests, and a frozen data
class of this size takes 4 us to make where a tuple takes 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Body", "FileSpan", "Headers", "Request", "Response", "StoredFile"]

Headers = list[tuple[str, str]]


class Request(NamedTuple):
    """One request: its method, path, query string, and the few fields that matter here.

    ``path`` is relative to the application's mount point and starts with a slash; ``mount`` is
    that mount point (SCRIPT_NAME), empty at the root of a host.
    """

    method: str
    path: str
    query: str = ""
    mount: str = ""
    accept: str | None = None
    accept_encoding: str | None = None
    range: str | None = None
    if_range: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    origin: str | None = None
    requested_method: str | None = None
    requested_fields: str | None = None

    @property
    def has_preconditions(self) -> bool:
        """Whether the client's own copy may decide the response (RFC 9110 section 13)."""
        return (
            self.if_none_match is not None
            or self.if_modified_since is not None
            or self.if_match is not None
            or self.if_unmodified_since is not None
        )

    @property
    def is_plain_get(self) -> bool:
        """Whether nothing but the path and Accept-Encoding decides the response."""
        return self.method == "GET" and self.range is None and not self.has_preconditions


class StoredFile(NamedTuple):
    """The file on disk that holds a representation's bytes, and what proves that it still does.

    ``size`` is in bytes. ``sha256`` is the base64 of the digest of the bytes that ``coding`` decodes
    to. ``file_identity`` (`hashserve.file_identity`) is None for a fingerprinted file, which is not
    looked at before it is requested.
    """

    path: str
    size: int
    coding: str
    sha256: str
    file_identity: tuple[int, int, int, int, int] | None = None


class FileSpan(NamedTuple):
    """``length`` bytes of ``file`` from the offset ``start``."""

    file: StoredFile
    start: int
    length: int


Body = Sequence["bytes | FileSpan"]


class Response(NamedTuple):
    """A status code, header fields in order, and the parts of the body one after the other."""

    status: int
    headers: Headers
    body: Body = ()
