"""The import map: module names that stay, to the fingerprinted URLs of today.

Invariant: with it, a script may import another by a name that never changes, so a change in a leaf
renames the leaf alone. Source: HTML standard, 8.1.6.2 (import maps), and its ``integrity`` key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Mapping

from hashserve.atomic_files import write_atomically
from hashserve.builder.compression.variants import PublishedFile
from hashserve.builder.references.languages import language_of
from hashserve.digests import integrity_of
from hashserve.errors import BuildError, SettingError
from hashserve.paths import url_of

__all__ = ["check_bare", "import_map", "stage_import_map"]


def import_map(published: Mapping[str, PublishedFile], bare: Mapping[str, str], prefix: str) -> str:
    """Write the import map of a release as JSON.

    It maps, for every script, its unhashed URL (which is what a relative import resolves to) and its
    logical path, and each ``bare`` specifier for the logical path that it stands for, to the
    fingerprinted URL under ``prefix``; and each such URL to its integrity.
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
    """Raise `SettingError` for a bare specifier that stands for no script among ``paths``."""
    for specifier, logical_path in bare.items():
        if logical_path not in paths or not _is_script(logical_path):
            raise SettingError(
                "import_map_bare", specifier, f"stands for {logical_path!r}, which is no script here"
            )


def stage_import_map(location: str, text: bytes) -> Callable[[], None]:
    """Write an import map beside its place; gives what puts it there. Raises `BuildError`."""
    waiting = f"{location}.new"
    if os.path.exists(location) and not os.path.isfile(location):
        raise BuildError(location, "is not a regular file", "choose another name for the import map")
    try:
        if _has(location, text):
            return lambda: None
        write_atomically(waiting, [text])
    except OSError as error:
        raise BuildError(location, f"cannot be written: {error.strerror}", "check its folder") from error
    return lambda: os.replace(waiting, location)


def _is_script(logical_path: str) -> bool:
    return language_of(logical_path) in ("js", "mjs")


def _has(location: str, content: bytes) -> bool:
    try:
        with open(location, "rb") as stream:
            return stream.read() == content
    except FileNotFoundError:
        return False
