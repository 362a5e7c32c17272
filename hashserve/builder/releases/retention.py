"""Retention: which old releases stay served beside the new one, and with which files.

Invariant: an asset lives as long as a retained release refers to it; an unchanged file keeps its name,
and so never expires by its age.
"""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hashserve.errors import SettingError
from hashserve.manifest.model import AssetRecord, Manifest, Release

__all__ = [
    "DEFAULT_KEEP",
    "DEFAULT_KEEP_DAYS",
    "OldRelease",
    "changed_paths",
    "check_retention",
    "moment",
    "old_releases",
    "release_of",
    "retained",
]

DEFAULT_KEEP = 3
DEFAULT_KEEP_DAYS = 30

_DAY = 86_400

_YEAR_10000 = 253_402_300_800


def moment() -> int:
    """Give the time by which releases are dated, in seconds since the epoch.

    ``SOURCE_DATE_EPOCH`` in the environment takes the clock's place, for builds that are to be
    reproducible. Raises `SettingError` where it is no such time.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        return int(time.time())
    if not (given.isascii() and given.isdigit() and int(given[:15]) < _YEAR_10000):
        raise SettingError("SOURCE_DATE_EPOCH", given, "must be whole seconds since 1970")
    return int(given)


def check_retention(keep: int | None, keep_days: float | None) -> None:
    """Raise `SettingError` for numbers that cannot mean anything; None is not given."""
    if keep is not None and keep < 1:
        raise SettingError("keep", keep, "must be 1 or more: the release in force counts")
    if keep_days is not None and not keep_days >= 0:
        raise SettingError("keep_days", keep_days, "must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRelease:
    """A release that was in force once: its paths, its files, and until when.

    ``created`` and ``replaced`` are in seconds since the epoch.
    """

    id: str
    created: int
    replaced: int
    paths: Mapping[str, str]
    records: Mapping[str, AssetRecord]


def old_releases(manifest: Manifest, now: int) -> list[OldRelease]:
    """List the releases of a manifest as the old ones of the next, newest first."""
    found = [_old(manifest, manifest.release, manifest.created, now, manifest.paths)]
    for release in manifest.releases:
        found.append(
            _old(manifest, release.id, release.created, found[-1].created, manifest.paths_of(release))
        )
    return found


def _old(manifest: Manifest, name: str, created: int, replaced: int, paths: Mapping[str, str]) -> OldRelease:
    records = _Records(manifest, paths)
    return OldRelease(id=name, created=created, replaced=replaced, paths=paths, records=records)


class _Records(Mapping[str, AssetRecord]):
    """The records of a release's files, each made when it is asked for: few are, and one takes 400 bytes."""

    def __init__(self, manifest: Manifest, paths: Mapping[str, str]) -> None:
        self._manifest = manifest
        self._paths = paths

    @cached_property
    def _own(self) -> dict[str, None]:
        return dict.fromkeys(path for path in self._paths.values() if path in self._manifest.files)

    def __getitem__(self, path: str) -> AssetRecord:
        record = self._manifest.record(path) if path in self._own else None
        if record is None:
            raise KeyError(path)
        return record

    def __contains__(self, path: object) -> bool:
        return path in self._own

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


def retained(
    candidates: Sequence[OldRelease], *, release: str, keep: int, keep_days: float, now: int
) -> list[OldRelease]:
    """Choose which old releases stay beside the one called ``release``, newest first.

    Those among the last ``keep`` releases, the new one counted, and those that were replaced less
    than ``keep_days`` ago: what counts is when the last page of a release was handed out.
    """
    kept: list[OldRelease] = []
    seen = {release}
    for candidate in candidates:
        if candidate.id in seen:
            continue
        seen.add(candidate.id)
        if len(kept) + 1 < keep or now - candidate.replaced < keep_days * _DAY:
            kept.append(candidate)
    return kept


def changed_paths(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str | None]:
    """Give what of ``old`` differs from ``new``, with None for what only ``new`` has."""
    changed: dict[str, str | None] = {
        logical: path for logical, path in old.items() if new.get(logical) != path
    }
    changed.update((logical, None) for logical in new if logical not in old)
    return changed


def release_of(old: OldRelease, new_paths: Mapping[str, str], served: Container[str]) -> Release:
    """Write an old release for the manifest of a new one, without the paths that are not ``served``.

    A path that never was fingerprinted (it has no record) needs no file to be served.
    """
    paths = {name: path for name, path in old.paths.items() if path in served or path not in old.records}
    return Release(id=old.id, created=old.created, changed=changed_paths(paths, new_paths))
