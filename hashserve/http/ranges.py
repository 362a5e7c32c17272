"""Ranges: which bytes of a representation a Range field asks for (RFC 9110 section 14).

Invariant: a field that does not follow the grammar is ignored as a whole, and no field, however long
or adversarial, gets more bytes of the representation than it has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from hashserve.http.outcomes import Outcome

__all__ = ["ByteRange", "ByteRanges", "Unsatisfiable", "Whole", "select_ranges"]

MOST_RANGES = 8
"""How many ranges one answer is cut into; more of them get the whole representation."""

LONGEST_HEADER = 1024
"""How long a Range field may be, in characters; a longer one is ignored."""


class ByteRange(NamedTuple):
    """``length`` bytes from the offset ``start``; at least one byte, all within the representation."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Write the Content-Range of this part of ``size`` bytes (section 14.4)."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


class Whole(Outcome):
    """No range applies: 200 with the whole representation."""

    __slots__ = ()


class Unsatisfiable(Outcome):
    """No range asked for touches the representation: 416."""

    __slots__ = ()


class ByteRanges(NamedTuple):
    """One range or more, in the order asked for: 206."""

    ranges: Sequence[ByteRange]


# int-range / suffix-range (section 14.1.1); any number of digits, `LONGEST_HEADER` bounds them.
_RANGE_SPEC = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)")
_WHOLE = Whole()


def select_ranges(value: str, size: int) -> Whole | Unsatisfiable | ByteRanges:
    """Select the ranges of a representation of ``size`` bytes that the Range field ``value`` asks for.

    Of an empty representation there is nothing to cut: the field is ignored, as a server may
    (section 14.2), since clients that put one on each request mean no harm.
    """
    members = _members(value)
    if members is None or size == 0:
        return _WHOLE
    ranges = []
    for member in members:
        match = _RANGE_SPEC.fullmatch(member)
        if match is None or _is_backwards(match):
            return _WHOLE
        found = _within(match, size)
        if found is not None:
            ranges.append(found)
    if not ranges:
        return Unsatisfiable()
    return _WHOLE if _is_wasteful(ranges, size) else ByteRanges(ranges)


def _members(value: str) -> list[str] | None:
    unit, equals, range_set = value.strip(" \t").partition("=")
    if not equals or unit.lower() != "bytes" or len(value) > LONGEST_HEADER:
        return None
    # White space stands around commas alone, so not before the first member. A recipient takes
    # empty members, but not a list of nothing else (section 5.6.1.2).
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
    """Whether several ranges are too many, or together no shorter than the whole (section 14.2)."""
    return len(ranges) > 1 and (len(ranges) > MOST_RANGES or sum(part.length for part in ranges) >= size)
