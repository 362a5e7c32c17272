"""The import map of a release: from module names that stay the same to fingerprinted URLs.

Invariant: a script can import another by a name that never changes, so that a change in one script renames
that script only. Source: HTML standard, 8.1.6.2 (import maps), and its ``integrity`` key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Mapping, Sequence

from hashserve.atomic_files import write_atomically
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.references.languages import language_of
from hashserve.digests import integrity_of
from hashserve.errors import BuildError, SettingError
from hashserve.module_graph import ModuleGraph, reached_modules
from hashserve.settings.build import BuildSettings
from hashserve.url_paths import url_of

__all__ = ["check_names_of_map", "import_map", "stage_import_map"]


def import_map(
    published: Mapping[str, PublishedFile],
    modules: ModuleGraph,
    *,
    bare: Mapping[str, str],
    entries: Sequence[str],
    prefix: str,
) -> str:
    """Return the import map of a release as JSON.

    ``imports`` maps these names of each module to its fingerprinted URL: its unhashed URL (to which a
    relative import resolves), its logical path, and its ``bare`` specifiers. ``integrity`` maps each
    fingerprinted URL to the module's digest. With ``entries``, only what they reach is in the map.
    """
    imports: dict[str, str] = {}
    integrity: dict[str, str] = {}
    names = reached_modules(modules, entries, bare) if entries else {*modules, *bare.values()}
    for logical_path in sorted(names & published.keys()):
        file = published[logical_path]
        url = url_of(prefix + file.path)
        imports[url_of(prefix + logical_path)] = imports[logical_path] = url
        integrity[url] = integrity_of(file.sha256)
    named = ((specifier, imports.get(logical_path)) for specifier, logical_path in sorted(bare.items()))
    imports.update((specifier, url) for specifier, url in named if url is not None)
    document = {"imports": dict(sorted(imports.items())), "integrity": integrity}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def check_names_of_map(settings: BuildSettings, paths: Container[str]) -> None:
    """Raise `SettingError` for a bare specifier or an entry that is no script among ``paths``."""
    bare = settings.import_map_bare
    for specifier, logical_path in bare.items():
        if logical_path not in paths or not _is_script(logical_path):
            raise SettingError(
                "import_map_bare", specifier, f"names {logical_path!r}, which is not a script of the source"
            )
    for entry in settings.import_map_entries:
        if entry not in bare and not (entry in paths and _is_script(entry)):
            raise SettingError("import_map_entries", entry, "is not a script of the source")


def stage_import_map(
    published: Mapping[str, PublishedFile], modules: ModuleGraph, settings: BuildSettings
) -> tuple[str, str] | None:
    """Write the import map that the settings ask for to a temporary file next to its location.

    Returns the locations to rename it from and to; None if there is nothing to write. Raises `BuildError`.
    """
    location = settings.import_map
    if location is None:
        return None
    content = import_map(
        published,
        modules,
        bare=settings.import_map_bare,
        entries=settings.import_map_entries,
        prefix=settings.prefix,
    ).encode()
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
