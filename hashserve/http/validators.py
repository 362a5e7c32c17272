"""Validators: entity-tags and HTTP dates, parsed and compared (RFC 9110 sections 8.8 and 5.6.7).

Invariant: parsing never raises and takes time linear in the length of the field; what does not follow
the grammar is None or absent, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from time import gmtime
from typing import NamedTuple

__all__ = ["EntityTag", "format_date", "parse_date", "parse_entity_tag", "parse_entity_tags"]


class EntityTag(NamedTuple):
    """An entity-tag: its opaque part without the quotes, and whether it is weak."""

    opaque: str
    weak: bool = False

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.weak else f'"{self.opaque}"'

    def matches_strongly(self, other: EntityTag) -> bool:
        """Compare strongly: both strong, and equal (section 8.8.3.2)."""
        return not self.weak and not other.weak and self.opaque == other.opaque

    def matches_weakly(self, other: EntityTag) -> bool:
        """Compare weakly: equal, whether or not either is weak (section 8.8.3.2)."""
        return self.opaque == other.opaque


# entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE (section 8.8.3); W is case-sensitive.
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)*")


def parse_entity_tag(value: str) -> EntityTag | None:
    """Parse a field that is one entity-tag, as in If-Range."""
    match = _ENTITY_TAG.fullmatch(value.strip(" \t"))
    return EntityTag(match[2], match[1] is not None) if match else None


def parse_entity_tags(value: str) -> Iterator[EntityTag]:
    """Parse a list of entity-tags, as in If-Match, up to the first thing that is not one."""
    position = _SEPARATOR.match(value).end()  # type: ignore[union-attr]  # it matches the empty string
    while match := _ENTITY_TAG.match(value, position):
        yield EntityTag(match[2], match[1] is not None)
        separator = _SEPARATOR.match(value, match.end())
        assert separator is not None
        if "," not in separator[0]:
            return
        position = separator.end()


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# The three forms of HTTP-date (section 5.6.7): IMF-fixdate, rfc850-date and asctime-date.
_WEEKDAY = f"(?:{'|'.join(_WEEKDAYS)})"
_IMF_FIXDATE = rf"{_WEEKDAY}, (?P<day>[0-9]{{2}}) (?P<month>{_MONTH}) (?P<year>[0-9]{{4}}) {_TIME} GMT"
_RFC850_DATE = (
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
    rf"(?P<day>[0-9]{{2}})-(?P<month>{_MONTH})-(?P<year>[0-9]{{2}}) {_TIME} GMT"
)
_ASCTIME_DATE = rf"{_WEEKDAY} (?P<month>{_MONTH}) (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"


@cache
def _date_forms() -> tuple[re.Pattern[str], ...]:
    """Compile the forms; not at import, since it takes 3 ms and many a process is sent no date."""
    return tuple(map(re.compile, (_IMF_FIXDATE, _RFC850_DATE, _ASCTIME_DATE)))


def parse_date(value: str) -> int | None:
    """Parse an HTTP-date into seconds since the epoch; None where it is not one."""
    if len(value) > 64:
        return None
    value = value.strip(" \t")
    for form in _date_forms():
        match = form.fullmatch(value)
        if match is not None:
            return _timestamp(match)
    return None


def _timestamp(match: re.Match[str]) -> int | None:
    month = _MONTHS.index(match["month"]) + 1
    day, hour, minute, second = (int(match[part]) for part in ("day", "hour", "minute", "second"))
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _full_year(year, (month, day, hour, minute, second))
    is_there = year and 1 <= day <= _length(year, month) and hour < 24 and minute < 60
    # second = 60 is a leap second (section 5.6.7); it counts as the second after.
    if not is_there or second > 60:
        return None
    moment = ((_days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second
    return moment if moment < _YEAR_10000 else None


def _full_year(year: int, rest: tuple[int, ...]) -> int:
    """Place a two-digit year: a moment over 50 years in the future is in the past (section 5.6.7)."""
    this_year, *now = gmtime()[:6]
    year += this_year - this_year % 100
    return year - 100 if (year - 50, *rest) > (this_year, *now) else year


_YEAR_10000 = 253_402_300_800
"""What a leap second may lead to, and no HTTP-date can say."""

# The calendar; `datetime` knows it too, but takes 2 ms to import and 1 us more for each date.
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _length(year: int, month: int) -> int:
    return 29 if month == 2 and _is_leap(year) else _LENGTHS[month - 1]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_before(year: int, month: int) -> int:
    """Count the days from the epoch to the first of a month; 719,162 passed from the year 1 until then."""
    past = year - 1
    leap_days = past // 4 - past // 100 + past // 400 + (month > 2 and _is_leap(year))
    return past * 365 + leap_days + sum(_LENGTHS[: month - 1]) - 719_162


def format_date(timestamp: int) -> str:
    """Write seconds since the epoch as an IMF-fixdate."""
    year, month, day, hour, minute, second, weekday, *_ = gmtime(timestamp)
    return (
        f"{_WEEKDAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
    )
