"""The build of the files that ``collectstatic`` collected.

Invariant: `hashserve.builder` decides everything about a release; this only passes it what Django found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.output.modes import Modes
from hashserve.builder.pipeline import build_files
from hashserve.builder.report import BuildReport, Progress
from hashserve.builder.sources.tree import SourceFile
from hashserve.django.build_settings import build_settings
from hashserve.django.collection.bundler_names import bundler_names
from hashserve.django.collection.collected_files import collected_files
from hashserve.django.collection.storage_patterns import patterns_of
from hashserve.django.settings import SPELLINGS, load, spelt_as_keys
from hashserve.manifest.model import Manifest
from hashserve.settings.build import BuildSettings

__all__ = ["build_release"]


def build_release(
    storage: Any, paths: Mapping[str, tuple[Any, str]], *, naming: Naming | None, on_progress: Progress
) -> tuple[BuildReport, Manifest]:
    """Build the release of the files ``paths`` into the folder of ``storage``.

    ``paths`` is what Django passes to ``post_process``. ``naming`` replaces the fingerprinter.
    Raises `HashserveError`.
    """
    files = collected_files(paths)
    settings = _settings_of(storage)
    with spelt_as_keys():
        return build_files(
            [SourceFile(logical_path=file.path, location=file.location(storage)) for file in files],
            storage.location,
            settings,
            kept=bundler_names(files, settings.already_hashed, settings.bundler_manifests),
            collected_first=storage.saved_first,
            unhashed="none" if load().own.keep_only_hashed_files else "original",
            naming=naming,
            patterns=patterns_of(storage),
            modes=Modes(file=storage.file_permissions_mode, folder=storage.directory_permissions_mode),
            spellings=SPELLINGS,
            on_progress=on_progress,
        )


def _settings_of(storage: Any) -> BuildSettings:
    if storage.support_js_module_import_aggregation:
        return build_settings()
    return build_settings(js_references="off")
