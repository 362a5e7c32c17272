from __future__ import annotations

import time
from calendar import timegm
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.http.dates import (
    format_date,
    parse_date,
)
from tests.support.hypothesis_profile import ANY_TEXT, QUICK, texts_of

NOV_6 = 784_111_777

DATES = [
    ("Sun, 06 Nov 1994 08:49:37 GMT", NOV_6),  # the three forms, as RFC 9110 section 5.6.7 shows them
    ("Sunday, 06-Nov-94 08:49:37 GMT", NOV_6),
    ("Sun Nov  6 08:49:37 1994", NOV_6),
    ("Sun Nov 06 08:49:37 1994", NOV_6),
    ("Wed Nov 16 08:49:37 1994", NOV_6 + 864_000),
    (" Sun, 06 Nov 1994 08:49:37 GMT\t", NOV_6),
    ("Mon, 06 Nov 1994 08:49:37 GMT", NOV_6),  # the wrong day of the week has no effect
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
    ("Mon, 01 Jan 0001 00:00:00 GMT", -62_135_596_800),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
    ("Fri, 01 Mar 2024 12:00:00 GMT", 1_709_294_400),
    ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),  # every fourth century has a leap day
    ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),  # a leap second
]

NO_DATES = [
    "",
    "0",
    "1 Jan 2099 00:00:00",
    "Thu, 01 Jan 2099 00:00:00",
    "Thu, 01 Jan 2099 00:00:00 +0800",
    "Thu, 01 Jan 2099 00:00:00 UTC",
    "Thu, 01 Jan 2099 00:00:00 gmt",
    "Thu, 01 Jan 2099 00:00:00 GMT+0800",
    "thu, 01 jan 2099 00:00:00 GMT",
    "THU, 01 JAN 2099 00:00:00 GMT",
    "Thu,01 Jan 2099 00:00:00 GMT",
    "Thu, 1 Jan 2099 00:00:00 GMT",
    "Thu,  1 Jan 2099 00:00:00 GMT",
    "Thu, 01 Jan 99 00:00:00 GMT",
    "Thu, 01 Jan 2099 0:00:00 GMT",
    "Thu, 01 Jan 2099 00:00 GMT",
    "Thu, 01  Jan 2099 00:00:00 GMT",
    "Thu, 01 Jan 2099 00:00:00 GMT GMT",
    "Thu, 01 Jan 2099 00:00:00 GMT\n",
    "Thu, 01 Jan 2099 00:00:00 GMT\0",
    "01 Jan 2099 00:00:00 GMT",
    "Don, 01 Jan 2099 00:00:00 GMT",
    "Thu, 01 Foo 2099 00:00:00 GMT",
    "Thu, 00 Jan 2099 00:00:00 GMT",
    "Thu, 32 Jan 2099 00:00:00 GMT",
    "Thu, 31 Apr 2099 00:00:00 GMT",
    "Wed, 29 Feb 2023 00:00:00 GMT",
    "Fri, 30 Feb 2024 00:00:00 GMT",
    "Mon, 29 Feb 2100 00:00:00 GMT",
    "Thu, 01 Jan 0000 00:00:00 GMT",
    "Thu, 01 Jan 2099 24:00:00 GMT",
    "Thu, 01 Jan 2099 00:60:00 GMT",
    "Thu, 01 Jan 2099 00:00:61 GMT",
    "Fri, 31 Dec 9999 23:59:60 GMT",
    "Thu, 01 Jan 2099 00:00:99 GMT",
    "Thu, 01 Jan -099 00:00:00 GMT",
    "Thu, 01 Jan 2099 00:00:00.5 GMT",
    "Thu, \u0660\u0661 Jan 2099 00:00:00 GMT",
    "Thursday, 01-Jan-2099 00:00:00 GMT",
    "Thu, 01-Jan-99 00:00:00 GMT",
    "Thursday, 1-Jan-99 00:00:00 GMT",
    "Tuesday, 30-Feb-99 00:00:00 GMT",
    "Thu Jan 1 00:00:00 2099",
    "Thu Jan  1 00:00:00 2099 GMT",
    "Thu Jan  0 00:00:00 2099",
    "Thu Jan   1 00:00:00 2099",
    "Thursday Jan  1 00:00:00 2099",
    "2099-01-01T00:00:00Z",
    "4070908800",
    "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 100_000 + "x",
    "9" * 100_000,
    " " * 100_000,
    "Sun, " * 25_000,
    "\ud800",
]


@pytest.mark.parametrize(("value", "expected"), DATES)
def test_an_http_date_is_seconds_since_the_epoch(value: str, expected: int) -> None:
    assert parse_date(value) == expected


@pytest.mark.parametrize("value", NO_DATES, ids=lambda value: repr(value[:40]))
def test_what_is_no_http_date_is_none(value: str) -> None:
    assert parse_date(value) is None


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/St_Johns"])
def test_a_date_depends_on_no_time_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        read, written = parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), format_date(NOV_6)
    time.tzset()
    assert (read, written) == (NOV_6, "Sun, 06 Nov 1994 08:49:37 GMT")


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def rfc850(moment: datetime) -> str:
    return (
        f"{WEEKDAYS[moment.weekday()]}, {moment.day:02}-{MONTHS[moment.month - 1]}-{moment.year % 100:02}"
        f" {moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
    )


def years_from_now(years: int, *, days: int) -> datetime:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    # Up to the 28th, which every month has.
    return now.replace(day=min(now.day, 28), year=now.year + years) + timedelta(days=days)


