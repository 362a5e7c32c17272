"""HTTP dates, parsed and written (RFC 9110 section 5.6.7).

Invariant: parsing never raises, and takes bounded time. A value that does not follow the grammar, or
names a day that does not exist, is None.
"""

from __future__ import annotations

import re
from functools import cache
from time import gmtime

__all__ = ["format_date", "parse_date"]

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
    """Compile the three forms on first use: it takes 3 ms, and many processes never receive a date."""
    return tuple(map(re.compile, (_IMF_FIXDATE, _RFC850_DATE, _ASCTIME_DATE)))


def parse_date(value: str) -> int | None:
    """Parse an HTTP-date into seconds since the epoch; None where the value is not a date."""
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
    exists = year and 1 <= day <= _days_in_month(year, month) and hour < 24 and minute < 60
    # second = 60 is a leap second (section 5.6.7); it counts as the second after.
    if not exists or second > 60:
        return None
    moment = ((_days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second
    return moment if moment < _YEAR_10000 else None


def _full_year(year: int, rest: tuple[int, ...]) -> int:
    """Return the year of two digits: a date over 50 years ahead means the past century (section 5.6.7)."""
    this_year, *now = gmtime()[:6]
    year += this_year - this_year % 100
    return year - 100 if (year - 50, *rest) > (this_year, *now) else year


_YEAR_10000 = 253_402_300_800
"""The first second that no HTTP-date can express; a leap second at the end of 9999 would reach it."""

# The calendar. `datetime` has one too, but it takes 2 ms to import and 1 us more for each date.
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _days_in_month(year: int, month: int) -> int:
    return 29 if month == 2 and _is_leap(year) else _LENGTHS[month - 1]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_before(year: int, month: int) -> int:
    """Count the days from the epoch to the first of a month; the epoch is 719,162 days after year 1."""
    past = year - 1
    leap_days = past // 4 - past // 100 + past // 400 + (month > 2 and _is_leap(year))
    return past * 365 + leap_days + sum(_LENGTHS[: month - 1]) - 719_162


def format_date(timestamp: int) -> str:
    """Write seconds since the epoch as an IMF-fixdate."""
    year, month, day, hour, minute, second, weekday, *_ = gmtime(timestamp)
    return (
        f"{_WEEKDAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
    )
