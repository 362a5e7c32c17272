"""Patterns of findings that a project accepts: a kind, and perhaps a pattern of paths.

Invariant: a kind that does not exist is an error, so that a misspelt pattern is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import NamedTuple

from hashserve.errors import SettingError
from hashserve.settings import closest

__all__ = ["FindingPattern", "finding_patterns"]


class FindingPattern(NamedTuple):
    """A pattern as it is written, the kind of finding that it accepts, and the paths of these."""

    text: str
    kind: str
    paths: re.Pattern[str]

    def accepts(self, kind: str, *paths: str) -> bool:
        """Whether a finding of this kind is accepted; ``paths`` are all names of its file."""
        return self.kind == kind and any(self.paths.match(path) for path in paths)


def finding_patterns(texts: Sequence[str], kinds: Iterable[str], noun: str) -> list[FindingPattern]:
    """Read patterns of the form KIND or KIND:GLOB, where a kind is called ``noun``. Raises `SettingError`."""
    return [_pattern(text, list(kinds), noun) for text in texts]


def _pattern(text: str, kinds: Sequence[str], noun: str) -> FindingPattern:
    kind, colon, glob = text.partition(":")
    if kind not in kinds:
        problem = f"there is no {noun} {kind!r}; {closest(kind, kinds, f'the {noun}s are')}"
        raise SettingError("accept", text, problem)
    if colon and not glob:
        form = noun.upper()
        raise SettingError("accept", text, f"has no pattern after the colon; write {form}, or {form}:GLOB")
    return FindingPattern(text, kind, re.compile(translate(glob or "*")))
