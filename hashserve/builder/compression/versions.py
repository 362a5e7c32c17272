"""The versions of files in older releases: which of them are dictionaries of the new release's files.

Invariant: a pair of a file and its dictionary differs in content, and a client that has one offers it for the
other.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hashserve.dictionary_files import dictionary_match, is_offered, why_not_dictionary
from hashserve.manifest.model import AssetRecord, Release

__all__ = ["Versions", "dictionaries_of"]


class Versions(NamedTuple):
    """The files of the new release and of older ones.

    ``paths`` has the new paths by logical path, ``older`` the older releases, the newest first, and
    ``records`` the record of each fingerprinted file that is complete in the output.
    """

    paths: Mapping[str, str]
    older: Sequence[Release]
    records: Mapping[str, AssetRecord]


def dictionaries_of(versions: Versions, most: int) -> dict[str, list[str]]:
    """Return, by fingerprinted path, the older versions that deltas are made against, the newest first.

    There are ``most`` of them at most for each file.
    """
    found: dict[str, list[str]] = {}
    refused: set[tuple[str, str]] = set()
    for release in versions.older:
        for pair in _pairs(versions.paths, release):
            path, dictionary = pair
            dictionaries = found.get(path, ())
            if len(dictionaries) == most or dictionary in dictionaries or pair in refused:
                continue  # a version that did not change for many releases comes with each of them
            if _may_have_delta(path, dictionary, versions.records):
                found.setdefault(path, []).append(dictionary)
            else:
                refused.add(pair)
    return found


def _pairs(paths: Mapping[str, str], release: Release) -> Iterator[tuple[str, str]]:
    """Yield each file of the new release that has another version in an older one, with that version."""
    paired: set[str] = set()
    added, removed = [], []
    for logical, old in release.changed.items():
        path = paths.get(logical)
        if path is not None and old is not None:
            paired.update((path, old))
            yield path, old
        elif path is not None:
            added.append(path)
        elif old is not None:
            removed.append(old)
    # Chunks of a bundler have no name that stays the same, but the name without its fingerprint does.
    if added and removed:
        new, older = _by_pattern(added, paired), _by_pattern(removed, paired)
        for pattern in new.keys() & older.keys():
            if len(new[pattern]) == len(older[pattern]) == 1:
                yield new[pattern].pop(), older[pattern].pop()


def _by_pattern(paths: Iterable[str], paired: Container[str]) -> dict[str, set[str]]:
    """Group the paths that are not paired by the URL pattern of their next versions."""
    found: dict[str, set[str]] = {}
    for path in paths:
        match = None if path in paired else dictionary_match(path)
        if match is not None:
            found.setdefault(match, set()).add(path)
    return found


def _may_have_delta(path: str, dictionary: str, records: Mapping[str, AssetRecord]) -> bool:
    """Whether a file may have a delta against another: both are dictionaries, and clients offer the other.

    Large files are no dictionaries, but must be reported.
    """
    new, old = records.get(path), records.get(dictionary)
    return (
        new is not None
        and old is not None
        and new.sha256 != old.sha256
        and why_not_dictionary(path, new.size) in (None, "large")
        and why_not_dictionary(dictionary, old.size) in (None, "large")
        and is_offered(dictionary, path)
    )
