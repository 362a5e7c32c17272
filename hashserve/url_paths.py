"""Paths in URLs: which ones may name a file (never with ``..``), and how they are decoded and encoded.

Invariant: on every system, a path that passes `is_servable` names nothing outside the root, unless a
symbolic link leads there; callers that open files check links.
"""

from __future__ import annotations

import re
from urllib.parse import quote

__all__ = [
    "PUBLISHED_MANIFEST",
    "decode_path",
    "is_servable",
    "mount_point_of",
    "native_string",
    "query_suffix",
    "url_of",
]

# An empty segment, a segment that starts with a dot (such as . and ..), a backslash, a NUL, a slash or
# backslash that a server left encoded, and a drive or a stream of Windows.
_UNSERVABLE = re.compile(r"^/|//|/$|(?:^|/)\.|[\\\0]|%(?:2[fF]|5[cC])|^[A-Za-z]:")

PUBLISHED_MANIFEST = ".well-known/hashserve.json"
"""The path, below the prefix, of the published manifest (setting ``publish_manifest``)."""

_WELL_KNOWN = ".well-known/"
"""The one folder with a dot that is public (RFC 8615); at the top only."""


def is_servable(path: str) -> bool:
    """Whether hashserve looks for a path, relative to a root, on disk."""
    path = path.removeprefix(_WELL_KNOWN)
    return bool(path) and _UNSERVABLE.search(path) is None


def decode_path(native: str) -> str | None:
    """Decode a native string, which has one code point for each byte, as UTF-8.

    Bytes that are not UTF-8 become lone surrogates, as in `os.fsdecode`. The result is None if the server
    passed code points that are not bytes.
    """
    if native.isascii():
        return native
    try:
        return native.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None


def url_of(path: str) -> str:
    """Percent-encode a path for use in a URL; slashes stay."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/~!$&'()*+,;=:@")


def mount_point_of(script_name: str) -> str:
    """Percent-encode a mount point (SCRIPT_NAME, a native string), without a slash at its end.

    It starts with one slash: after two, a browser would read the next segment as a host.
    """
    path = url_of(decode_path(script_name) or "").strip("/")
    return f"/{path}" if path else ""


def query_suffix(query: str) -> str:
    """Return ``?`` and a request's query (a native string) for a Location field, or an empty string."""
    encoded = quote(query.encode("latin-1", "replace"), safe="%!$&'()*+,;=:@/?-._~[]{}|^`\"<>\\")
    return f"?{encoded}" if query else ""


def native_string(text: str) -> str:
    """Encode text as a native string: one code point for each byte of its UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
