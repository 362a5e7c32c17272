from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.http.ranges import (
    LONGEST_FIELD,
    MOST_RANGES,
    ByteRange,
    select_ranges,
)
from tests.support.hypothesis_profile import ANY_TEXT, QUICK, texts_of

WHOLE = "200"
UNSATISFIABLE = "416"


def outcome(value: str, size: int) -> str:
    """Write the selected ranges as positions (``0-4, 9-9``), or the status if there are none."""
    selected = select_ranges(value, size)
    if selected is None:
        return WHOLE
    if not selected:
        return UNSATISFIABLE
    return ", ".join(f"{part.start}-{part.start + part.length - 1}" for part in selected)


REALISTIC = [
    # Range, of 10 bytes
    ("bytes=0-0", "0-0"),
    ("bytes=0-4", "0-4"),
    ("bytes=5-9", "5-9"),
    ("bytes=-1", "9-9"),
    ("bytes=9-", "9-9"),
    ("bytes=0-", "0-9"),
    ("bytes=0-9", "0-9"),
    ("bytes=-10", "0-9"),
    ("bytes=2-3, 5-6", "2-3, 5-6"),
    ("bytes=0-0,-1", "0-0, 9-9"),
    ("bytes=5-6,2-3", "5-6, 2-3"),  # in the order asked for
    ("bytes=0-99", "0-9"),
    ("bytes=-99", "0-9"),
    ("bytes=9-10", "9-9"),
    ("bytes=-0", UNSATISFIABLE),
    ("bytes=10-", UNSATISFIABLE),
    ("bytes=10-10", UNSATISFIABLE),
    ("bytes=99-100", UNSATISFIABLE),
    ("bytes=10-,-0", UNSATISFIABLE),
    ("bytes=5-2", WHOLE),
    ("bytes=0-0,5-2", WHOLE),  # one member that is invalid makes all of it so
    ("bytes=10-, 2-3", "2-3"),  # what is unsatisfiable is left out
    ("bytes=-0, 2-3", "2-3"),
    ("Bytes=0-0", "0-0"),  # names of units are case-insensitive (14.1)
    (" bytes=0-0\t", "0-0"),
    ("bytes=0-0 , 9-9", "0-0, 9-9"),
    ("bytes=,0-0,,", "0-0"),
    ("bytes= ,0-0", "0-0"),
    ("bytes=00-004", "0-4"),
    ("lines=0-4", WHOLE),
    ("items=0-4", WHOLE),
    ("seconds=1-", WHOLE),
]

PATHOLOGICAL = [
    ("", WHOLE),
    ("bytes", WHOLE),
    ("bytes=", WHOLE),
    ("bytes=,", WHOLE),
    ("bytes= , ,", WHOLE),
    ("=0-0", WHOLE),
    ("0-0", WHOLE),
    ("bytes=-", WHOLE),
    ("bytes=0", WHOLE),
    ("bytes=--5", WHOLE),
    ("bytes=-5-", WHOLE),
    ("bytes=0--5", WHOLE),
    ("bytes=0-5-", WHOLE),
    ("bytes=+1-2", WHOLE),
    ("bytes=0-+2", WHOLE),
    ("bytes=1_0-2_0", WHOLE),
    ("bytes= 0-1x", WHOLE),
    ("bytes= 0-1", WHOLE),  # no white space there (14.1.1)
    ("bytes =0-1", WHOLE),
    ("bytes = 0-1", WHOLE),
    ("bytes=0 - 1", WHOLE),
    ("bytes=0- 1", WHOLE),
    ("bytes=0x0-0x1", WHOLE),
    ("bytes=0-1;q=1", WHOLE),
    ("bytes=0-1.5", WHOLE),
    ("bytes==0-1", WHOLE),
    ("bytes=bytes=0-1", WHOLE),
    ("bytes=a-b", WHOLE),
    ("bytes=0-1,a", WHOLE),
    ("bytes=0-1\n", WHOLE),
    ("bytes=0-1\0", WHOLE),
    ("bytes=\u0661-\u0662", WHOLE),  # digits, but Arabic
    ("bytes=\xb2-", WHOLE),
    ("byte\u017f=0-1", WHOLE),  # a long s, S in upper case
    ("bytes=*", WHOLE),
    ("bytes=0-0/10", WHOLE),
    ("bytes:0-0", WHOLE),
    ("none", WHOLE),
    ("\ud800", WHOLE),
    (f"bytes={'9' * 500}-", UNSATISFIABLE),
    (f"bytes=0-{'9' * 900}", "0-9"),
    (f"bytes=-{'9' * 900}", "0-9"),
    (f"bytes={'0' * 900}-1", "0-1"),
    (f"bytes={'9' * 5000}-", WHOLE),  # longer than is read
    (f"bytes={'9' * 100_000}-{'9' * 100_000}", WHOLE),
    ("bytes=" + "0-0," * 25_000, WHOLE),
    ("bytes=" + "," * 100_000 + "0-0", WHOLE),
    ("bytes=" + " " * 100_000 + "0-0", WHOLE),
    ("=" * 100_000, WHOLE),
    (" " * 100_000 + "bytes", WHOLE),
]


