"""A storage's ``patterns``: the references that Django's storage spells in its own way.

Invariant: a file whose references Django's storage rewrites has the same bytes, and so the same name,
from ours. What is a reference is found by our lexers; a project's own patterns add to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from django.contrib.staticfiles import storage as storage_module
from django.contrib.staticfiles.storage import HashedFilesMixin

from hashserve.builder.references.finder import Reference, ReferenceKind
from hashserve.builder.references.rewrite import Frame
from hashserve.builder.sources.scanner import Matched, Patterns

__all__ = ["patterns_of"]

Pattern: TypeAlias = "str | Sequence[Any]"
"""A regular expression with a group ``url``, or that and a template, as Django's storage has them.

Since Django 6.1 also a third: a regular expression over what is passed over (comments, strings).
"""

_MARK = "\0"
"""Stands for the URL while a template is filled: no file that is read as text holds it."""


@dataclass(frozen=True, slots=True)
class _Expression:
    """One pattern, compiled: what files it is for, what it finds, and how that is spelt then."""

    glob: str
    pattern: re.Pattern[str]
    template: str
    ignored: re.Pattern[str] | None
    is_new: bool

    def may_match(self, kinds: Iterable[ReferenceKind]) -> bool:
        """Whether it could spell a reference of one of these kinds: it is not tried in vain."""
        if self.is_new:
            return True
        if "sourceMappingURL" in self.pattern.pattern:
            return ReferenceKind.SOURCE_MAP in kinds
        return any(kind is not ReferenceKind.SOURCE_MAP for kind in kinds)


def patterns_of(storage: Any) -> Patterns:
    """Give what the ``patterns`` of a storage match, by the path of the file that they are tried on."""
    expressions = [_expression(storage, glob, entry) for glob, entry in _entries(storage.patterns)]

    def patterns(logical_path: str) -> Callable[[bytes, Sequence[Reference]], Sequence[Matched]] | None:
        fitting = [item for item in expressions if fnmatchcase(logical_path, item.glob)]
        return (lambda content, references: _matched(content, references, fitting)) if fitting else None

    return patterns


def _entries(patterns: Iterable[tuple[str, Iterable[Pattern]]]) -> Iterator[tuple[str, Pattern]]:
    for glob, entries in patterns:
        for entry in entries:
            yield glob, entry


def _expression(storage: Any, glob: str, entry: Pattern) -> _Expression:
    parts: tuple[Any, ...] = (entry,) if isinstance(entry, str) else tuple(entry)
    pattern = parts[0]
    return _Expression(
        glob=glob,
        pattern=re.compile(pattern, re.IGNORECASE),
        template=parts[1] if len(parts) > 1 else storage.default_template,
        ignored=parts[2] if len(parts) > 2 else _IGNORED,
        is_new=(glob, pattern) not in _DJANGO,
    )


_DJANGO = frozenset(
    (glob, entry if isinstance(entry, str) else entry[0])
    for glob, entry in _entries(
        (*HashedFilesMixin.patterns, HashedFilesMixin._js_module_import_aggregation_patterns)
    )
)
"""The patterns that our lexers take the place of."""

_IGNORED: re.Pattern[str] | None = getattr(storage_module, "_css_ignored_re", None)
"""What Django passes over unless a pattern says otherwise; before 6.1, nothing."""


def _matched(
    content: bytes, references: Sequence[Reference], expressions: Sequence[_Expression]
) -> list[Matched]:
    """Try expressions on content that holds ``references``; nothing matches in what is not UTF-8."""
    kinds = {reference.kind for reference in references}
    fitting = [expression for expression in expressions if expression.may_match(kinds)]
    if not fitting:
        return []
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return []
    offset_in = _Offsets(text, content)
    return [
        _match(offset_in, match, expression) for expression in fitting for match in _matches(text, expression)
    ]


def _matches(text: str, expression: _Expression) -> Iterator[re.Match[str]]:
    """Find what an expression matches outside of what it passes over."""
    ignored: list[tuple[int, int]] = []
    if expression.is_new and expression.ignored is not None:  # our lexers have judged the others
        ignored = [match.span() for match in expression.ignored.finditer(text)]
    for match in expression.pattern.finditer(text):
        if match["url"].strip() and not any(start < match.start() < end for start, end in ignored):
            yield match


class _Offsets:
    """Where characters of a text are in its bytes."""

    def __init__(self, text: str, content: bytes) -> None:
        self._text = text
        self._is_ascii = len(text) == len(content)

    def __getitem__(self, index: int) -> int:
        return index if self._is_ascii else len(self._text[:index].encode())


def _match(offset_in: _Offsets, match: re.Match[str], expression: _Expression) -> Matched:
    url = match["url"].strip()
    start = match.start("url") + match["url"].index(url)
    before, _, after = (expression.template % _groups(match)).partition(_MARK)
    return Matched(
        reference=Reference(
            start=offset_in[start],
            end=offset_in[start + len(url)],
            target=url,
            kind=ReferenceKind.PATTERN,
            delimiter='"',
        ),
        frame=Frame(
            start=offset_in[match.start()],
            end=offset_in[match.end()],
            before=before.encode(),
            after=after.encode(),
        ),
        is_new=expression.is_new,
    )


def _groups(match: re.Match[str]) -> Mapping[str, str]:
    return {**match.groupdict(default=""), "url": _MARK}
