"""Rules about names."""

from __future__ import annotations

from pathlib import Path

from tests.support.files import put
from tests.support.published_folder import SOURCE, checked


def test_names_that_differ_only_in_case_are_reported(out: Path) -> None:
    put(out, "Robots.txt", SOURCE["robots.txt"])
    if not (out / "robots.txt").samefile(out / "Robots.txt"):
        assert ("case-collision", "robots.txt") in checked(out)
