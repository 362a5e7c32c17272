"""The report as text."""

from __future__ import annotations

from pathlib import Path

from hashserve.check import check
from hashserve.check.reports.text import text_lines
from tests.support.files import put


def test_a_long_list_is_cut(out: Path) -> None:
    for number in range(25):
        put(out, f"notes{number}.html", b"<p>")
    text = [line for _, line in text_lines(check(out), 0.1)]
    assert "  and 5 more; --json lists them all" in text
    assert sum("notes" in line for line in text) == 20
