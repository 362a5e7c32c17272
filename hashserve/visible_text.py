r"""Text that is safe to print: what no eye sees, and what a terminal obeys, is spelt as an escape.

Invariant: printed text holds no control character, so that no name of a file, no manifest and no site can
write a line of its own, colour it, or turn its direction. An escape is Python's (``\x1b``, ``\u202e``), which
names the character; a byte of a name that is not UTF-8 is ``\udc80`` to ``\udcff``, as in `os.fsdecode`.
"""

from __future__ import annotations

import logging
import reprlib

__all__ = ["logger", "quoted_text", "visible"]

LONGEST_QUOTED = 300
"""How many characters of a reference or a name in a file a message shows; a long one lacks its middle."""

_QUOTES = reprlib.Repr()
_QUOTES.maxstring = LONGEST_QUOTED


def visible(text: str) -> str:
    """Return ``text`` on one line, with an escape for each character that is not printable."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted_text(text: str) -> str:
    """Return ``text`` in quotes, with dots for the middle of a long one."""
    return _QUOTES.repr(text)


class _Shown(str):
    """An argument of a record as visible text, and its visible ``repr()`` for ``%r``."""

    __slots__ = ("spelling",)

    spelling: str

    def __repr__(self) -> str:
        return self.spelling


def _shown(item: object) -> object:
    if isinstance(item, (int, float)) or (isinstance(item, str) and item.isprintable()):
        return item
    shown = _Shown(visible(str(item)))
    shown.spelling = visible(repr(item))
    return shown


def _make_visible(record: logging.LogRecord) -> bool:
    """Make the arguments of a record visible; its message is ours, and log services group by it."""
    if isinstance(record.args, tuple):
        record.args = tuple(map(_shown, record.args))
    return True


logger = logging.getLogger("hashserve")
"""The log of the package. A record is one line, whatever its arguments hold."""

logger.addFilter(_make_visible)
