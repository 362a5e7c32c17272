"""Rules about dictionaries: no name keeps a file from being one, and no two share a URL pattern."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.dictionary_grades import DictionaryGrade
from hashserve.check.findings import CheckFinding, finding
from hashserve.dictionary_files import WHY_NOT_DICTIONARY

__all__ = ["dictionary_findings"]

_OF_NAMES = ("pattern-characters", "no-fingerprint")


def dictionary_findings(grades: tuple[DictionaryGrade, ...]) -> Iterator[CheckFinding]:
    """Yield the files that would be dictionaries, or better ones, with another name."""
    for grade in grades:
        if grade.why_not in _OF_NAMES:
            yield finding("dictionary-name", grade.path, WHY_NOT_DICTIONARY[grade.why_not])
        elif grade.shared_by > 1:
            others = grade.shared_by - 1
            files = "another file has" if others == 1 else f"{others:,} other files have"
            yield finding("dictionary-shared", grade.path, f"{files} the URL pattern {grade.match!r} too")
