"""The grades of the fingerprinted files of the release in force: which are dictionaries for later deltas.

Invariant: each file has one grade, and the reason of `hashserve.dictionary_files` if it is no dictionary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hashserve.dictionary_files import WHY_NOT_DICTIONARY, dictionary_match, why_not_dictionary
from hashserve.manifest.model import Manifest

__all__ = ["DictionaryGrade", "dictionary_grades", "reason_counts"]


class DictionaryGrade(NamedTuple):
    """Whether a file is a dictionary: its URL pattern, or why it is none (a key of `WHY_NOT_DICTIONARY`).

    ``shared_by`` counts the files with this pattern. Of several, clients keep the one received last.
    """

    path: str
    match: str | None
    why_not: str | None
    shared_by: int = 1


def dictionary_grades(manifest: Manifest) -> tuple[DictionaryGrade, ...] | None:
    """Grade the fingerprinted files of the release in force, by path; None if the build makes no deltas."""
    if manifest.deltas is None:
        return None
    records = (manifest.record(path) for path in sorted(set(manifest.paths.values())))
    reasons = {record.path: why_not_dictionary(record.path, record.size) for record in records if record}
    matches = {path: None if reason else dictionary_match(path) for path, reason in reasons.items()}
    numbers = Counter(matches.values())
    return tuple(
        DictionaryGrade(path, matches[path], reason, 1 if reason else numbers[matches[path]])
        for path, reason in reasons.items()
    )


def reason_counts(grades: Iterable[DictionaryGrade]) -> Mapping[str, int]:
    """Return how many files are no dictionaries, by the reason, in the order of `WHY_NOT_DICTIONARY`."""
    numbers = Counter(grade.why_not for grade in grades)
    return {reason: numbers[reason] for reason in WHY_NOT_DICTIONARY if reason in numbers}
