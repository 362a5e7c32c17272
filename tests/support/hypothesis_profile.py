"""How the property tests run: quick, the same on every run under CI, and at no machine's mercy."""

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

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
"""Any text at all: control characters and lone surrogates too."""


def texts_of(*pieces: str, most: int = 12) -> st.SearchStrategy[str]:
    """Make texts out of ``pieces``, and now and then of something else: near a grammar, not in it."""
    strays = st.characters(exclude_categories=(), max_codepoint=0x2FF)
    piece = st.one_of(*[st.sampled_from(pieces)] * 7, strays)
    return st.lists(piece, max_size=most).map("".join)
