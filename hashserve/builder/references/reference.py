"""One reference: the bytes of a URL in a file, and the construct that holds them.

Invariant: a reference describes the content that it was found in, and nothing else: no other file, no disk.
"""

from __future__ import annotations

import codecs
import enum
import re
from dataclasses import dataclass
from typing import Literal

from hashserve.errors import HashserveError

__all__ = [
    "Delimiter",
    "HtmlContext",
    "Positions",
    "Reference",
    "ReferenceKind",
    "TooComplexError",
    "names_a_file",
]

Delimiter = Literal["", "'", '"', "`", "/*", "//", "="]
"""What encloses the URL: nothing (``url(a.png)``), quotes, a comment, or an attribute's value."""

HtmlContext = Literal["", "attribute", "srcset"]
"""The HTML around a URL that has its own escapes: none, an attribute (or text in SVG), or a ``srcset``."""


class ReferenceKind(enum.Enum):
    """The construct that holds a reference."""

    CSS_URL = "url()"
    CSS_SRC = "src()"
    CSS_IMPORT = "@import"
    CSS_IMAGE_SET = "image-set()"
    JS_IMPORT = "import"
    JS_EXPORT = "export from"
    JS_DYNAMIC_IMPORT = "import()"
    JS_RESOLVE = "import.meta.resolve()"
    JS_URL = "new URL()"
    JS_WORKER = "new Worker()"
    JS_IMPORT_SCRIPTS = "importScripts()"
    JS_IMPORT_MAP = "an import map"
    HTML_ATTRIBUTE = "an attribute"
    HTML_WITH_INTEGRITY = "an attribute with integrity"
    HTML_SRCSET = "srcset"
    SOURCE_MAP = "sourceMappingURL"
    PATTERN = "a pattern of the project's own"

    @property
    def is_specifier(self) -> bool:
        """Whether import maps apply, so that ``x`` without ``./`` is a name and not a relative URL."""
        return self in _SPECIFIERS

    @property
    def is_page_relative(self) -> bool:
        """Whether the browser resolves the URL against the page and not against the file."""
        return self is ReferenceKind.JS_WORKER


_SPECIFIERS = frozenset(
    {
        ReferenceKind.JS_IMPORT,
        ReferenceKind.JS_EXPORT,
        ReferenceKind.JS_DYNAMIC_IMPORT,
        ReferenceKind.JS_RESOLVE,
        ReferenceKind.JS_IMPORT_MAP,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The text of one URL in a file.

    * ``start``, ``end``: ``content[start:end]`` is the text, without quotes or space around it;
    * ``target``: the text with the escapes of its language resolved; percent-encoding stays;
    * ``base``: in a page, the base URL that the page states, or "" if it states none; elsewhere None.
    """

    start: int
    end: int
    target: str
    kind: ReferenceKind
    delimiter: Delimiter
    html_context: HtmlContext = ""
    base: str | None = None


class TooComplexError(HashserveError, ValueError):
    """A file whose syntax takes more work than a file of its size may; its references are not known."""


class Positions:
    """Lines and columns in one content. Offsets in ascending order together take one pass over it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._restart()

    def _restart(self) -> None:
        self._offset = 3 if self._content.startswith(codecs.BOM_UTF8) else 0
        self._line, self._column = 1, 1

    def at(self, offset: int) -> tuple[int, int]:
        """Return line and column of a byte: both count from 1, the column in characters."""
        if offset < self._offset:
            self._restart()
        lines = _LINE_BREAK.split(self._content[self._offset : offset].decode("utf-8", "replace"))
        self._line += len(lines) - 1
        self._column = len(lines[-1]) + (1 if len(lines) > 1 else self._column)
        self._offset = max(self._offset, offset)
        return self._line, self._column


_LINE_BREAK = re.compile("\r\n|\r|\n")


def names_a_file(target: str) -> bool:
    """Whether a URL can name a file: an empty one and a ``data:`` URL cannot."""
    return target != "" and target[:5].lower() != "data:"
