"""Cache-Control of a response (RFC 9111 section 5.2): its directives, and for how long clients keep it."""

from __future__ import annotations

import re
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
    values = [value for name, value in fields if name.lower() == "cache-control"]
    return [
        Directive(match[1].lower(), match[0].strip())
        for value in values
        for match in re.finditer(_DIRECTIVE, value)  # compiled at the first use
    ]


def max_age_of(fields: Headers) -> int | None:
    """Return the lifetime of a response in seconds, None if no directive states one.

    If there are several, the first counts (RFC 9111 section 4.2.1).
    """
    for name, text in directives_of(fields):
        seconds = text.partition("=")[2].strip('"')
        if name == "max-age" and re.fullmatch("[0-9]+", seconds):
            digits = seconds.lstrip("0")
            return LONGEST_LIFETIME if len(digits) > 9 else int(digits or "0")
    return None
