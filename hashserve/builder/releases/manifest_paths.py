"""The names that a manifest speaks for: which they are, and what is left of it without some.

Invariant: a manifest without names is a manifest; what it still lists, it lists as before.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from hashserve.builder.releases.retention import changed_paths
from hashserve.http.codings import CODINGS
from hashserve.manifest.files import MANIFEST_NAME
from hashserve.manifest.model import Manifest, Release

__all__ = ["folders_of", "is_in", "names_of", "unlisted_variants", "without"]


def names_of(manifest: Manifest) -> frozenset[str]:
    """List every name that a retained release refers to, each file's own too, with its variants."""
    paths = {*manifest.files, *_paths_of(manifest)}
    suffixes = ("", *(coding.suffix for coding in CODINGS.values()))
    return frozenset({MANIFEST_NAME, *(path + suffix for path in paths for suffix in suffixes)})


def unlisted_variants(manifest: Manifest) -> frozenset[str]:
    """List the names of fingerprinted files' variants that the manifest rules out: none is sent.

    Builds with other codings made them. Where a row tells nothing, or the name is an unhashed file's
    too, nothing is ruled out.
    """
    unhashed = {*manifest.paths, *(name for release in manifest.releases for name in release.changed)}
    records = filter(None, (manifest.record(path) for path in manifest.files if path not in unhashed))
    ruled_out = {
        record.path + coding.suffix
        for record in records
        if record.sha256 is not None
        for coding in CODINGS.values()
        if coding.name not in record.variants
    }
    return frozenset(ruled_out - _paths_of(manifest))


def _paths_of(manifest: Manifest) -> set[str]:
    """List what releases name as files of their own, fingerprinted or not."""
    paths = {*manifest.paths, *manifest.paths.values()}
    for release in manifest.releases:
        of_release = manifest.paths_of(release)
        paths.update(of_release, of_release.values())
    return paths


def folders_of(paths: Iterable[str]) -> set[str]:
    """List every folder that one of the paths lies in, at any depth."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def is_in(path: str, name: str) -> bool:
    """Whether a path is this name, or below it."""
    return path == name or path.startswith(f"{name}/")


def without(manifest: Manifest, is_gone: Callable[[str], bool]) -> Manifest:
    """Give a manifest that lists no fingerprinted file that is gone, in any of its releases."""
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
    release: Release, old: dict[str, str], new: dict[str, str], gone: Container[str]
) -> Release:
    left = {logical: path for logical, path in old.items() if path not in gone}
    return release._replace(changed=changed_paths(left, new))
