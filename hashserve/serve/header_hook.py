"""The user's hook for header fields, ``add_headers_function``.

Invariant: a hook changes no field that describes the bytes of a response, and adds none that HTTP forbids.
Such a field is left out and logged once, on every Python.
Servers without a hook do not load this module: with what it imports, it takes 2 % of their start.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from wsgiref.headers import Headers as HeaderFields
from wsgiref.util import is_hop_by_hop

from hashserve.http.messages import Headers
from hashserve.settings.serve import HeadersHook
from hashserve.visible_text import logger

__all__ = ["HeaderHook"]

_OURS = frozenset(
    {"content-length", "content-encoding", "content-range", "accept-ranges", "etag", "transfer-encoding"}
)
"""Fields that describe the bytes of a response; no hook may set them."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

_MOST_LOGGED = 100
"""The most different names of fields that are logged; a hook may make names of paths."""


class HeaderHook:
    """A hook, and the names of those of its fields that were logged."""

    def __init__(self, function: HeadersHook) -> None:
        self._function = function
        self._logged: set[str] = set()

    def changed(self, fields: Headers, path: str, url: str) -> Headers:
        """Return ``fields`` as the hook changes them.

        They are those of the file at ``path``, served at the URL path ``url``.
        """
        changed = _Fields(fields)
        try:
            self._function(changed, path, url)
        except OSError as error:
            # An OSError of the hook must not look like one of the file that is served.
            raise RuntimeError(f"add_headers_function failed for {path}") from error
        return [(name, value) for name, value in changed.items() if self._is_allowed(name, value, path)]

    def _is_allowed(self, name: object, value: object, path: str) -> bool:
        if isinstance(name, str) and name.lower() in _OURS:
            self._log(logging.WARNING, name, value, path, "hashserve sets this field")
            return False
        if not _is_field(name, value):
            self._log(logging.ERROR, name, value, path, "HTTP forbids it")
            return False
        return True

    def _log(self, level: int, name: object, value: object, path: str, reason: str) -> None:
        key = repr(name).lower()
        if key in self._logged or len(self._logged) == _MOST_LOGGED:
            return
        self._logged.add(key)
        shown = repr(value) if len(repr(value)) < 200 else f"{repr(value)[:200]}..."
        logger.log(
            level,
            "add_headers_function set %r to %s for %r: left out there and everywhere, because %s",
            name,
            shown,
            path,
            reason,
        )


class _Fields(HeaderFields):
    """The fields that a hook changes. They accept everything, because this module decides what is sent.

    Releases of Python raise an exception for different fields, or for none.
    """

    def _convert_string_type(self, value: Any, **_: bool) -> Any:
        return value


def _is_field(name: object, value: object) -> bool:
    """Whether HTTP allows a field from an application (RFC 9110, sections 5.1 and 5.5).

    The server sets hop-by-hop fields (RFC 9110 section 7.6.1, PEP 3333).
    """
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and _TOKEN.fullmatch(name) is not None
        and _VALUE.fullmatch(value) is not None
        and not is_hop_by_hop(name)
    )
