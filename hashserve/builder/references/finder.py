"""The choice of the function that finds references, by the language of a file.

Invariant: no content raises an error, and no content is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hashserve.builder.references.css import find_css_references
from hashserve.builder.references.html import find_page_references
from hashserve.builder.references.javascript import find_javascript_references
from hashserve.builder.references.languages import Language, is_page, language_of
from hashserve.builder.references.reference import Reference

__all__ = ["FindReferences", "find_references", "finder_of"]

FindReferences = Callable[[bytes], list[Reference]]
"""Finds the references in a file's content, in order."""


def finder_of(path: str, *, html: bool) -> FindReferences | None:
    """Return the function that finds the references in a file, None if the file is not searched.

    Pages are searched only with ``html``.
    """
    if html and is_page(path):
        return find_page_references
    language = language_of(path)
    return None if language is None else partial(find_references, language=language)


def find_references(content: bytes, *, language: Language) -> list[Reference]:
    """Find the references in a style sheet or a script, in order; they never overlap."""
    if language == "css":
        return find_css_references(content)
    return find_javascript_references(content, module=True if language == "mjs" else None)
