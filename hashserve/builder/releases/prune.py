"""Pruning: removing the files that no retained release refers to.

Invariant: no file is removed that the manifest in force lists, or that no build made. The manifest without
the dropped releases is in force before the first file is removed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from hashserve.builder.chunks import read_chunks
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.output.folder import open_output
from hashserve.builder.output.modes import NO_MODES, Modes
from hashserve.builder.output.paths import referenced_paths, unlisted_variants
from hashserve.builder.output.private_folder import PRIVATE_FOLDER, PrivateFolder
from hashserve.builder.output.state import BuildState
from hashserve.builder.releases.retention import (
    build_time,
    check_retention,
    deltas_between,
    old_releases,
    retain,
)
from hashserve.errors import BuildError, ManifestError
from hashserve.file_tree import walk_folders
from hashserve.fingerprint_patterns import fingerprint_of
from hashserve.http.codings import CODINGS
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest, file_of_delta

__all__ = ["PruneReport", "prune"]

_MD5_DIGITS = 32
"""The length of a whole MD5 digest; a longer fingerprint is not one that builds make by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What was removed, or would be: ids of releases, and files with their sizes in bytes."""

    releases: list[str] = field(default_factory=list)
    files: Mapping[str, int] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def freed_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(self.files.values())


def prune(
    out: str | os.PathLike[str],
    *,
    keep: int | None = None,
    keep_days: float | None = None,
    dry_run: bool = False,
) -> PruneReport:
    """Remove from the folder ``out`` the files that no retained release refers to.

    With ``keep`` or ``keep_days``, first drop the releases that neither of them retains; the one that
    is None retains nothing. With ``dry_run``, change nothing. Raises `SettingError`, and `BuildError`
    where there is no usable manifest, because nothing else says which files are needed.
    """
    root = os.path.abspath(out)
    if not os.path.isdir(root):
        raise BuildError(os.fspath(out), "is not a folder", "name the folder that hashserve build wrote")
    check_retention(keep, keep_days)
    if dry_run:  # without the lock, because a dry run creates nothing
        state = BuildState(PrivateFolder(root).state_location)
        return replace(_decide(root, state, keep, keep_days)[0], dry_run=True)
    with open_output(root, modes=_modes_of_manifest(root)) as output:
        report, manifest = _decide(root, output.state, keep, keep_days)
        if report.releases:
            output.publish(manifest)
        for path in report.files:
            output.remove(path)
        output.state.keep_loaded()
        output.save_state()
    return report


def _modes_of_manifest(root: str) -> Modes:
    """Return the modes that keep the manifest readable for the servers that read it now."""
    try:
        return Modes(file=stat.S_IMODE(os.stat(os.path.join(root, MANIFEST_NAME)).st_mode))
    except OSError:  # `_decide` reports it
        return NO_MODES


def _decide(
    root: str, state: BuildState, keep: int | None, keep_days: float | None
) -> tuple[PruneReport, Manifest]:
    """Return what to remove, and the manifest without the releases to drop."""
    manifest = _manifest_in_force(root)
    if keep is None and keep_days is None:
        smaller = manifest
    else:
        smaller = _with_retained_releases(manifest, keep or 1, keep_days or 0)
    needed = referenced_paths(smaller) - unlisted_variants(smaller)
    files = {path: size for path, size in _sizes(root) if path not in needed and _is_built(root, path, state)}
    dropped = {release.id for release in manifest.releases} - {release.id for release in smaller.releases}
    return PruneReport(releases=sorted(dropped), files=files), smaller


def _manifest_in_force(root: str) -> Manifest:
    location = os.path.join(root, MANIFEST_NAME)
    try:
        return Manifest.load(location)
    except OSError as error:
        raise BuildError(
            location, f"cannot be read: {error.strerror}", "nothing was removed; build first"
        ) from error
    except ManifestError as error:
        raise BuildError(
            location, f"is broken: {error.detail}", "nothing was removed; build first"
        ) from error


def _with_retained_releases(manifest: Manifest, keep: int, keep_days: float) -> Manifest:
    """Return the manifest with only those old releases, and their files, that are retained."""
    now = build_time()
    retained = retain(
        old_releases(manifest, now), release=manifest.release, keep=keep, keep_days=keep_days, now=now
    )
    ids = {old.id for old in retained}
    needed = {*manifest.paths.values(), *(path for old in retained for path in old.changed.values())}
    files = {path: row for path, row in manifest.files.items() if path in needed}
    return manifest._replace(
        releases=tuple(release for release in manifest.releases if release.id in ids),
        files=files,
        deltas=deltas_between(manifest, files),
    )


def _sizes(root: str) -> Iterator[tuple[str, int]]:
    """Yield the path and the size of every regular file outside the private folder."""
    for folder, entries in walk_folders(root):
        entries[:] = [entry for entry in entries if entry.name != PRIVATE_FOLDER]
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield folder + entry.name, entry.stat().st_size


def _is_built(root: str, path: str, state: BuildState) -> bool:
    """Whether a build made a file: by the state or, where that is lost, by the fingerprint in the path."""
    if state.is_built(path) or not state.is_empty:
        return state.is_built(path)
    path = file_of_delta(path) or path
    for coding in CODINGS.values():
        path = path.removesuffix(coding.suffix)
    fingerprint, location = fingerprint_of(path), os.path.join(root, path)
    if fingerprint is None or len(fingerprint) > _MD5_DIGITS or not os.path.isfile(location):
        return False
    fingerprinter = Fingerprinter(length=len(fingerprint))
    return fingerprinter.fingerprint(read_chunks(location)) == fingerprint
