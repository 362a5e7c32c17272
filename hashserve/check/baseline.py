"""The baseline: a file of the findings that a project knows of, so that only new ones fail.

Invariant: an entry stays the same when a build gives files other fingerprints, and when lines move. It names
the rule, the logical path and the reference as it is written, and counts how often that is found. The same
findings make the same bytes. An error is never known: only a pattern that names its rule accepts it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hashserve.atomic_files import write_atomically
from hashserve.check.findings import CheckFinding
from hashserve.check.rule_table import Level
from hashserve.errors import ManifestError, SettingError
from hashserve.manifest.discovery import read_file
from hashserve.manifest.json_text import parse_json

__all__ = ["Baseline", "BaselineEntry", "entry_of", "read_baseline", "write_baseline"]

FORMAT = "hashserve-baseline"
VERSION = 1

LARGEST = 32 * 1024 * 1024
"""The largest baseline, in bytes: about 200,000 entries."""

LONGEST_TEXT = 1000
"""How many characters of a path and of a reference an entry holds. Longer ones are cut."""

_REMEDY = "write it again with --write-baseline"


class BaselineEntry(NamedTuple):
    """What a known finding is about. ``reference`` is empty if it is about the whole file."""

    rule: str
    path: str
    reference: str


Baseline = Counter[BaselineEntry]
"""How often each entry is known."""


def entry_of(finding: CheckFinding) -> BaselineEntry:
    """Return the entry that a finding is known by."""
    return BaselineEntry(finding.rule, finding.logical_path[:LONGEST_TEXT], finding.reference[:LONGEST_TEXT])


def write_baseline(place: str, findings: Iterable[CheckFinding]) -> int:
    """Write the baseline of all ``findings`` that are no errors; return how many. Raises `SettingError`."""
    entries = Counter(entry_of(item) for item in findings if item.level is not Level.ERROR)
    lines = ",\n".join(f"    {_line(entry, count)}" for entry, count in sorted(entries.items()))
    text = f'{{\n  "{FORMAT}": {VERSION},\n  "findings": [\n{lines}\n  ]\n}}\n'
    if len(text) > LARGEST:
        problem = (
            f"would have over {LARGEST} bytes; accept most findings by pattern ({{setting:accept}}) first"
        )
        raise SettingError("write_baseline", place, problem)
    try:
        write_atomically(place, (text.encode("ascii"),))
    except OSError as error:
        raise SettingError("write_baseline", place, f"cannot be written: {error.strerror}") from error
    return entries.total()


def _line(entry: BaselineEntry, count: int) -> str:
    members = {"rule": entry.rule, "path": entry.path}
    if entry.reference:
        members["reference"] = entry.reference
    return json.dumps({**members, "count": count})


def read_baseline(place: str) -> Baseline:
    """Read a baseline. Raises `SettingError`, which names the place in the file and the remedy."""
    try:
        if os.path.getsize(place) > LARGEST:
            raise SettingError("baseline", place, f"has more than {LARGEST} bytes; {_REMEDY}")
        document = parse_json(read_file(place), place)
    except OSError as error:
        remedy = "make it with --write-baseline" if isinstance(error, FileNotFoundError) else _REMEDY
        raise SettingError("baseline", place, f"cannot be read: {error.strerror}; {remedy}") from error
    except ManifestError as error:
        raise SettingError("baseline", place, error.detail) from error
    if type(document) is not dict or document.get(FORMAT) != VERSION:
        raise SettingError("baseline", place, f'is not a baseline ("{FORMAT}": {VERSION}); {_REMEDY}')
    found = document.get("findings")
    if type(found) is not list:
        raise SettingError("baseline", place, f"findings: expected a list; {_REMEDY}")
    entries: Baseline = Counter()
    for number, item in enumerate(found):
        entry, count = _read(place, number, item)
        entries[entry] += count
    return entries


def _read(place: str, number: int, item: Any) -> tuple[BaselineEntry, int]:
    members: Mapping[str, Any] = item if type(item) is dict else {}
    texts = [members.get("rule"), members.get("path"), members.get("reference", "")]
    strings = [text for text in texts if isinstance(text, str)]
    count = members.get("count")
    if len(strings) < len(texts) or type(count) is not int or not 0 < count < 10**9:
        problem = f"findings[{number}]: expected rule, path and reference as strings, and a count; {_REMEDY}"
        raise SettingError("baseline", place, problem)
    return BaselineEntry(*strings), count
