from __future__ import annotations

import pytest

from hashserve.builder.references.css import find_css_references
from hashserve.builder.references.reference import ReferenceKind, names_a_file


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
    assert reference.position(content) == position


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
