"""What ``collectstatic`` has collected, as a build takes it in.

Invariant: what is built is what the finders found, read where they found it, whatever an earlier
collection left in STATIC_ROOT; and what a project's own storage says of names is heard.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.pipeline import Progress, build_files
from hashserve.builder.releases.manifest_paths import folders_of
from hashserve.builder.report import BuildReport
from hashserve.builder.settings import BuildSettings
from hashserve.builder.sources.bundler_names import already_fingerprinted
from hashserve.builder.sources.walk import SourceFile
from hashserve.django.build_settings import build_settings
from hashserve.django.patterns import patterns_of
from hashserve.django.settings import load
from hashserve.errors import ManifestError
from hashserve.manifest.files import find_manifest
from hashserve.manifest.model import Manifest

__all__ = ["build_collected"]

_logger = logging.getLogger("hashserve")

CollectedFiles = Mapping[str, tuple[Any, str]]
"""The storage that each collected file was found in and its path there, by its path in STATIC_ROOT."""


def build_collected(
    storage: Any, paths: CollectedFiles, on_progress: Progress
) -> tuple[BuildReport, Manifest]:
    """Build the release of the files ``paths`` into the folder of ``storage``.

    Raises `HashserveError` for whatever a build raises.
    """
    found = {path.replace(os.sep, "/"): place for path, place in paths.items()}
    files = [
        SourceFile(logical_path=path, location=_location(storage, path, *found[path]))
        for path in sorted(found)
    ]
    settings = _settings(storage)
    return build_files(
        files,
        storage.location,
        settings,
        kept=_kept(found, settings.already_hashed),
        unhashed="none" if load().keep_only_hashed_files else "original",
        naming=_naming(storage),
        patterns=patterns_of(storage),
        on_progress=on_progress,
    )


def _settings(storage: Any) -> BuildSettings:
    if storage.support_js_module_import_aggregation:
        return build_settings()
    return build_settings(js_references="off")


def _location(storage: Any, path: str, source: Any, source_path: str) -> str:
    """Give where a file is read: where it was found, or where that storage has no folder, its copy."""
    try:
        location: str = source.path(source_path)
    except (NotImplementedError, AttributeError, ImproperlyConfigured):
        location = storage.path(path)
    return location


# What bundlers have fingerprinted


def _kept(found: CollectedFiles, patterns: Sequence[str]) -> dict[str, str]:
    """Give the logical path of every file that keeps its name, by its path in STATIC_ROOT."""
    kept = already_fingerprinted([], list(found), patterns)
    for source in _sources(found):
        for folder in source.folders():
            kept.update(_kept_below(source, folder, kept))
    return kept


def _kept_below(source: _CollectedSource, folder: str, kept: Container[str]) -> dict[str, str]:
    """Give what a bundler's manifest in ``folder`` (empty, or ending in a slash) says, as `_kept` does."""
    root = os.path.join(source.root, folder)
    if find_manifest(root) is None:
        return {}
    start = (f"{source.prefix}/" if source.prefix else "") + folder
    paths = [path[len(start) :] for path in source.paths if path.startswith(start) and path not in kept]
    try:
        inside = already_fingerprinted([root], paths, ())
    except ManifestError as error:
        if not folder:
            raise
        # Deep in some package, which nobody here can mend, it may be anything.
        _logger.warning("%s; its folder's files are fingerprinted like others", error)
        return {}
    return {start + path: start + logical for path, logical in inside.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _CollectedSource:
    """A folder that files were found in, the prefix they were collected under, and their paths with it."""

    root: str
    prefix: str
    paths: list[str]

    def folders(self) -> list[str]:
        """List the source's folder, and those below it in which a bundler may have put all that it makes."""
        start = len(self.prefix) + 1 if self.prefix else 0
        return ["", *(f"{folder}/" for folder in sorted(folders_of(path[start:] for path in self.paths)))]


def _sources(found: CollectedFiles) -> Iterable[_CollectedSource]:
    sources: dict[int, _CollectedSource] = {}
    for path, (storage, _) in found.items():
        root = getattr(storage, "location", None)
        if isinstance(root, (str, os.PathLike)) and os.path.isdir(root):
            prefix = getattr(storage, "prefix", None) or ""
            source = _CollectedSource(
                root=os.fspath(root), prefix=prefix.replace(os.sep, "/").strip("/"), paths=[]
            )
            sources.setdefault(id(storage), source).paths.append(path)
    return sources.values()


# What a project's own storage says


class _HashedStorage(Protocol):
    def hashed_name(self, name: str, content: Any) -> str: ...
    def clean_name(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class StorageNaming:
    """Names files as a project's own ``file_hash`` or ``hashed_name`` does."""

    storage: _HashedStorage

    @property
    def growth(self) -> int:
        """How many bytes longer than a logical path its name may be: as a SHA-256 would make it."""
        return 65

    def name(self, logical_path: str, chunks: Iterable[bytes]) -> str:
        """Give the name of a file with this content."""
        return self.storage.clean_name(self.storage.hashed_name(logical_path, ContentFile(b"".join(chunks))))


def _naming(storage: Any) -> Naming | None:
    """Give the storage's own way of naming, if it has one; None for the fingerprinter's."""
    from hashserve.django.storage import ManifestStaticFilesStorage

    own, kind = ManifestStaticFilesStorage, type(storage)
    is_ours = kind.file_hash is own.file_hash and kind.hashed_name is own.hashed_name
    return None if is_ours else StorageNaming(storage)
