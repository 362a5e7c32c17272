from __future__ import annotations

import pytest

from hashserve.builder.references.css import find_css_references
from hashserve.builder.references.reference import Positions, ReferenceKind, names_a_file
from tests.support.growth import assert_linear


@pytest.mark.parametrize(
    ("before", "position"),
    [
        (b"", (1, 5)),
        (b"\xef\xbb\xbf", (1, 5)),
        ("é\u2028{".encode(), (1, 8)),
        (b"a\nb\r\nc\rd{", (4, 7)),
        (b"\n\xff{", (2, 7)),
    ],
)
def test_a_position_counts_lines_and_characters_from_one(before: bytes, position: tuple[int, int]) -> None:
    content = before + b"url(a.png)"
    (reference,) = find_css_references(content)
    assert Positions(content).at(reference.start) == position


def test_positions_in_any_order_are_those_of_the_offsets() -> None:
    content = "\ufeffa\r\né(b\n\nc)d".encode()
    expected = {3: (1, 1), 6: (2, 1), 8: (2, 2), 12: (4, 1), 14: (4, 3)}
    positions = Positions(content)
    for offset in (3, 6, 8, 12, 14, 8, 6, 14, 14, 12, 3):
        assert positions.at(offset) == expected[offset]


@pytest.mark.parametrize("separator", ["", "\n", "é"])
def test_the_positions_of_all_references_take_time_in_proportion_to_the_content(separator: str) -> None:
    def locate(size: int) -> None:
        content = f"url(a){separator}".encode() * size
        positions = Positions(content)
        for reference in find_css_references(content):
            positions.at(reference.start)

    assert_linear(locate, size=100)


def test_kinds_say_against_what_they_are_resolved() -> None:
    assert ReferenceKind.JS_IMPORT.is_specifier
    assert not ReferenceKind.JS_URL.is_specifier
    assert ReferenceKind.JS_WORKER.is_page_relative
    assert not ReferenceKind.CSS_URL.is_page_relative


@pytest.mark.parametrize(
    ("target", "expected"), [("a.png", True), ("data", True), ("", False), ("DATA:,x", False)]
)
def test_an_empty_url_and_a_data_url_name_no_file(target: str, expected: bool) -> None:
    assert names_a_file(target) is expected
