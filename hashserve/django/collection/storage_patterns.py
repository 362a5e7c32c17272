"""References that Django's storage finds with its ``patterns``, and how it spells them.

Invariant: a file whose references Django's storage rewrites has the same bytes here, and so the same
name. Our lexers decide what a reference is; a project's own patterns find additional ones.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Any, TypeAlias

from django.contrib.staticfiles import storage as django_storage
from django.contrib.staticfiles.storage import HashedFilesMixin

from hashserve.builder.references.reference import Reference, ReferenceKind
from hashserve.builder.references.rewrite import Frame
from hashserve.builder.sources.patterns import Matched, Patterns

__all__ = ["patterns_of"]

PatternEntry: TypeAlias = "str | Sequence[Any]"
"""An entry of a storage's ``patterns``: a regular expression with a group ``url``, or a sequence.

The sequence holds that expression, a template, and since Django 6.1 an expression that matches what is
skipped (comments, strings).
"""

_URL_MARK = "\0"
"""Takes the place of the URL while a template is filled. No text file holds this character."""


@dataclass(frozen=True, slots=True)
class _Expression:
    """A compiled pattern: the files it applies to, what it matches and skips, and how it is rewritten.

    ``is_new`` is True for a project's own pattern; our lexers find what Django's patterns match.
    """

    glob: str
    pattern: re.Pattern[str]
    template: str
    skipped: re.Pattern[str] | None
    is_new: bool

    def may_match(self, kinds: Iterable[ReferenceKind]) -> bool:
        """Whether it can match in a file with references of these kinds; saves a search."""
        if self.is_new:
            return True
        if "sourceMappingURL" in self.pattern.pattern:
            return ReferenceKind.SOURCE_MAP in kinds
        return any(kind is not ReferenceKind.SOURCE_MAP for kind in kinds)


def patterns_of(storage: Any) -> Patterns:
    """Return a function that returns, for a logical path, the function that matches the ``patterns``."""
    expressions = [_expression(storage, glob, entry) for glob, entry in _entries(storage.patterns)]

    def patterns(logical_path: str) -> Callable[[bytes, Sequence[Reference]], Sequence[Matched]] | None:
        fitting = [item for item in expressions if fnmatchcase(logical_path, item.glob)]
        return (lambda content, references: _matched(content, references, fitting)) if fitting else None

    return patterns


def _entries(patterns: Iterable[tuple[str, Iterable[PatternEntry]]]) -> Iterator[tuple[str, PatternEntry]]:
    for glob, entries in patterns:
        for entry in entries:
            yield glob, entry


def _expression(storage: Any, glob: str, entry: PatternEntry) -> _Expression:
    parts: tuple[Any, ...] = (entry,) if isinstance(entry, str) else tuple(entry)
    pattern = parts[0]
    return _Expression(
        glob=glob,
        pattern=re.compile(pattern, re.IGNORECASE),
        template=parts[1] if len(parts) > 1 else storage.default_template,
        skipped=parts[2] if len(parts) > 2 else _SKIPPED_BY_DJANGO,
        is_new=(glob, pattern) not in _DJANGO_PATTERNS,
    )


_DJANGO_PATTERNS = frozenset(
    (glob, entry if isinstance(entry, str) else entry[0])
    for glob, entry in _entries(
        (*HashedFilesMixin.patterns, HashedFilesMixin._js_module_import_aggregation_patterns)
    )
)
"""Glob and expression of each pattern of Django's own."""

_SKIPPED_BY_DJANGO: re.Pattern[str] | None = getattr(django_storage, "_css_ignored_re", None)
"""What Django skips if a pattern does not say; before Django 6.1, nothing."""


def _matched(
    content: bytes, references: Sequence[Reference], expressions: Sequence[_Expression]
) -> list[Matched]:
    """Match expressions in a file with these ``references``. A file that is not UTF-8 has no match."""
    kinds = {reference.kind for reference in references}
    fitting = [expression for expression in expressions if expression.may_match(kinds)]
    if not fitting:
        return []
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return []
    offsets = _ByteOffsets(text, content)
    passages = _passages(text, content, references)
    return [
        _match(offsets, match, expression)
        for expression in fitting
        for match in (_matches(text, expression) if expression.is_new else _searched(passages, expression))
    ]


_REACH_BEFORE, _REACH_AFTER = 4096, 256
"""How many characters before and after a reference one of Django's patterns may match."""


def _passages(text: str, content: bytes, references: Sequence[Reference]) -> list[tuple[str, int, int]]:
    """Return the text around each reference, in which Django's patterns can match that reference.

    In the whole text they would take time that grows with its square, as they do in Django: for each
    ``url(`` that nothing closes they read to the end of the line.
    """
    starts, ends, at, index = [], [0], 0, 0
    for reference in sorted(references, key=lambda reference: reference.start):
        index += len(content[at : reference.start].decode("utf-8", "replace"))
        starts.append(index)
        index += len(content[reference.start : reference.end].decode("utf-8", "replace"))
        ends.append(index)
        at = reference.end
    following = [*starts[1:], len(text)]
    return [
        (text, max(before, start - _REACH_BEFORE), min(end + _REACH_AFTER, limit))
        for before, start, end, limit in zip(ends[:-1], starts, ends[1:], following, strict=False)
    ]


def _searched(passages: Sequence[tuple[str, int, int]], expression: _Expression) -> Iterator[re.Match[str]]:
    for text, start, end in passages:
        for match in expression.pattern.finditer(text, start, end):
            if match["url"].strip():
                yield match


def _matches(text: str, expression: _Expression) -> Iterator[re.Match[str]]:
    """Yield what a project's own pattern matches outside of what it skips."""
    skipped: list[tuple[int, int]] = []
    if expression.skipped is not None:
        skipped = [match.span() for match in expression.skipped.finditer(text)]
    starts = [start for start, _ in skipped]
    for match in expression.pattern.finditer(text):
        place = bisect_left(starts, match.start())
        is_skipped = place > 0 and match.start() < skipped[place - 1][1]
        if match["url"].strip() and not is_skipped:
            yield match


class _ByteOffsets:
    """Maps offsets in a text to offsets in its bytes."""

    _STEP = 1024

    def __init__(self, text: str, content: bytes) -> None:
        self._text = text
        self._is_ascii = len(text) == len(content)
        lengths = (
            len(text[start : start + self._STEP].encode()) for start in range(0, len(text), self._STEP)
        )
        self._at_steps = [] if self._is_ascii else [*accumulate(lengths, initial=0)]

    def __getitem__(self, index: int) -> int:
        if self._is_ascii:
            return index
        step = index // self._STEP
        return self._at_steps[step] + len(self._text[step * self._STEP : index].encode())


def _match(offsets: _ByteOffsets, match: re.Match[str], expression: _Expression) -> Matched:
    url = match["url"].strip()
    start = match.start("url") + match["url"].index(url)
    before, _, after = (expression.template % _groups(match)).partition(_URL_MARK)
    return Matched(
        reference=Reference(
            start=offsets[start],
            end=offsets[start + len(url)],
            target=url,
            kind=ReferenceKind.PATTERN,
            delimiter='"',
        ),
        frame=Frame(
            start=offsets[match.start()],
            end=offsets[match.end()],
            before=before.encode(),
            after=after.encode(),
        ),
        is_new=expression.is_new,
    )


def _groups(match: re.Match[str]) -> Mapping[str, str]:
    return {**match.groupdict(default=""), "url": _URL_MARK}
