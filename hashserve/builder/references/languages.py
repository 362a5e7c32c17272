"""The language of a file, by the extension of its name.

Invariant: content is never looked at; a file whose extension is not here has no references.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from typing import Literal

__all__ = ["Language", "is_page", "language_of"]

Language = Literal["css", "js", "mjs"]
"""The language of a file. ``mjs`` is a script that is a module whatever it holds."""

_LANGUAGES: Mapping[str, Language] = {".css": "css", ".js": "js", ".cjs": "js", ".mjs": "mjs"}
_PAGE_EXTENSIONS = frozenset({".html", ".htm"})


def language_of(path: str) -> Language | None:
    """Return the language of a style sheet or a script, None for any other file."""
    return _LANGUAGES.get(_extension(path))


def is_page(path: str) -> bool:
    """Whether a file is a page, which people navigate to and whose address they keep."""
    return _extension(path) in _PAGE_EXTENSIONS


def _extension(path: str) -> str:
    return os.path.splitext(path)[1].lower()