@pytest.mark.parametrize(("value", "expected"), REALISTIC)
def test_a_realistic_range_of_10_bytes_selects_its_part(value: str, expected: str) -> None:
    assert outcome(value, 10) == expected


@pytest.mark.parametrize(("value", "expected"), PATHOLOGICAL, ids=lambda text: repr(text[:40]))
def test_a_pathological_range_of_10_bytes_is_ignored_or_exact(value: str, expected: str) -> None:
    assert outcome(value, 10) == expected


@pytest.mark.parametrize("value", ["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=-0", "bytes=5-"])
def test_of_an_empty_representation_any_range_gets_the_whole(value: str) -> None:
    assert outcome(value, 0) == WHOLE


@pytest.mark.parametrize(
    ("value", "size", "expected"),
    [
        ("bytes=0-1,0-1", 10, "0-1, 0-1"),
        ("bytes=0-4,5-9", 10, WHOLE),  # together no shorter than the whole
        ("bytes=0-4,4-8", 10, WHOLE),
        ("bytes=0-,0-", 10, WHOLE),
        ("bytes=0-4,6-9", 10, "0-4, 6-9"),
        ("bytes=0-9,10-", 10, "0-9"),  # one is left: never wasteful
        ("bytes=" + ",".join(["1-1"] * MOST_RANGES), 100, ", ".join(["1-1"] * MOST_RANGES)),
        ("bytes=" + ",".join(["1-1"] * (MOST_RANGES + 1)), 100, WHOLE),
        ("bytes=" + ",".join(["1-1", *["100-"] * 50]), 100, "1-1"),
    ],
)
def test_many_or_wasteful_ranges_get_the_whole(value: str, size: int, expected: str) -> None:
    assert outcome(value, size) == expected


def test_a_field_is_read_up_to_its_longest() -> None:
    value = "bytes=0-0".ljust(LONGEST_FIELD, ",")
    assert outcome(value, 10) == "0-0"
    assert outcome(value + ",", 10) == WHOLE


@pytest.mark.parametrize(
    ("part", "size", "expected"),
    [
        (ByteRange(0, 1), 10, "bytes 0-0/10"),
        (ByteRange(9, 1), 10, "bytes 9-9/10"),
        (ByteRange(0, 10), 10, "bytes 0-9/10"),
        (ByteRange(2**40, 2**20), 2**50, f"bytes {2**40}-{2**40 + 2**20 - 1}/{2**50}"),
    ],
)
def test_content_range_names_first_and_last_position(part: ByteRange, size: int, expected: str) -> None:
    assert part.content_range(size) == expected