@pytest.mark.parametrize("years", [0, 1, 30, 49])
def test_a_two_digit_year_of_the_next_50_years_is_in_the_future_or_a_century_before(years: int) -> None:
    moment = years_from_now(years, days=0)
    same_century = moment.year // 100 == datetime.now(timezone.utc).year // 100
    expected = moment if same_century else moment.replace(year=moment.year - 100)
    assert parse_date(rfc850(moment)) == timegm(expected.utctimetuple())


@pytest.mark.parametrize(("days", "centuries_back"), [(-5, 0), (5, 1)])
def test_a_moment_over_50_years_in_the_future_is_in_the_past(days: int, centuries_back: int) -> None:
    moment = years_from_now(50, days=days)
    expected = moment.replace(year=moment.year - 100 * centuries_back)
    assert parse_date(rfc850(moment)) == timegm(expected.utctimetuple())


@pytest.mark.parametrize(("second", "year"), [(0, 2076), (1, 1976)])
def test_a_moment_exactly_50_years_ahead_is_still_in_the_future(
    second: int, year: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.struct_time((2026, 6, 15, 12, 0, 0, 0, 166, 0))
    monkeypatch.setattr("hashserve.http.dates.gmtime", lambda: now)
    expected = timegm((year, 6, 15, 12, 0, second))
    assert parse_date(f"Monday, 15-Jun-76 12:00:{second:02} GMT") == expected


# The same, slowly, from the grammar: RFC 9110 section 5.6.7.


def reference_number(text: str, length: int) -> int | None:
    if len(text) != length or any(digit not in "0123456789" for digit in text):
        return None
    number = 0
    for digit in text:
        number = number * 10 + "0123456789".index(digit)
    return number


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in(year: int, month: int) -> int:
    return [31, 29 if is_leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]


def days_before(year: int) -> int:
    return (year - 1) * 365 + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400


def reference_timestamp(year: str, month: str, day: str, clock: str) -> int | None:
    """Count the seconds, of a date whose year has four digits."""
    if month not in MONTHS or len(clock) != 8 or clock[2] != ":" or clock[5] != ":":
        return None
    y, d = reference_number(year, 4), reference_number(day, 2)
    h, m, s = (reference_number(clock[start : start + 2], 2) for start in (0, 3, 6))
    if y is None or d is None or h is None or m is None or s is None:
        return None
    number = MONTHS.index(month)
    if not (y >= 1 and 1 <= d <= days_in(y, number) and h <= 23 and m <= 59 and s <= 60):
        return None
    days = days_before(y) + sum(days_in(y, earlier) for earlier in range(number)) + d - 1 - days_before(1970)
    return days * 86_400 + h * 3_600 + m * 60 + s


def reference_date(value: str) -> int | None:
    value = value.strip(" \t")
    parts = value.split(" ")
    short = [day[:3] for day in WEEKDAYS]
    if len(parts) == 6 and parts[0][:-1] in short and parts[0][-1] == "," and parts[5] == "GMT":
        return reference_timestamp(parts[3], parts[2], parts[1], parts[4])
    if len(parts) == 4 and parts[0][:-1] in WEEKDAYS and parts[0][-1] == "," and parts[3] == "GMT":
        date = parts[1].split("-")
        if len(date) != 3 or reference_number(date[2], 2) is None:
            return None
        # Only dates long past are tried here: the rest has its own tests.
        return reference_timestamp("19" + date[2], date[1], date[0], parts[2])
    if len(parts) == 6 and parts[0] in short and parts[2] == "" and len(parts[3]) == 1:
        return reference_timestamp(parts[5], parts[1], "0" + parts[3], parts[4])
    if len(parts) == 5 and parts[0] in short:
        return reference_timestamp(parts[4], parts[1], parts[2], parts[3])
    return None


NUMBERS = ("00", "06", "29", "30", "31", "59", "60", "1994", "2024", "1900")
DATE_TEXTS = st.one_of(
    texts_of("Sun", "Sunday", ", ", ",", " ", "06", "6", "Nov", "-", "94", "1994", "08:49:37", "GMT", ":"),
    st.builds(
        "{}, {} {} {} {}:{}:{} GMT".format,
        st.sampled_from(["Sun", "Wed", "sun", "Sunday"]),
        st.sampled_from(NUMBERS),
        st.sampled_from([*MONTHS, "nov"]),
        *[st.sampled_from(NUMBERS)] * 4,
    ),
    st.builds(
        "{}, {}-{}-{} {}:{}:{} GMT".format,
        st.sampled_from(["Sunday", "Wednesday", "Sun"]),
        st.sampled_from(NUMBERS),
        st.sampled_from(MONTHS),
        st.sampled_from(["94", "96", "99", "9", "1994"]),
        *[st.sampled_from(NUMBERS)] * 3,
    ),
    st.builds(
        "{} {} {} {}:{}:{} {}".format,
        st.sampled_from(["Sun", "Wed", "Sunday"]),
        st.sampled_from(MONTHS),
        st.sampled_from(["06", " 6", "6", "31", " 0", "  6", "00"]),
        *[st.sampled_from(NUMBERS)] * 4,
    ),
)


@QUICK
@given(ANY_TEXT | DATE_TEXTS)
def test_a_date_is_that_of_the_grammar(value: str) -> None:
    assert parse_date(value) == reference_date(value)


@QUICK
@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_a_date_that_was_written_is_read_again(timestamp: int) -> None:
    assert parse_date(format_date(timestamp)) == timestamp == reference_date(format_date(timestamp))
