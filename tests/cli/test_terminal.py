from __future__ import annotations

import pytest

from hashserve.cli.terminal import human_bytes


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2e9, "2.0 GB"),
        (3e12, "3000.0 GB"),
    ],
)
def test_bytes_are_written_with_a_unit(number: float, text: str) -> None:
    assert human_bytes(number) == text
