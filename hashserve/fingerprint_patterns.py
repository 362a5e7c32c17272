"""Patterns of fingerprints in names: whether a path looks fingerprinted, and its name without.

Invariant: the result is a guess from the name alone, in bounded time, and never an error. Only a manifest
makes a URL immutable.

The token that carries the fingerprint is the last one in the name, before the extension::

    css/app.55e7cbb9ba48.css    index-DiwrgTda.js     app-0a1b2c3d.js.map
    name.0123456789ab           44f4ac0463c3ce7ca14b.png
"""

from __future__ import annotations

import re

__all__ = ["fingerprint_of", "looks_fingerprinted", "without_fingerprint"]

_TAIL = 128
"""How many characters at the end of a path are searched: more than the longest match has."""

# "app.js", and a second extension for a file that is made from another: "app.js.map", "x.tar.gz". Create
# React App puts one before it: "360.c9ebbf45.chunk.js".
_EXTENSION = r"(?:(?:\.chunk)?\.[^./]{1,16}(?:\.(?:map|gz|br|zst))?)"

# A day, a minute or a second in the years 1900 to 2099: people put these into names too.
_DATE = r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[0-9]{4}|[0-9]{6})?(?![0-9a-f])"

# Hexadecimal: webpack, Django, Phoenix, Sprockets and Propshaft. Without a decimal digit, it may be a
# word ("deadbeef", "facade").
_HEX = rf"(?=[a-f]*[0-9])(?!{_DATE})[0-9a-f]{{8,64}}"

# Eight characters of base64url (Vite, Rollup) or base32 (esbuild). Words must not match, so there are two
# forms: upper case after the first character, with lower case ("DR-PG0Cu"); or, without "-" and "_",
# a digit before a letter ("b7x0qk2m", but not "jquery32" or "icon-128").
_CASES = r"(?=[A-Za-z0-9_-]+[A-Z])(?=[A-Z0-9_-]*[a-z])[A-Za-z0-9_-]{8}"
_DIGITS = r"(?=[A-Za-z]*[0-9]+[A-Za-z])[A-Za-z0-9]{8}"

# A name that is only a fingerprint, as webpack's asset modules have: long, and not a number.
_BARE = r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{16,64}"

# The separators come first, so that the search skips everything else: twice as fast (0.4 to 1.2 us a path).
_FINGERPRINTED = re.compile(
    rf"[./-](?:(?<=[^/][.-])(?P<hex>{_HEX}){_EXTENSION}?"
    rf"|(?<=[^/]-)(?P<base64>{_CASES}|{_DIGITS}){_EXTENSION}"
    rf"|(?<=/)(?P<bare>{_BARE}){_EXTENSION})\Z"
)


def _search(path: str) -> re.Match[str] | None:
    return _FINGERPRINTED.search("/" + path[-_TAIL:])


def looks_fingerprinted(path: str) -> bool:
    """Whether the name at the end of ``path`` looks as if it carried a fingerprint."""
    return _search(path) is not None


def fingerprint_of(path: str) -> str | None:
    """Return the token in ``path`` that looks like a fingerprint, or None."""
    match = _search(path)
    return None if match is None else match[match.lastgroup or 0]


def without_fingerprint(path: str) -> str | None:
    """Return ``path`` without its fingerprint and the separator, or None where no name is left.

    ``css/app.55e7cbb9ba48.css`` becomes ``css/app.css``, and ``name.0123456789ab`` becomes ``name``.
    """
    match = _search(path)
    if match is None or match.lastgroup == "bare":
        return None
    searched_from = len(path) - len(match.string)
    end = match.end(match.lastgroup or 0)
    return path[: searched_from + match.start()] + path[searched_from + end :]
