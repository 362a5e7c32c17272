"""Cache-Control of a response (RFC 9111 section 5.2): its directives, and for how long clients keep it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from hashserve.http.messages import Headers

__all__ = ["LONGEST_LIFETIME", "Directive", "directives_of", "max_age_of"]

LONGEST_LIFETIME = 999_999_999
"""The longest lifetime that is read, in seconds: 31 years."""

# A directive: a token, and a token or a quoted string.
_DIRECTIVE = r"[ \t]*([^\s,;=\"]+)(?:=(?:\"(?:[^\"\\]|\\.)*\"|[^\s,\"]*))?"


class Directive(NamedTuple):
    """A directive: its name in lower case, and its text as it is in the field."""

    name: str
    text: str


def directives_of(fields: Headers) -> list[Directive]:
    """Return the directives of all Cache-Control fields, in order."""
    return [
        directive
        for name, value in fields
        if name.lower() == "cache-control"
        for directive in _directives(value)
    ]


def max_age_of(fields: Headers) -> int | None:
    """Return the lifetime of a response in seconds, None if no directive states one.

    If there are several, the first counts (RFC 9111 section 4.2.1).
    """
    for name, value in fields:
        if name.lower() == "cache-control" and (seconds := _max_age(value)) is not None:
            return seconds
    return None


# Remembered, because a server sends the same few values: a response with Expires asks each time.
@lru_cache(maxsize=64)
def _directives(value: str) -> tuple[Directive, ...]:
    found = re.finditer(_DIRECTIVE, value)  # compiled at the first use
    return tuple(Directive(match[1].lower(), match[0].strip()) for match in found)


@lru_cache(maxsize=64)
def _max_age(value: str) -> int | None:
    for name, text in _directives(value):
        seconds = text.partition("=")[2].strip('"')
        if name == "max-age" and re.fullmatch("[0-9]+", seconds):
            digits = seconds.lstrip("0")
            return LONGEST_LIFETIME if len(digits) > 9 else int(digits or "0")
    return None
