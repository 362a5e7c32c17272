"""Validators: entity-tags and HTTP dates, parsed and compared (RFC 9110 sections 8.8 and 5.6.7).

Law: parsing never raises and takes time linear in the length of the field; what does not follow
the grammar is None or absent, never a guess.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import formatdate

__all__ = ["EntityTag", "format_date", "parse_date", "parse_entity_tag", "parse_entity_tags"]


@dataclass(frozen=True, slots=True)
class EntityTag:
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


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# The three forms of HTTP-date (section 5.6.7): IMF-fixdate, rfc850-date and asctime-date.
_WEEKDAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_IMF_FIXDATE = rf"{_WEEKDAY}, (?P<day>[0-9]{{2}}) (?P<month>{_MONTH}) (?P<year>[0-9]{{4}}) {_TIME} GMT"
_RFC850_DATE = (
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
    rf"(?P<day>[0-9]{{2}})-(?P<month>{_MONTH})-(?P<year>[0-9]{{2}}) {_TIME} GMT"
)
_ASCTIME_DATE = rf"{_WEEKDAY} (?P<month>{_MONTH}) (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"
_DATE_FORMS = tuple(re.compile(form) for form in (_IMF_FIXDATE, _RFC850_DATE, _ASCTIME_DATE))


def parse_date(value: str) -> int | None:
    """Parse an HTTP-date into seconds since the epoch; None where it is not one."""
    if len(value) > 64:
        return None
    value = value.strip(" \t")
    for form in _DATE_FORMS:
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
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except ValueError:
        return None
    # second = 60 is a leap second (section 5.6.7); it counts as the second after.
    return timegm(moment.utctimetuple()) + max(second - 59, 0) if second <= 60 else None


def _full_year(year: int, rest: tuple[int, ...]) -> int:
    """Place a two-digit year: a moment over 50 years in the future is in the past (section 5.6.7)."""
    this_year, *now = datetime.now(timezone.utc).timetuple()[:6]
    year += this_year - this_year % 100
    return year - 100 if (year - 50, *rest) > (this_year, *now) else year


def format_date(timestamp: int) -> str:
    """Write seconds since the epoch as an IMF-fixdate."""
    return formatdate(timestamp, usegmt=True)