# The same, slowly, from the grammar: RFC 9110 sections 14.1.1, 14.1.2, 14.2 and 5.6.1.2.
#   ranges-specifier = range-unit "=" range-set
#   range-set = [ range-spec ] *( OWS "," OWS [ range-spec ] ), with at least one range-spec
#   range-spec = int-range / suffix-range     int-range = first-pos "-" [ last-pos ]
#   suffix-range = "-" suffix-length          all of them 1*DIGIT


def reference_numbers(text: str) -> tuple[str, str] | None:
    """Take a range-spec apart at its dash, if it is one."""
    first, last, dashes = "", "", 0
    for character in text:
        if character == "-":
            dashes += 1
        elif character not in "0123456789":
            return None
        elif dashes:
            last += character
        else:
            first += character
    return (first, last) if dashes == 1 and (first or last) else None


def reference_members(range_set: str) -> list[str] | None:
    """Take a list apart; None where white space stands elsewhere than around a comma."""
    members, member = [], ""
    gap = False  # white space was seen that only a comma may follow
    after_comma = False
    for character in [*range_set, ","]:
        if character == ",":
            members.append(member)
            member, gap, after_comma = "", False, True
        elif character in " \t":
            gap = gap or bool(member) or not after_comma
        elif gap:
            return None
        else:
            member += character
    return [member for member in members if member]


def reference_specs(value: str) -> list[tuple[str, str]] | None:
    while value and value[-1] in " \t":
        value = value[:-1]
    while value and value[0] in " \t":
        value = value[1:]
    if len(value) < 6 or any(character not in pair for character, pair in zip(value, UNIT, strict=False)):
        return None
    specs = [reference_numbers(member) for member in reference_members(value[6:]) or []]
    return [spec for spec in specs if spec] if None not in specs else None


UNIT = ("bB", "yY", "tT", "eE", "sS", "=")


def reference_outcome(value: str, size: int) -> str:
    """Select by trying each position of the representation."""
    specs = reference_specs(value)
    if not specs or any(first and last and int(first) > int(last) for first, last in specs):
        return WHOLE
    parts = []
    for first, last in specs:
        if first:
            part = [p for p in range(size) if p >= int(first) and (not last or p <= int(last))]
        else:
            part = [p for p in range(size) if p >= size - int(last)]
        if part:
            parts.append(part)
    if size == 0:
        return WHOLE
    if not parts:
        return UNSATISFIABLE
    if len(parts) > 1 and (len(parts) > MOST_RANGES or sum(map(len, parts)) >= size):
        return WHOLE
    return ", ".join(f"{part[0]}-{part[-1]}" for part in parts)


PIECES = [
    "bytes=",
    "Bytes=",
    "bytes",
    "=",
    ",",
    "-",
    "0-0",
    "1-",
    "-1",
    "-2",
    "0",
    "1",
    "3",
    "9",
    "10",
    "5-2",
    "12-14",
    "007",
    "999999999999999999999",
]
SPECS = st.sampled_from(["0-0", "1-1", "3-3", "-1", "-2", "9-", "2-4", "12-", "-0", "5-2", " 1-1", "1-1 "])
RANGES = st.one_of(
    texts_of(*PIECES, " ", "\t"),
    texts_of(*PIECES, " ", "\t").map("bytes=".__add__),
    st.lists(SPECS, min_size=1, max_size=12).map(lambda specs: "bytes=" + ",".join(specs)),
)


@QUICK
@given(ANY_TEXT | RANGES, st.integers(0, 40))
def test_what_is_selected_is_that_of_the_reference(value: str, size: int) -> None:
    assert outcome(value, size) == reference_outcome(value, size)


@QUICK
@given(RANGES, st.integers(0, 40))
def test_no_field_gets_more_bytes_than_there_are(value: str, size: int) -> None:
    selected = select_ranges(value, size)
    if selected:
        assert 0 < sum(part.length for part in selected) <= size
        assert all(part.length > 0 and 0 <= part.start <= size - part.length for part in selected)
