"""Which request paths may name a file at all, and how a path becomes a URL.

Invariant: a path that passes `is_servable` names something below the root or nothing, on every system;
whether a symlink leads out of it is for whoever opens it.
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

# A segment that is empty or starts with a dot (which covers . and ..), a backslash, a NUL, a
# slash or backslash that some server left encoded; and on Windows a drive or a stream.
_UNSERVABLE = re.compile(r"^/|//|/$|(?:^|/)\.|[\\\0]|%(?:2[fF]|5[cC])|^[A-Za-z]:")
PUBLISHED_MANIFEST = ".well-known/hashserve.json"
"""Path below the prefix of the published manifest (setting ``publish_manifest``)."""

_WELL_KNOWN = ".well-known/"
"""The one hidden folder that is public (RFC 8615), at the top alone."""


def is_servable(path: str) -> bool:
    """Whether a path relative to a root is one that hashserve looks for on disk."""
    path = path.removeprefix(_WELL_KNOWN)
    return bool(path) and _UNSERVABLE.search(path) is None


def decode_path(native: str) -> str | None:
    """Turn a native string (one code point a byte) into the text it is UTF-8 of.

    Bytes that are not UTF-8 become lone surrogates, as `os.fsdecode` has them; None where the
    server handed over characters that are no bytes.
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

    Two slashes at its start would make the name of a host of what follows.
    """
    path = url_of(decode_path(script_name) or "").strip("/")
    return f"/{path}" if path else ""


def query_suffix(query: str) -> str:
    """Write a request's query (a native string) for a Location field; empty where there is none."""
    encoded = quote(query.encode("latin-1", "replace"), safe="%!$&'()*+,;=:@/?-._~[]{}|^`\"<>\\")
    return f"?{encoded}" if query else ""


def native_string(text: str) -> str:
    """Turn text into a native string: the code points of its UTF-8 bytes."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
