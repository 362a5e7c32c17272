"""What a request asks and what a response says, as values.

Law: `Request` holds what HTTP says and no more; `Response` holds what is to be sent and does not
send it. Header values and paths are strings of the code points 0 to 255, one per byte (WSGI's
native strings).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Body", "FileSpan", "Headers", "Request", "Response", "StoredFile"]

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
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
    def is_plain_get(self) -> bool:
        """Whether nothing but the path and Accept-Encoding decides the response."""
        return (
            self.method == "GET"
            and self.range is None
            and self.if_none_match is None
            and self.if_match is None
            and self.if_modified_since is None
            and self.if_unmodified_since is None
        )


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on disk that a representation's bytes are in, and how to know that it still is it.

    ``size`` is in bytes; ``sha256`` is the base64 of the digest of the identity bytes, which
    ``coding`` decodes to. ``signature`` is what `hashserve.serve.files.signature` gave for a live
    file, and None for a fingerprinted one, which nobody looks at before it is asked for.
    """

    path: str
    size: int
    coding: str
    sha256: str
    signature: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class FileSpan:
    """``length`` bytes of ``file`` from the offset ``start``."""

    file: StoredFile
    start: int
    length: int


Body = Sequence["bytes | FileSpan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A status code, header fields in order, and the parts of the body one after the other."""

    status: int
    headers: Headers
    body: Body = ()
