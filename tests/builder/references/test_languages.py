from __future__ import annotations

import pytest

from hashserve.builder.references.languages import Language, is_page, language_of


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.css", "css"),
        ("a.min.JS", "js"),
        ("a.mjs", "mjs"),
        ("a.cjs", "js"),
        ("a.html", None),
        ("css", None),
    ],
)
def test_the_extension_decides_the_language(path: str, language: Language | None) -> None:
    assert language_of(path) == language


@pytest.mark.parametrize(
    ("path", "expected"), [("a.html", True), ("a/B.HTM", True), ("a.xhtml", False), ("html", False)]
)
def test_a_page_is_known_by_its_extension(path: str, expected: bool) -> None:
    assert is_page(path) == expected
