"""Paths in an output: those that a manifest refers to, and the folders that they lie in."""

from __future__ import annotations

from collections.abc import Iterable

from hashserve.http.codings import CODINGS
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import DELTA_SUFFIX, Manifest

__all__ = [
    "delta_paths",
    "folders_of",
    "is_at_or_below",
    "paths_named_as_deltas",
    "referenced_paths",
    "served_paths",
    "unlisted_variants",
]


def folders_of(paths: Iterable[str]) -> set[str]:
    """Return every folder that one of the paths lies in, at any depth."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def is_at_or_below(path: str, other: str) -> bool:
    """Whether a path is another, or lies in the folder of that name."""
    return path == other or path.startswith(f"{other}/")


def referenced_paths(manifest: Manifest) -> frozenset[str]:
    """Return every path that a release in the manifest refers to, with the variants that it may have.

    Among them are the paths of deltas, but only of those that the manifest lists.
    """
    paths = {*manifest.files, *_listed_paths(manifest)}
    suffixes = ("", *(coding.suffix for coding in CODINGS.values()))
    with_variants = (path + suffix for path in paths for suffix in suffixes)
    return frozenset({MANIFEST_NAME, *with_variants, *delta_paths(manifest)})


def served_paths(manifest: Manifest) -> frozenset[str]:
    """Return every path that a server may send, and the manifest's own.

    These are the fingerprinted files of all releases with their deltas, the unhashed files of the release in
    force, and the variants of both.
    """
    fingerprinted = {*manifest.files, *manifest.paths.values()}
    for release in manifest.releases:
        fingerprinted.update(path for path in release.changed.values() if path is not None)
    suffixes = ("", *(coding.suffix for coding in CODINGS.values()))
    paths = {path + suffix for path in (*fingerprinted, *manifest.paths) for suffix in suffixes}
    return frozenset({MANIFEST_NAME, *paths} - unlisted_variants(manifest) | delta_paths(manifest))


def delta_paths(manifest: Manifest) -> frozenset[str]:
    """Return the path of every delta that the manifest lists."""
    return frozenset(delta.path for path in manifest.deltas or () for delta in manifest.deltas_of(path))


def unlisted_variants(manifest: Manifest) -> frozenset[str]:
    """Return the paths of variants that no server sends, because the row of their file does not list them.

    Builds with other codings made them. Left out are the variants of a file without a row, and of a
    path that is an unhashed file too.
    """
    unhashed = {*manifest.paths, *(path for release in manifest.releases for path in release.changed)}
    records = filter(None, (manifest.record(path) for path in manifest.files if path not in unhashed))
    unlisted = {
        record.path + coding.suffix
        for record in records
        if record.sha256 is not None
        for coding in CODINGS.values()
        if coding.name not in record.variants
    }
    return frozenset(unlisted - _listed_paths(manifest))


def paths_named_as_deltas(manifest: Manifest) -> frozenset[str]:
    """Return the paths, of files and folders of any release, that no delta takes: they have such a name."""
    changed = (release.changed for release in manifest.releases)
    paths = (path for part in (manifest.paths, *changed) for item in part.items() for path in item)
    named = [path for path in paths if path is not None and DELTA_SUFFIX in path]
    return frozenset(path for path in (*named, *folders_of(named)) if path.endswith(DELTA_SUFFIX))


def _listed_paths(manifest: Manifest) -> set[str]:
    """Return the logical and the fingerprinted paths of every release."""
    paths = {*manifest.paths, *manifest.paths.values()}
    for release in manifest.releases:
        for logical, path in release.changed.items():
            if path is not None:
                paths.update((logical, path))
    return paths
