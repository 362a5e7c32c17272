from __future__ import annotations

import pytest
from hypothesis import given

from hashserve.http.entity_tags import (
    EntityTag,
    parse_entity_tag,
    parse_entity_tags,
)
from tests.support.hypothesis_profile import ANY_TEXT, QUICK, texts_of


@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [
        # The table of RFC 9110 section 8.8.3.2.
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
        ('"1"', '"2"', False, False),
        ('"a"', '"A"', False, False),
        ('""', '""', True, True),
    ],
)
def test_entity_tags_compare_as_the_rfc_has_it(one: str, other: str, strongly: bool, weakly: bool) -> None:
    first, second = parse_entity_tag(one), parse_entity_tag(other)
    assert first is not None
    assert second is not None
    assert first.matches_strongly(second) is second.matches_strongly(first) is strongly
    assert first.matches_weakly(second) is second.matches_weakly(first) is weakly


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"xyzzy"', EntityTag("xyzzy")),
        ('W/"xyzzy"', EntityTag("xyzzy", weak=True)),
        ('""', EntityTag("")),
        ('W/""', EntityTag("", weak=True)),
        (' \t"a" ', EntityTag("a")),
        ('"a,b"', EntityTag("a,b")),
        ('"W/"', EntityTag("W/")),
        ('"\\"', EntityTag("\\")),  # no escapes: a backslash is itself
        ('"\xe9\xff"', EntityTag("\xe9\xff")),
        ('w/"a"', None),
        ('W/ "a"', None),
        ('W"a"', None),
        ("W/a", None),
        ("a", None),
        ("", None),
        ('"', None),
        ('"a', None),
        ('a"', None),
        ('"a" "b"', None),
        ('"a", "b"', None),
        ('"a b"', None),
        ('"a\tb"', None),
        ('"a\0"', None),
        ('"a\x7f"', None),
        ('"a"\n', None),
        ('"\u0100"', None),
        ('"\ud800"', None),
        ("'a'", None),
        ('X"a"', None),
        ("*", None),
    ],
)
def test_one_entity_tag_is_parsed_by_its_grammar(value: str, expected: EntityTag | None) -> None:
    assert parse_entity_tag(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"a"', ['"a"']),
        ('"a", "b", "c"', ['"a"', '"b"', '"c"']),
        ('"a","b"', ['"a"', '"b"']),
        ('W/"a", "b"', ['W/"a"', '"b"']),
        ('"zz", "etag"', ['"zz"', '"etag"']),
        (' "a"\t,\t"b" ', ['"a"', '"b"']),
        (', ,"a",, ,"b",', ['"a"', '"b"']),
        ('"a,b", "c"', ['"a,b"', '"c"']),
        ('"", ""', ['""', '""']),
        ("", []),
        (",", []),
        ("*", []),
        ("a", []),
        # Up to the first member that is not one.
        ('"a", b, "c"', ['"a"']),
        ('"a" "b"', ['"a"']),
        ('"a"b, "c"', ['"a"']),
        ('"a", w/"b"', ['"a"']),
        ('"a", "b', ['"a"']),
        ('"a", *', ['"a"']),
        ('"a"; "b"', ['"a"']),
        ('"a"\n, "b"', ['"a"']),
        ('"a", "b c", "d"', ['"a"']),
    ],
)
def test_a_list_of_entity_tags_is_parsed_up_to_what_is_none(value: str, expected: list[str]) -> None:
    assert [str(etag) for etag in parse_entity_tags(value)] == expected


# The same, slowly, from the grammar: RFC 9110 sections 8.8.3 and 5.6.1.2.
#   entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE       etagc = %x21 / %x23-7E / obs-text
#   list of them = [ entity-tag ] *( OWS "," OWS [ entity-tag ] )


def reference_end_of_tag(value: str, start: int) -> int | None:
    """Return the end of the entity-tag that starts at ``start``, or None."""
    position = start
    if value[position : position + 2] == "W/":
        position += 2
    if value[position : position + 1] != '"':
        return None
    for end in range(position + 1, len(value)):
        code = ord(value[end])
        if code == 0x22:
            return end + 1
        if code != 0x21 and not 0x23 <= code <= 0x7E and not 0x80 <= code <= 0xFF:
            return None
    return None


def reference_tags(value: str) -> list[str]:
    found = []
    position = 0
    may_start = True
    while position < len(value):
        if value[position] == ",":
            may_start = True
            position += 1
        elif value[position] in " \t":
            position += 1
        else:
            end = reference_end_of_tag(value, position) if may_start else None
            if end is None:
                break
            found.append(value[position:end])
            position = end
            may_start = False
    return found


ETAGS = texts_of('"', '"a"', 'W/"a"', "W/", "w/", ",", ", ", " ", "\t", "a", "*", "\xe9", '"b,c"', "\\")


@QUICK
@given(ANY_TEXT | ETAGS)
def test_a_list_of_entity_tags_is_that_of_the_grammar(value: str) -> None:
    assert [str(etag) for etag in parse_entity_tags(value)] == reference_tags(value)


@QUICK
@given(ANY_TEXT | ETAGS)
def test_one_entity_tag_is_that_of_the_grammar(value: str) -> None:
    stripped = value.strip(" \t")
    parsed = parse_entity_tag(value)
    if reference_end_of_tag(stripped, 0) == len(stripped):
        assert str(parsed) == stripped
    else:
        assert parsed is None


@pytest.mark.parametrize(
    "unit", [",", " ", ", ", '"', '"a",', 'W/"a" , ', "W/", "a", '"a', '"a" ', '"",', "\t,\t", "\ud800"]
)
def test_a_list_of_100_kb_is_parsed_in_linear_time(unit: str) -> None:
    for value in (unit * (100_000 // len(unit)), '"' + unit * (100_000 // len(unit))):
        assert len(list(parse_entity_tags(value))) <= 100_000
        parse_entity_tag(value)


def test_a_list_is_parsed_no_further_than_it_is_asked_for() -> None:
    first = next(parse_entity_tags('"a", ' * 100_000))
    assert first == EntityTag("a")
