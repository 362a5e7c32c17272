"""The grades of dictionaries as lines of text: one line, or a list by reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hashserve.check.dictionary_grades import DictionaryGrade, reason_counts
from hashserve.dictionary_files import LARGEST_BYTES, SMALLEST_BYTES, WHY_NOT_DICTIONARY
from hashserve.visible_text import visible

__all__ = ["dictionary_lines"]

_NOT: Mapping[str, str] = {
    "kind": "of kinds that gain nothing",
    "unknown-size": "of unknown size",
    "small": f"under {SMALLEST_BYTES:,} bytes",
    "large": f"over {LARGEST_BYTES:,} bytes",
    "pattern-characters": "with a character of URL patterns in the name",
    "no-fingerprint": "without a fingerprint to leave out of the name",
}
"""Each reason, after the number of files that are no dictionaries for it."""

_CLIENTS = (
    "A browser keeps a dictionary that comes over https or from localhost, from the page's own origin or",
    "with crossorigin and Access-Control-Allow-Origin, as long as it is fresh; else it asks for no delta.",
)


def dictionary_lines(grades: Sequence[DictionaryGrade], *, lists_them: bool) -> Iterator[tuple[str, str]]:
    """Yield how many files are dictionaries; with ``lists_them``, each file under its grade."""
    counts = reason_counts(grades)
    if lists_them:
        yield from _list(grades)
        yield from (("", line) for line in (*_CLIENTS, ""))
    number = len(grades) - sum(counts.values())
    others = "".join(f"; {count:,} {_NOT[reason]}" for reason, count in counts.items())
    yield "", f"{number:,} of {len(grades):,} fingerprinted files are dictionaries for deltas{others}"


def _list(grades: Sequence[DictionaryGrade]) -> Iterator[tuple[str, str]]:
    yield "title", "dictionaries, with their URL patterns:"
    for grade in grades:
        if grade.match is not None:
            shared = f", shared by {grade.shared_by:,} files" if grade.shared_by > 1 else ""
            yield "", f"  {visible(grade.path)}: {grade.match}{shared}"
    for reason in reason_counts(grades):
        yield "title", f"no dictionaries: {WHY_NOT_DICTIONARY[reason]}:"
        yield from (("", f"  {visible(grade.path)}") for grade in grades if grade.why_not == reason)
