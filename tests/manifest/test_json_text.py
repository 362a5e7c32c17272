from __future__ import annotations

import math

import pytest

from hashserve.manifest.json_text import LONGEST_QUOTED, described, member, quoted
from tests.manifest.examples import TEXT, error_of, node_id


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (b"", "line 1, column 1"),
        (b" \n ", "line 2, column 2"),
        (b"{", "line 1, column 2"),
        (b'{\n"paths": {},\n}', "line "),
        (TEXT.encode() + b"{}", "line 2, column 1"),
        (TEXT.encode().replace(b"\xc3\xa9", b"\xe9"), "byte "),  # Latin-1
        (b'{"paths": {"\xff": ""}}', "byte 12"),
        (b"\xff\xfe", "line 1"),  # the byte order mark of UTF-16, and nothing
        (b"\x80", "byte 0"),
        (b"\0" * 100, "line 1, column 1"),
        ("\ufeff{}", "line 1, column 1"),
        (b"[" * 200_000, ""),
        (b'{"a":' * 200_000, ""),
        (b'{"version": ' + b"9" * 5000 + b"}", ""),
    ],
    ids=lambda value: node_id(value[:20]),
)
def test_text_that_is_not_json_is_an_error_with_its_place(text: bytes | str, location: str) -> None:
    assert error_of(text).location.startswith(location)


@pytest.mark.parametrize("depth", [10, 100, 500, 900, 990, 1000, 5000])
@pytest.mark.parametrize("place", ["version", "paths", "hash", "hashserve"])
def test_deep_nesting_is_an_error_at_any_depth(depth: int, place: str) -> None:
    members = {"version": '"1.1"', "paths": "{}", place: "[" * depth + "]" * depth}
    error_of("{" + ",".join(f'"{key}":{value}' for key, value in members.items()) + "}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{]", "line 1, column 2: is not valid JSON (Expecting property name enclosed in double quotes); "),
        (b"\xff", "byte 0: is not UTF-8 text; write the file again with the tool that made it"),
        (b"[" * 200_000, "is nested too deeply for a manifest"),
        (b"9" * 5000, "holds a number that is too long: "),
    ],
    ids=lambda value: node_id(value[:20]),
)
def test_an_error_says_what_is_wrong_with_the_text(text: bytes | str, problem: str) -> None:
    assert str(error_of(text)).startswith(f"build/staticfiles.json: {problem}")


def test_a_lone_surrogate_in_the_bytes_is_an_unsafe_path() -> None:
    error = error_of(b'{"version": "1.1", "paths": {"\xed\xa0\x80": "a"}}')
    assert error.location == r'paths: "\ud800"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("css/app.css", '"css/app.css"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("é ü", '"é ü"'),
        ("a\nb", r'"a\nb"'),
        ("\x7f\x9b\u2028", r'"\u007f\u009b\u2028"'),
        ("\ud800", r'"\ud800"'),
        ("a" * LONGEST_QUOTED, '"' + "a" * LONGEST_QUOTED + '"'),
        ("a" * LONGEST_QUOTED + "b", '"' + "a" * 100 + "..." + "a" * 99 + 'b"'),
    ],
    ids=node_id,
)
def test_text_is_quoted_as_json_without_control_characters(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, "an object"),
        ([1], "a list"),
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.5, "1.5"),
        (math.nan, "nan"),
        ("a", '"a"'),
    ],
)
def test_a_value_is_described_in_the_words_of_json(value: object, expected: str) -> None:
    assert described(value) == expected


def test_a_long_number_is_described_in_short() -> None:
    assert len(described(10**4000)) < 100


def test_a_member_is_named_by_its_quoted_key() -> None:
    assert member("a b") == '["a b"]'
