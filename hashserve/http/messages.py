"""Requests and responses, as values.

Invariant: a `Request` holds what the client sent, and a `Response` what is sent back; neither does I/O.
Header values and paths are strings of the code points 0 to 255, one for each byte (WSGI's native strings).

These are named tuples, not data classes, because most requests need one of each: a frozen data class of
this size takes 4 us to make, a tuple takes 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

__all__ = [
    "CONDITIONAL_FIELDS",
    "PRECONDITIONS",
    "Body",
    "FileSpan",
    "Headers",
    "Request",
    "Response",
    "StoredFile",
]

Headers = list[tuple[str, str]]

PRECONDITIONS = ("if_match", "if_none_match", "if_modified_since", "if_unmodified_since")
"""Fields of a `Request`: with one of them, the client's copy may decide the response (RFC 9110, 13)."""

CONDITIONAL_FIELDS = ("range", *PRECONDITIONS)
"""The fields of a `Request`, apart from those of content negotiation, that may change the response to GET.

The memo derives from this list which requests it cannot answer. The WSGI gateway has a copy for speed; a
test compares the two.
"""


class Request(NamedTuple):
    """One request: its method, path, query string, and the fields that matter here.

    ``path`` is relative to the application's mount point and starts with a slash; ``mount`` is
    that mount point (SCRIPT_NAME), empty at the root of a host. ``fetch_site`` and ``fetch_mode`` are
    Sec-Fetch-Site and Sec-Fetch-Mode.
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
    available_dictionary: str | None = None
    fetch_site: str | None = None
    fetch_mode: str | None = None

    @property
    def has_preconditions(self) -> bool:
        """Whether the client's own copy may decide the response (RFC 9110 section 13)."""
        return _preconditions(self) != _NO_PRECONDITIONS

    @property
    def is_plain_get(self) -> bool:
        """Whether only the path, Accept-Encoding and the client's dictionary decide the response."""
        return self.method == "GET" and _conditions(self) == _NO_CONDITIONS

    def as_get(self) -> Request:
        """Return the GET that a HEAD asks about: HEAD has no ranges (RFC 9110 section 14.2)."""
        return self._replace(method="GET", range=None) if self.method == "HEAD" else self


_preconditions = attrgetter(*PRECONDITIONS)
_NO_PRECONDITIONS = (None,) * len(PRECONDITIONS)
_conditions = attrgetter(*CONDITIONAL_FIELDS)
_NO_CONDITIONS = (None,) * len(CONDITIONAL_FIELDS)


class StoredFile(NamedTuple):
    """The file on disk that holds a representation's bytes, and what proves that it still does.

    ``size`` is in bytes. ``sha256`` is the base64 of the digest of the bytes that ``coding`` decodes
    to. ``file_identity`` (`hashserve.file_identity`) is None for a fingerprinted file, which is not
    looked at before it is requested. A snapshot is the start of that same file, whatever is written to it.
    A delta is decoded with the file ``dictionary``, to ``content_size`` bytes; other codings state neither.
    """

    path: str
    size: int
    coding: str
    sha256: str
    file_identity: tuple[int, int, int, int, int] | None = None
    is_snapshot: bool = False
    dictionary: StoredFile | None = None
    content_size: int = 0


class FileSpan(NamedTuple):
    """``length`` bytes of ``file`` from the offset ``start``."""

    file: StoredFile
    start: int
    length: int


Body = Sequence["bytes | FileSpan"]


class Response(NamedTuple):
    """A status code, header fields in order, and the parts of the body in order."""

    status: int
    headers: Headers
    body: Body = ()
