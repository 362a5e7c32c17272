"""The settings of property tests: quick, without deadlines, and the same on every run under CI."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

QUICK = settings(
    max_examples=200,
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
"""Decorate a property with this."""

settings.register_profile("tests", QUICK, max_examples=100)


def load() -> None:
    """Make this the profile of every property that has no settings of its own."""
    settings.load_profile("tests")


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
"""Any text at all: control characters and lone surrogates too."""


def texts_of(*pieces: str, most: int = 12) -> st.SearchStrategy[str]:
    """Return a strategy for texts of ``pieces`` and sometimes others: close to a grammar, not within it."""
    strays = st.characters(exclude_categories=(), max_codepoint=0x2FF)
    piece = st.one_of(*[st.sampled_from(pieces)] * 7, strays)
    return st.lists(piece, max_size=most).map("".join)
