"""Files that a bundler fingerprinted, in the folders that Django's finders look in.

Invariant: only a manifest at the top of such a folder can stop the build. A broken one deeper in a
package is logged and ignored, because the project's developers cannot correct it.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hashserve.builder.bundlers.stated_names import already_fingerprinted
from hashserve.builder.output.paths import folders_of
from hashserve.django.collection.collected_files import CollectedFile
from hashserve.errors import ManifestError
from hashserve.manifest.discovery import find_manifest
from hashserve.visible_text import logger

__all__ = ["bundler_names"]


def bundler_names(
    files: Sequence[CollectedFile], patterns: Sequence[str], manifests: Sequence[str] = ()
) -> dict[str, str]:
    """Return the logical path of each file that keeps its name, by its path in STATIC_ROOT.

    A file keeps its name if a bundler's manifest lists it, or if it matches one of ``patterns``.
    ``manifests`` are names of manifests, as templates would name them, or their paths on disk.
    Raises `ManifestError`, and `SettingError` for one of ``manifests`` that lists no collected file.
    """
    names = already_fingerprinted([], [file.path for file in files], patterns)
    sources = list(_source_folders(files))
    for manifest in manifests:
        names.update(_names_of(manifest, sources, files))
    for source in sources:
        for folder in source.subfolders():
            names.update(_names_in(source, folder, names))
    return names


def _names_of(
    manifest: str, sources: Sequence[_SourceFolder], files: Sequence[CollectedFile]
) -> dict[str, str]:
    """Return what a manifest that a project names lists. It need not be collected, as a hidden one is not."""
    for source in sources:
        start = f"{source.prefix}/" if source.prefix else ""
        if manifest.startswith(os.path.join(source.location, "")):
            location = manifest
        else:
            location = os.path.join(source.location, manifest.removeprefix(start))
        if os.path.isfile(location) and (location == manifest or manifest.startswith(start)):
            paths = [path[len(start) :] for path in source.paths]
            listed = already_fingerprinted([source.location], paths, (), [location])
            return {start + path: start + logical_path for path, logical_path in listed.items()}
    roots = [source.location for source in sources]
    return already_fingerprinted(roots, [file.path for file in files], (), [manifest])


@dataclass(frozen=True, slots=True, kw_only=True)
class _SourceFolder:
    """A folder that files were collected from, its prefix in STATIC_ROOT, and their paths there."""

    location: str
    prefix: str
    paths: tuple[str, ...]

    def subfolders(self) -> list[str]:
        """List the folder itself, as "", and each folder in it, with a slash at the end."""
        start = len(self.prefix) + 1 if self.prefix else 0
        return ["", *(f"{folder}/" for folder in sorted(folders_of(path[start:] for path in self.paths)))]


def _source_folders(files: Iterable[CollectedFile]) -> Iterator[_SourceFolder]:
    paths: dict[tuple[str, str], list[str]] = {}
    for file in files:
        if file.source_folder is not None:
            paths.setdefault(file.source_folder, []).append(file.path)
    for (location, prefix), collected in paths.items():
        yield _SourceFolder(location=location, prefix=prefix, paths=tuple(collected))


def _names_in(source: _SourceFolder, folder: str, known: Container[str]) -> dict[str, str]:
    """Return what the bundler's manifest in a subfolder lists, without the ``known`` paths."""
    location = os.path.join(source.location, folder)
    if find_manifest(location) is None:
        return {}
    start = (f"{source.prefix}/" if source.prefix else "") + folder
    paths = [path[len(start) :] for path in source.paths if path.startswith(start) and path not in known]
    try:
        names = already_fingerprinted([location], paths, ())
    except ManifestError as error:
        if not folder:
            raise
        logger.warning("%s; the files in this folder are fingerprinted like others", error)
        return {}
    return {start + path: start + logical_path for path, logical_path in names.items()}
