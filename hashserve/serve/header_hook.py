"""The user's hook for header fields, ``add_headers_function``.

Invariant: a hook changes no field that describes the bytes of a response, and adds none that HTTP forbids.
Servers without a hook do not load this module: with what it imports, it takes 2 % of their start.
"""

from __future__ import annotations

import re
from wsgiref.headers import Headers as HeaderFields
from wsgiref.util import is_hop_by_hop

from hashserve.http.messages import Headers
from hashserve.settings.serve import HeadersHook
from hashserve.visible_text import logger

__all__ = ["changed_by"]

_OURS = frozenset(
    {"content-length", "content-encoding", "content-range", "accept-ranges", "etag", "transfer-encoding"}
)
"""Fields that describe the bytes of a response; no hook may set them."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def changed_by(hook: HeadersHook, fields: Headers, path: str, url: str) -> Headers:
    """Return ``fields`` as the hook changes them: of the file at ``path``, served at the URL path ``url``."""
    changed = HeaderFields(fields)
    try:
        hook(changed, path, url)
    except OSError as error:
        # An OSError of the hook must not look like one of the file that is served.
        raise RuntimeError(f"add_headers_function failed for {path}") from error
    return [(name, value) for name, value in changed.items() if _is_allowed(name, value, path)]


def _is_allowed(name: str, value: str, path: str) -> bool:
    if name.lower() in _OURS:
        logger.warning(
            "add_headers_function set %s for %s: dropped, because hashserve sets this field", name, path
        )
        return False
    # The server sets hop-by-hop fields (RFC 9110 section 7.6.1, PEP 3333).
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value) or is_hop_by_hop(name):
        logger.error(
            "add_headers_function set %r for %s to %r: dropped, because HTTP forbids it", name, path, value
        )
        return False
    return True
