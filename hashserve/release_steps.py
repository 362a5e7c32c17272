"""The steps from a release to a newer one: what a returning visitor downloads, with deltas and without.

Invariant: only the manifest is looked at, and each changed file has a delta or a reason why it has none.
Source maps are left out, because no page loads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from hashserve.dictionary_files import (
    LARGEST_BYTES,
    SMALLEST_BYTES,
    WHY_NOT_DICTIONARY,
    is_offered,
    version_name,
    why_not_dictionary,
)
from hashserve.manifest.model import AssetRecord, Manifest, Release

__all__ = ["WHY_NO_DELTA", "ChangedFile", "ReleaseStep", "release_steps"]

WHY_NO_DELTA: Mapping[str, str] = {
    "new": "the older release has no version of it",
    "off": "the build makes no deltas",
    "ambiguous": "several files have its name but for the fingerprint",
    **WHY_NOT_DICTIONARY,
    "small": f"it or its older version has fewer than {SMALLEST_BYTES:,} bytes",
    "large": f"it or its older version has more than {LARGEST_BYTES:,} bytes",
    "same-content": "its older version has the same content under another name",
    "other-name": "its name differs from that of its older version in more than the fingerprint",
    "saves-little": "a delta saves too little, or could not be made",
    "too-old": "the build makes deltas against newer versions of it, or this one saves too little",
}
"""What each reason for no delta means. Those of `why_not_dictionary` are about it or its older version."""


class ChangedFile(NamedTuple):
    """A file of the newer release that the older one does not have.

    ``best_size`` is the size of its smallest representation without a dictionary, ``delta_size`` that of its
    delta against the older release's version, both in bytes. If there is no delta, ``why_no_delta`` is a key
    of `WHY_NO_DELTA`.
    """

    logical_path: str
    path: str
    best_size: int
    delta_size: int | None = None
    why_no_delta: str = ""


class ReleaseStep(NamedTuple):
    """The step from a release to a newer one; ``created`` is the older one's time in seconds since 1970."""

    older: str
    newer: str
    created: int
    files: Sequence[ChangedFile]

    @property
    def best_bytes(self) -> int:
        """How many bytes a returning visitor downloads without deltas."""
        return sum(file.best_size for file in self.files)

    @property
    def delta_bytes(self) -> int:
        """How many bytes a returning visitor downloads, with a delta for each file that has one."""
        return sum(file.best_size if file.delta_size is None else file.delta_size for file in self.files)

    @property
    def deltas(self) -> int:
        """How many of the files have a delta."""
        return sum(file.delta_size is not None for file in self.files)

    @property
    def without_delta(self) -> Mapping[str, int]:
        """How many files have no delta, by the reason, in the order of `WHY_NO_DELTA`."""
        numbers = Counter(file.why_no_delta for file in self.files if file.delta_size is None)
        return {reason: numbers[reason] for reason in WHY_NO_DELTA if reason in numbers}


def release_steps(manifest: Manifest) -> Iterator[ReleaseStep]:
    """Yield the step from each retained release to the one in force, then those between retained releases.

    The newest comes first, in each of the two. The first step is that of a visitor who saw the last release.
    """
    in_force = Release(id=manifest.release, created=manifest.created, changed={})
    most = max([1, *map(len, (manifest.deltas or {}).values())])
    between: dict[str, set[str]] = {}
    for older in manifest.releases:
        yield _Step(manifest, in_force, older, most, between).step()
        for path in older.changed.values():
            if path is not None:
                between.setdefault(_name(path), set()).add(path)
    for newer, older in pairwise(manifest.releases):
        yield _Step(manifest, newer, older, most, {}).step()


class _Step:
    """One step. It looks only at what changed, because a release may have 100,000 files.

    ``most`` is the largest number of deltas of one file. ``between`` has the versions of each file in the
    releases between the two.
    """

    def __init__(
        self,
        manifest: Manifest,
        newer: Release,
        older: Release,
        most: int,
        between: Mapping[str, set[str]],
    ) -> None:
        self.manifest, self.newer, self.older = manifest, newer, older
        self.most, self.between = most, between
        logical_paths = newer.changed.keys() | older.changed.keys()
        self.old = self.paths(logical_paths, older)
        self.new = self.paths(logical_paths, newer)
        # Chunks of a bundler have no logical path that stays the same.
        self.new_names = Counter(_name(path) for logical, path in self.new.items() if logical not in self.old)
        self.old_names: dict[str, list[str]] = {}
        for logical, path in self.old.items():
            if logical not in self.new:
                self.old_names.setdefault(_name(path), []).append(path)

    def paths(self, logical_paths: Iterable[str], release: Release) -> dict[str, str]:
        """Return the fingerprinted paths of these logical ones in a release, of those that it has."""
        in_force = self.manifest.paths
        found = (
            (logical, release.changed.get(logical, in_force.get(logical)))
            for logical in sorted(logical_paths)
        )
        return {logical: path for logical, path in found if path is not None}

    def step(self) -> ReleaseStep:
        older, newer = self.older, self.newer
        known = set(self.old.values())
        changed = {
            path: logical
            for logical, path in self.new.items()
            if path not in known and not path.lower().endswith(".map")
        }
        records = {path: self.manifest.record(path) for path in changed}
        files = [self.file(changed[path], record) for path, record in records.items() if record is not None]
        return ReleaseStep(older=older.id, newer=newer.id, created=older.created, files=files)

    def file(self, logical: str, record: AssetRecord) -> ChangedFile:
        best = record.best_size
        versions = self.versions_of(logical)
        deltas = self.manifest.deltas_of(record.path)
        sizes = [delta.size for delta in deltas if delta.dictionary in versions]
        if sizes:
            return ChangedFile(logical, record.path, best, delta_size=min(sizes))
        return ChangedFile(
            logical, record.path, best, why_no_delta=self.why_no_delta(logical, record, versions)
        )

    def versions_of(self, logical: str) -> Sequence[str]:
        own = self.old.get(logical)
        return [own] if own is not None else self.old_names.get(_name(self.new[logical]), [])

    def why_no_delta(self, logical: str, new: AssetRecord, versions: Sequence[str]) -> str:
        if self.manifest.deltas is None:
            return "off"
        if not versions:
            # Its older version may be there, but nothing tells which file that is.
            is_nameless = why_not_dictionary(new.path, new.size) == "no-fingerprint"
            return "no-fingerprint" if is_nameless else "new"
        if logical not in self.old and max(len(versions), self.new_names[_name(new.path)]) > 1:
            return "ambiguous"
        old = self.manifest.record(versions[0])
        if old is None:
            return "unknown-size"
        return _why_no_pair(new, old) or self.why_not_kept(new, old)

    def why_not_kept(self, new: AssetRecord, old: AssetRecord) -> str:
        between = self.between.get(_name(new.path), set()) - {new.path, old.path}
        return "too-old" if len(between) >= self.most else "saves-little"


def _why_no_pair(new: AssetRecord, old: AssetRecord) -> str | None:
    """Return why no build makes a delta of a file against another, None if it does."""
    reason = why_not_dictionary(old.path, old.size) or why_not_dictionary(new.path, new.size)
    if reason is not None:
        return reason
    if new.sha256 == old.sha256:
        return "same-content"
    return None if is_offered(old.path, new.path) else "other-name"


def _name(path: str) -> str:
    """Return what the names of the versions of one file have in common."""
    return version_name(path) or path
