"""Pruning: removing what no retained release refers to.

Invariant: nothing is removed that the manifest in force lists, and nothing that a build did not make.
The manifest that lists less is in force before the first file goes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from hashserve.builder.chunks import read_chunks
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.output.private_folder import PRIVATE_FOLDER
from hashserve.builder.output.writer import Output
from hashserve.builder.releases.manifest_paths import names_of, unlisted_variants
from hashserve.builder.releases.retention import check_retention, moment, old_releases, retained
from hashserve.errors import BuildError, ManifestError
from hashserve.file_tree import walk_folders
from hashserve.fingerprint_patterns import fingerprint_of
from hashserve.http.codings import CODINGS
from hashserve.manifest.files import MANIFEST_NAME
from hashserve.manifest.model import Manifest, Release

__all__ = ["PruneReport", "prune"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What was removed, or would be: release ids, and files with their sizes in bytes."""

    releases: list[str] = field(default_factory=list)
    files: Mapping[str, int] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def freed_bytes(self) -> int:
        """How many bytes the files have together."""
        return sum(self.files.values())


def prune(
    out: str | os.PathLike[str],
    *,
    keep: int | None = None,
    keep_days: float | None = None,
    dry_run: bool = False,
) -> PruneReport:
    """Remove from the folder ``out`` what no retained release refers to.

    With ``keep`` or ``keep_days``, releases that these would not retain are dropped first (what is
    not given retains nothing by itself). With ``dry_run``, nothing changes. Raises `BuildError`
    where there is no usable manifest (without one, nothing tells what is needed), and `SettingError`.
    """
    root = os.fspath(out)
    if not os.path.isdir(root):
        raise BuildError(root, "is not a folder", "name the folder that hashserve build wrote")
    check_retention(keep, keep_days)
    # A dry run makes nothing, not even a lock: it tells of this moment alone.
    with nullcontext(Output(root)) if dry_run else Output(root) as output:
        manifest = _manifest(output)
        lesser = (
            manifest if keep is None and keep_days is None else _lesser(manifest, keep or 1, keep_days or 0)
        )
        needed = names_of(lesser) - unlisted_variants(lesser)
        removable = {
            path: size for path, size in _sizes(output) if path not in needed and _is_ours(output, path)
        }
        dropped = {release.id for release in manifest.releases} - {release.id for release in lesser.releases}
        if not dry_run:
            if dropped:
                output.publish(lesser)
            for path in removable:
                output.remove(path)
            output.memory.keep_recalled()
            output.memory.save(output.temporary_folder)
    return PruneReport(releases=sorted(dropped), files=removable, dry_run=dry_run)


def _manifest(output: Output) -> Manifest:
    location = output.location(MANIFEST_NAME)
    try:
        return Manifest.load(location)
    except OSError as error:
        raise BuildError(
            location, f"cannot be read: {error.strerror}", "build first: nothing was removed"
        ) from error
    except ManifestError as error:
        raise BuildError(location, f"is broken: {error}", "build first: nothing was removed") from error


def _lesser(manifest: Manifest, keep: int, keep_days: float) -> Manifest:
    """Give the manifest without the releases that are not to be retained, and their files."""
    now = moment()
    candidates = old_releases(manifest, now)
    kept = retained(candidates, release=manifest.release, keep=keep, keep_days=keep_days, now=now)
    ids = {old.id for old in kept}
    releases: list[Release] = [release for release in manifest.releases if release.id in ids]
    needed = {*manifest.paths.values(), *(path for old in kept for path in old.paths.values())}
    files = {path: row for path, row in manifest.files.items() if path in needed}
    return manifest._replace(releases=tuple(releases), files=files)


def _sizes(output: Output) -> Iterator[tuple[str, int]]:
    """Yield the path and the size of every regular file, except those that builds keep to themselves."""
    for folder, entries in walk_folders(output.root):
        entries[:] = [entry for entry in entries if entry.name != PRIVATE_FOLDER]
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield folder + entry.name, entry.stat().st_size


def _is_ours(output: Output, path: str) -> bool:
    """Whether a build made a file: it is remembered, or all memory is lost and its name is its content's."""
    if output.memory.is_made(path) or not output.memory.is_empty:
        return output.memory.is_made(path)
    for coding in CODINGS.values():
        path = path.removesuffix(coding.suffix)
    token = fingerprint_of(path)
    if token is None or len(token) > _MD5_DIGITS or not os.path.isfile(output.location(path)):
        return False
    fingerprinter = Fingerprinter(length=len(token))
    return fingerprinter.token_of_chunks(read_chunks(output.location(path))) == token


_MD5_DIGITS = 32
