"""Retention: which old releases stay served next to the new one, and with which files.

Invariant: a file is served as long as a retained release refers to it. An unchanged file keeps its path,
so its age never matters.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hashserve.errors import SettingError
from hashserve.manifest.model import AssetRecord, Manifest, Release
from hashserve.settings.build import BuildSettings

__all__ = [
    "OldRelease",
    "build_time",
    "changed_paths",
    "check_retention",
    "manifest_without",
    "old_releases",
    "release_entry",
    "retain",
]

_DAY_SECONDS = 86_400

_YEAR_10000_SECONDS = 253_402_300_800


def build_time() -> int:
    """Return the time that a new release is dated with, in seconds since the epoch.

    The environment variable ``SOURCE_DATE_EPOCH`` replaces the clock, for reproducible builds. Raises
    `SettingError` where it is not a time.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        return int(time.time())
    if not (given.isascii() and given.isdigit() and int(given[:15]) < _YEAR_10000_SECONDS):
        raise SettingError("SOURCE_DATE_EPOCH", given, "must be whole seconds since 1970")
    return int(given)


def check_retention(keep: int | None, keep_days: float | None) -> None:
    """Raise `SettingError` for a number out of range; None is not checked."""
    for name, value in (("keep", keep), ("keep_days", keep_days)):
        if value is not None:
            BuildSettings.table[name].value_of(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRelease:
    """A release that is not the newest: its paths by logical path, and the records of its files.

    ``created`` and ``replaced`` are in seconds since the epoch.
    """

    id: str
    created: int
    replaced: int
    paths: Mapping[str, str]
    records: Mapping[str, AssetRecord]


def old_releases(manifest: Manifest, now: int) -> list[OldRelease]:
    """Return every release of a manifest, newest first, as if a new one replaced the first ``now``."""
    found = [_old_release(manifest, manifest.release, manifest.created, now, manifest.paths)]
    for release in manifest.releases:
        paths = manifest.paths_of(release)
        found.append(_old_release(manifest, release.id, release.created, found[-1].created, paths))
    return found


def _old_release(
    manifest: Manifest, release_id: str, created: int, replaced: int, paths: Mapping[str, str]
) -> OldRelease:
    records = _Records(manifest, paths)
    return OldRelease(id=release_id, created=created, replaced=replaced, paths=paths, records=records)


class _Records(Mapping[str, AssetRecord]):
    """The records of a release's files, by path. Each takes 400 bytes, so it is made on demand."""

    def __init__(self, manifest: Manifest, paths: Mapping[str, str]) -> None:
        self._manifest = manifest
        self._paths = paths

    @cached_property
    def _own_paths(self) -> dict[str, None]:
        return dict.fromkeys(path for path in self._paths.values() if path in self._manifest.files)

    def __getitem__(self, path: str) -> AssetRecord:
        record = self._manifest.record(path) if path in self._own_paths else None
        if record is None:
            raise KeyError(path)
        return record

    def __contains__(self, path: object) -> bool:
        return path in self._own_paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._own_paths)

    def __len__(self) -> int:
        return len(self._own_paths)


def retain(
    candidates: Sequence[OldRelease], *, release: str, keep: int, keep_days: float, now: int
) -> list[OldRelease]:
    """Return the old releases that stay served next to the one with the id ``release``, newest first.

    These are the newest ``keep`` releases, the new one included, and those that were replaced less than
    ``keep_days`` ago: a server sends pages of a release until that is replaced.
    """
    retained: list[OldRelease] = []
    seen = {release}
    for candidate in candidates:
        if candidate.id in seen:
            continue
        seen.add(candidate.id)
        if len(retained) + 1 < keep or now - candidate.replaced < keep_days * _DAY_SECONDS:
            retained.append(candidate)
    return retained


def changed_paths(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str | None]:
    """Return the entries of ``old`` that differ from ``new``, and None for those that only ``new`` has."""
    changed: dict[str, str | None] = {
        logical: path for logical, path in old.items() if new.get(logical) != path
    }
    changed.update((logical, None) for logical in new if logical not in old)
    return changed


def release_entry(old: OldRelease, new_paths: Mapping[str, str], served: Container[str]) -> Release:
    """Return an old release as the new manifest lists it, without the paths that are not ``served``.

    A path without a fingerprint has no record, and needs no file to be served.
    """
    paths = {name: path for name, path in old.paths.items() if path in served or path not in old.records}
    return Release(id=old.id, created=old.created, changed=changed_paths(paths, new_paths))


def manifest_without(manifest: Manifest, is_gone: Callable[[str], bool]) -> Manifest:
    """Return a manifest without the fingerprinted files that are gone, in every release."""
    gone = {path for path in manifest.files if is_gone(path)}
    paths = {logical: path for logical, path in manifest.paths.items() if path not in gone}
    return manifest._replace(
        paths=paths,
        files={path: row for path, row in manifest.files.items() if path not in gone},
        releases=tuple(
            _release_without(release, manifest.paths_of(release), paths, gone)
            for release in manifest.releases
        ),
    )


def _release_without(
    release: Release, old: Mapping[str, str], new: Mapping[str, str], gone: Container[str]
) -> Release:
    left = {logical: path for logical, path in old.items() if path not in gone}
    return release._replace(changed=changed_paths(left, new))
