"""Retention: which old releases stay served next to the new one, and with which files.

Invariant: a file is served as long as a retained release refers to it. An unchanged file keeps its path,
so its age never matters. An old release is a difference from another; the paths of all of them are never in
memory at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hashserve.errors import SettingError
from hashserve.manifest.limits import MOST_OLD_PATHS, MOST_RELEASES
from hashserve.manifest.model import Manifest, Release, Row
from hashserve.settings.build import BuildSettings

__all__ = [
    "OldRelease",
    "build_time",
    "changed_paths",
    "check_retention",
    "deltas_between",
    "listed_files",
    "manifest_without",
    "old_releases",
    "release_entries",
    "retain",
    "within_limits",
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
    """A release that is not the newest, as its ``manifest`` has it.

    ``changed`` are its paths where they differ from those that the manifest has in force. ``created`` and
    ``replaced`` are in seconds since the epoch. ``is_foreign``: the manifest is that of the previous
    release, which is not trusted.
    """

    id: str
    created: int
    replaced: int
    manifest: Manifest
    changed: Mapping[str, str | None]
    is_foreign: bool = False


def old_releases(manifest: Manifest, now: int, *, is_foreign: bool = False) -> list[OldRelease]:
    """Return every release of a manifest, newest first, as if a new one replaced the first ``now``.

    A foreign manifest has no release of the future: such a one would outlive all others.
    """
    in_force = Release(id=manifest.release, created=manifest.created, changed={})
    found: list[OldRelease] = []
    for release in (in_force, *manifest.releases):
        found.append(
            OldRelease(
                id=release.id,
                created=min(release.created, now) if is_foreign else release.created,
                replaced=found[-1].created if found else now,
                manifest=manifest,
                changed=release.changed,
                is_foreign=is_foreign,
            )
        )
    return found


def listed_files(releases: Iterable[OldRelease]) -> Iterator[tuple[str, OldRelease]]:
    """Yield the path of each fingerprinted file of ``releases`` with the first of them that has it.

    A path may come several times. The work grows with what the manifests list, not with that times the
    number of releases.
    """
    # For each manifest, the paths in force that no release so far has.
    left: dict[int, Mapping[str, str]] = {}
    for old in releases:
        files = old.manifest.files
        in_force = left.get(id(old.manifest), old.manifest.paths)
        for logical, path in in_force.items():
            if logical not in old.changed and path in files:
                yield path, old
        left[id(old.manifest)] = {
            logical: path for logical, path in in_force.items() if logical in old.changed
        }
        for changed in old.changed.values():
            if changed is not None and changed in files:
                yield changed, old


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


def within_limits(
    retained: Sequence[OldRelease], new: Mapping[str, str]
) -> tuple[Sequence[OldRelease], Sequence[OldRelease]]:
    """Split releases into those that a manifest with the paths ``new`` in force can hold, and the rest."""
    entries, sizes = 0, dict[int, int]()
    for number, old in enumerate(retained):
        manifest = id(old.manifest)
        if manifest not in sizes:
            sizes[manifest] = len(changed_paths(old.manifest.paths, new))
        entries += sizes[manifest] + len(old.changed)
        if number == MOST_RELEASES or entries > MOST_OLD_PATHS:
            return retained[:number], retained[number:]
    return retained, ()


def changed_paths(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str | None]:
    """Return the entries of ``old`` that differ from ``new``, and None for those that only ``new`` has."""
    changed: dict[str, str | None] = {
        logical: path for logical, path in old.items() if new.get(logical) != path
    }
    changed.update((logical, None) for logical in new if logical not in old)
    return changed


def release_entries(
    retained: Iterable[OldRelease], new: Mapping[str, str], served: Container[str]
) -> Iterator[Release]:
    """Yield old releases as the manifest with the paths ``new`` lists them, without what is not ``served``.

    A path without a fingerprint has no row, and needs no file to be served; but a foreign release brings
    no such path.
    """
    in_force: dict[int, Mapping[str, str | None]] = {}
    for old in retained:
        manifest = old.manifest

        def is_listed(logical: str, path: str | None, old: OldRelease = old) -> bool:
            if path is None or path in served:
                return path is not None
            return new.get(logical) == path if old.is_foreign else path not in old.manifest.files

        if id(manifest) not in in_force:
            listed = {logical: path for logical, path in manifest.paths.items() if is_listed(logical, path)}
            in_force[id(manifest)] = changed_paths(listed, new)
        entry = {name: path for name, path in in_force[id(manifest)].items() if name not in old.changed}
        for name, path in old.changed.items():
            shown = path if is_listed(name, path) else None
            if new.get(name) != shown:
                entry[name] = shown
        yield Release(id=old.id, created=old.created, changed=entry)


def deltas_between(
    manifest: Manifest, files: Container[str], is_gone: Callable[[str], bool] = lambda path: False
) -> dict[str, list[Row]] | None:
    """Return the rows of those deltas of a manifest whose file and whose dictionary are both in ``files``.

    Those that are themselves gone are left out.
    """
    if manifest.deltas is None:
        return None
    rows: dict[str, list[Row]] = {}
    for path in manifest.deltas:
        for delta in manifest.deltas_of(path):
            if path in files and delta.dictionary in files and not is_gone(delta.path):
                rows.setdefault(path, []).append(delta.row)
    return rows


def manifest_without(manifest: Manifest, is_gone: Callable[[str], bool]) -> Manifest:
    """Return a manifest without the fingerprinted files and the deltas that are gone, in every release.

    A delta goes with its file, and with its dictionary.
    """
    gone = {path for path in manifest.files if is_gone(path)}
    paths = {logical: path for logical, path in manifest.paths.items() if path not in gone}
    files = {path: row for path, row in manifest.files.items() if path not in gone}
    return manifest._replace(
        paths=paths,
        files=files,
        deltas=deltas_between(manifest, files, is_gone),
        unhashed_files=None
        if manifest.unhashed_files is None
        else {path: row for path, row in manifest.unhashed_files.items() if path in paths},
        releases=tuple(_release_without(release, paths, gone) for release in manifest.releases),
    )


def _release_without(release: Release, in_force: Mapping[str, str], gone: Container[str]) -> Release:
    changed = {name: None if path in gone else path for name, path in release.changed.items()}
    return release._replace(
        changed={name: path for name, path in changed.items() if in_force.get(name) != path}
    )
