"""Findings as text."""

from __future__ import annotations

from pathlib import Path

from hashserve.check import check
from tests.support.files import put


def test_a_finding_says_where_it_is_what_it_is_and_what_to_do(out: Path) -> None:
    put(out, "notes.html", b"<p>")
    (finding,) = check(out).findings
    assert str(finding).startswith("notes.html: warning: no retained release lists it; run hashserve prune")
