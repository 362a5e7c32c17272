r"""Text that is safe to print."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.visible_text import logger, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("css/app.css é 漢 😀", "css/app.css é 漢 😀"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31m\x7f\x9b", r"\x1b[31m\x7f\x9b"),
        ("\u202e\u2066\u2028\u2029\u200b\ufeff", r"\u202e\u2066\u2028\u2029\u200b\ufeff"),
        ("\udc80\ud800", r"\udc80\ud800"),
        ("\U000e0001", r"\U000e0001"),
        ("C:\\static", "C:\\static"),
    ],
)
def test_a_character_that_is_not_printable_becomes_an_escape(text: str, expected: str) -> None:
    assert visible(text) == expected


@given(st.text(st.characters(exclude_characters="\\"), max_size=20))
def test_an_escape_names_its_character(text: str) -> None:
    assert visible(text).encode("ascii", "backslashreplace").decode("unicode_escape") == text
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


def test_a_record_of_the_log_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    error = ValueError("a\nb\x1b[2J")
    logger.error("%s: %s (%d of %.1f)", "x\r\ny", error, 3, 4.0)
    assert caplog.messages == [r"x\r\ny: a\nb\x1b[2J (3 of 4.0)"]
    logger.error("%r %r", "a\n", "b")
    assert caplog.messages[1:] == [r"'a\n' 'b'"]
    logger.info("nothing to add")
    assert caplog.messages[2:] == ["nothing to add"]
