"""Cache-Control: directives, and the lifetime that max-age states."""

from __future__ import annotations

import pytest

from hashserve.http.cache_control import LONGEST_LIFETIME, directives_of, max_age_of


def test_directives_of_all_fields_keep_their_order_and_text() -> None:
    fields = [
        ("Cache-Control", 'Public, no-cache="set-cookie, x",'),
        ("X", "a"),
        ("cache-control", "max-age=5"),
    ]
    assert directives_of(fields) == [
        ("public", "Public"),
        ("no-cache", 'no-cache="set-cookie, x"'),
        ("max-age", "max-age=5"),
    ]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("public, max-age=60", 60),
        ('MAX-AGE="060"', 60),
        ("max-age=0", 0),
        ("max-age=60, max-age=5", 60),
        ("max-age=soon, max-age=5", 5),
        ("s-maxage=60", None),
        ('private="max-age=5"', None),
        ("max-age", None),
        ("", None),
    ],
)
def test_the_first_max_age_is_the_lifetime(value: str, seconds: int | None) -> None:
    assert max_age_of([("Cache-Control", value)]) == seconds


def test_a_longer_lifetime_is_the_longest_one() -> None:
    assert max_age_of([("Cache-Control", f"max-age={'9' * 5000}")]) == LONGEST_LIFETIME
