"""The import map of a release: from module names that stay the same to fingerprinted URLs.

Invariant: a script can import another by a name that never changes, so that a change in one script renames
that script only. Source: HTML standard, 8.1.6.2 (import maps), and its ``integrity`` key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Mapping

from hashserve.atomic_files import write_atomically
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.references.languages import language_of
from hashserve.digests import integrity_of
from hashserve.errors import BuildError, SettingError
from hashserve.settings.build import BuildSettings
from hashserve.url_paths import url_of

__all__ = ["check_bare", "import_map", "stage_import_map"]


def import_map(published: Mapping[str, PublishedFile], bare: Mapping[str, str], prefix: str) -> str:
    """Return the import map of a release as JSON.

    ``imports`` maps these names of each script to its fingerprinted URL: its unhashed URL (to which a
    relative import resolves), its logical path, and its ``bare`` specifiers. ``integrity`` maps each
    fingerprinted URL to the script's digest.
    """
    imports: dict[str, str] = {}
    integrity: dict[str, str] = {}
    for logical_path, file in sorted(published.items()):
        if _is_script(logical_path):
            url = url_of(prefix + file.path)
            imports[url_of(prefix + logical_path)] = imports[logical_path] = url
            integrity[url] = integrity_of(file.sha256)
    imports.update((specifier, imports[logical_path]) for specifier, logical_path in sorted(bare.items()))
    document = {"imports": dict(sorted(imports.items())), "integrity": integrity}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def check_bare(bare: Mapping[str, str], paths: Container[str]) -> None:
    """Raise `SettingError` for a bare specifier whose path is not that of a script among ``paths``."""
    for specifier, logical_path in bare.items():
        if logical_path not in paths or not _is_script(logical_path):
            raise SettingError(
                "import_map_bare", specifier, f"names {logical_path!r}, which is not a script of the source"
            )


def stage_import_map(
    published: Mapping[str, PublishedFile], settings: BuildSettings
) -> tuple[str, str] | None:
    """Write the import map that the settings ask for to a temporary file next to its location.

    Returns the locations to rename it from and to; None if there is nothing to write. Raises `BuildError`.
    """
    location = settings.import_map
    if location is None:
        return None
    content = import_map(published, settings.import_map_bare, settings.prefix).encode()
    staged = f"{location}.new"
    if os.path.exists(location) and not os.path.isfile(location):
        raise BuildError(location, "is not a regular file", "choose another name for the import map")
    try:
        if _has(location, content):
            return None
        write_atomically(staged, [content])
    except OSError as error:
        raise BuildError(location, f"cannot be written: {error.strerror}", "check its folder") from error
    return staged, location


def _is_script(logical_path: str) -> bool:
    return language_of(logical_path) in ("js", "mjs")


def _has(location: str, content: bytes) -> bool:
    try:
        with open(location, "rb") as stream:
            return stream.read() == content
    except FileNotFoundError:
        return False
