"""URLs made of paths.

Law: one rule says which characters of a path are percent-encoded, for the build and for serving.
"""

from __future__ import annotations

from urllib.parse import quote

__all__ = ["PUBLISHED_MANIFEST", "url_of"]

PUBLISHED_MANIFEST = ".well-known/hashserve.json"
"""Where, below the prefix, a server publishes its manifest if its operator switches that on."""


def url_of(path: str) -> str:
    """Percent-encode a path for use in a URL; slashes stay."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/~!$&'()*+,;=:@")
