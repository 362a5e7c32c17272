"""Findings as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.check import check
from hashserve.check.findings import printable
from tests.support.files import put


def test_a_finding_says_where_it_is_what_it_is_and_what_to_do(out: Path) -> None:
    put(out, "notes.html", b"<p>")
    (finding,) = check(out).findings
    assert str(finding).startswith("notes.html: warning: no retained release lists it; run hashserve prune")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("é", "é"), ("a\nb\x1b[31m", "a\\nb\\x1b[31m"), ("\udcff", "\\xff"), ("\u202e", "\\u202e")],
)
def test_characters_that_cannot_be_printed_are_escaped(text: str, expected: str) -> None:
    assert printable(text) == expected
