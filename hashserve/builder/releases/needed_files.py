"""The files of old releases that the new one does not have: which of them stay, and which are lost.

Invariant: a file of the previous release, which is not trusted, takes no path of the new release or of an old
one in the output, and none that is not restorable.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import chain, islice

from hashserve.builder.output.paths import folders_of
from hashserve.builder.output.plan import conflicting_path
from hashserve.builder.releases.errors import shortened
from hashserve.builder.releases.restorable_paths import PathsOfOneOutput, why_not_restorable
from hashserve.builder.releases.restore import LostFile
from hashserve.builder.releases.retention import OldRelease, listed_files
from hashserve.manifest.model import AssetRecord, Manifest

__all__ = ["needed_files"]

MOST_FOREIGN_FILES = 200_000
"""How many files of the previous release are looked at, if it lists more."""


def needed_files(
    retained: Sequence[OldRelease],
    new: Container[str],
    plan: Mapping[str, str],
    reported: Container[str],
    fingerprinted: Sequence[str],
    in_force: Manifest | None = None,
) -> tuple[dict[str, AssetRecord], list[LostFile]]:
    """Return the records, by path, of the files of ``retained`` releases that stay; and the lost files.

    ``new`` are the fingerprinted paths of the new release, ``plan`` has all its paths. Files that are
    ``reported`` as lost are left out. ``fingerprinted`` are patterns of the user. The manifest ``in_force``
    may list files of releases that are not retained: they stay as they are until the switch.
    """
    needed: dict[str, AssetRecord] = {}
    lost: dict[str, str] = {}
    foreign: dict[str, OldRelease] = {}
    folders = folders_of(plan)
    for path, old in listed_files(retained):
        if path in new or path in reported or path in needed or path in lost:
            continue
        if old.is_foreign:
            foreign.setdefault(path, old)
        elif problem := _conflict(old, path, plan, folders):
            lost[path] = problem
        else:
            needed[path] = _record(old, path)
    if foreign:
        left = [path for path in foreign if path not in needed and path not in lost]
        paths = PathsOfOneOutput(chain(plan, needed, () if in_force is None else in_force.files))
        for path in islice(left, MOST_FOREIGN_FILES):
            old = foreign[path]
            problem = why_not_restorable(path, fingerprinted) or _conflict(old, path, plan, folders)
            if problem is None and _record(old, path).sha256 is None:
                problem = "it has no digest to verify a copy by"
            if problem is None and not _is_in_force(in_force, _record(old, path)):
                other = paths.add(path)
                problem = None if other is None else f"its path conflicts with {shortened(other)!r}"
            if problem is None:
                needed[path] = _record(old, path)
            else:
                lost[path] = problem
        too_many = f"the previous release lists more than {MOST_FOREIGN_FILES:,} files"
        lost.update(dict.fromkeys(left[MOST_FOREIGN_FILES:], too_many))
    return needed, [LostFile(path, reason) for path, reason in lost.items()]


def _record(old: OldRelease, path: str) -> AssetRecord:
    record = old.manifest.record(path)
    assert record is not None  # `listed_files` yields paths with a row
    return record


def _is_in_force(in_force: Manifest | None, record: AssetRecord) -> bool:
    """Whether the manifest in force lists the same file."""
    found = None if in_force is None else in_force.record(record.path)
    return found is not None and found.sha256 in (None, record.sha256)


def _conflict(old: OldRelease, path: str, plan: Mapping[str, str], folders: Container[str]) -> str | None:
    conflict = conflicting_path(_record(old, path), plan, folders)
    if conflict is None:
        return None
    return f"the new release has {shortened(conflict)!r}; rename that to keep this file"
