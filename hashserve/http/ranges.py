"""Ranges: which bytes of a representation a Range field asks for (RFC 9110 section 14).

Invariant: a field that does not follow the grammar is ignored as a whole. No field selects more bytes
than the representation has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["ByteRange", "select_ranges"]

MOST_RANGES = 8
"""The most ranges in one response; a request for more gets the whole representation."""

LONGEST_FIELD = 1024
"""The longest Range field that is read, in characters; a longer one is ignored."""


class ByteRange(NamedTuple):
    """``length`` bytes from the offset ``start``; at least one byte, all within the representation."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Write the Content-Range of this part of ``size`` bytes (section 14.4)."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


# int-range / suffix-range (section 14.1.1); any number of digits, `LONGEST_FIELD` bounds them.
_RANGE_SPEC = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)")


def select_ranges(value: str, size: int) -> Sequence[ByteRange] | None:
    """Return the ranges of a representation of ``size`` bytes that the Range field ``value`` selects.

    They are in the order of the field. None means that the field is ignored (200 with the whole
    representation); an empty result means that no range overlaps the representation (416).

    An empty representation has no ranges: the field is ignored, as section 14.2 allows, because some
    clients send Range with every request.
    """
    members = _members(value)
    if members is None or size == 0:
        return None
    ranges = []
    for member in members:
        match = _RANGE_SPEC.fullmatch(member)
        if match is None or _is_backwards(match):
            return None
        found = _within(match, size)
        if found is not None:
            ranges.append(found)
    return None if _is_wasteful(ranges, size) else ranges


def _members(value: str) -> list[str] | None:
    unit, equals, range_set = value.strip(" \t").partition("=")
    if not equals or unit.lower() != "bytes" or len(value) > LONGEST_FIELD:
        return None
    # White space is allowed around commas only, so not before the first member. Empty members are
    # skipped, but a list needs a member that is not empty (section 5.6.1.2).
    first, *rest = range_set.split(",")
    members = [first.rstrip(" \t"), *(member.strip(" \t") for member in rest)]
    return [member for member in members if member] or None


def _is_backwards(match: re.Match[str]) -> bool:
    """Return whether the last position is before the first, which is invalid (section 14.1.1)."""
    first, last, _ = match.groups()
    return bool(first and last) and int(first) > int(last)


def _within(match: re.Match[str], size: int) -> ByteRange | None:
    first, last, suffix = match.groups()
    if suffix:
        length = min(int(suffix), size)
        return ByteRange(size - length, length) if length else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    return ByteRange(start, end - start + 1) if start < size else None


def _is_wasteful(ranges: Sequence[ByteRange], size: int) -> bool:
    """Whether there are too many ranges, or they are together as long as the whole (section 14.2)."""
    return len(ranges) > 1 and (len(ranges) > MOST_RANGES or sum(part.length for part in ranges) >= size)
