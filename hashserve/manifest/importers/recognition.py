"""Which tool wrote a manifest: recognised by its structure, else by its name, else by its values.

Invariant: a web app's manifest is never taken for one of a build.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from typing import Any

from hashserve.errors import ManifestError
from hashserve.fingerprint_patterns import looks_fingerprinted
from hashserve.manifest.discovery import MIX_MANIFEST, PHOENIX_MANIFEST, PROPSHAFT_MANIFEST, SPROCKETS_START
from hashserve.manifest.importers.mix import from_mix
from hashserve.manifest.importers.phoenix import from_phoenix
from hashserve.manifest.importers.propshaft import from_propshaft
from hashserve.manifest.importers.sprockets import from_sprockets
from hashserve.manifest.importers.vite import from_vite
from hashserve.manifest.importers.webpack import from_webpack
from hashserve.manifest.json_text import described
from hashserve.manifest.model import Manifest

__all__ = ["import_document"]

_Importer = Callable[[object, str], Manifest]

_KNOWN = (
    "hashserve reads its own or Django's staticfiles.json, and the manifests of Vite, "
    "webpack-manifest-plugin, webpack-assets-manifest, Phoenix, Propshaft, Sprockets and Laravel Mix"
)

_WEB_APP_MEMBERS = {
    "background_color",
    "display",
    "icons",
    "manifest_version",
    "short_name",
    "start_url",
    "theme_color",
}
"""Members that web apps and browser extensions have at top level, and that no build's manifest has."""


def import_document(document: object, source: str, folder: str) -> Manifest:
    """Import a manifest that is parsed JSON, with the importer of the tool that wrote it.

    ``source`` is its file, and ``folder`` the one that its paths are in. Raises `ManifestError`.
    """
    if type(document) is not dict:
        raise ManifestError(source, "top level", f"expected an object, found {described(document)}; {_KNOWN}")
    importer = _by_structure(document) or _by_name(source)
    if importer is None and document.keys() & _WEB_APP_MEMBERS:
        raise ManifestError(source, "top level", _web_app_problem(document))
    importer = importer or _by_values(document)
    if importer is None:
        raise ManifestError(source, "top level", f"is not a manifest of a known tool; {_KNOWN}")
    if importer is from_webpack:
        return from_webpack(document, source, folder=folder)
    return importer(document, source)


def _web_app_problem(members: dict[str, Any]) -> str:
    found = ", ".join(sorted(members.keys() & _WEB_APP_MEMBERS))
    return (
        f"is the manifest of a web app or a browser extension (it has {found}), which lists no fingerprinted "
        f"files; name the manifest of your build tool, such as Vite's .vite/manifest.json; {_KNOWN}"
    )


def _by_structure(document: dict[str, Any]) -> _Importer | None:
    if {"latest", "digests"} <= document.keys():
        return from_phoenix
    if {"assets", "files"} <= document.keys():
        return from_sprockets
    members = {member for entry in document.values() if type(entry) is dict for member in entry}
    if "digested_path" in members:
        return from_propshaft
    if "file" in members:
        return from_vite
    return None


def _by_name(source: str) -> _Importer | None:
    folder, name = os.path.split(source)
    if name.startswith(SPROCKETS_START):
        return from_sprockets
    if os.path.basename(folder) == ".vite":
        return from_vite
    return {
        PHOENIX_MANIFEST: from_phoenix,
        PROPSHAFT_MANIFEST: from_propshaft,
        MIX_MANIFEST: from_mix,
    }.get(name)


def _by_values(document: dict[str, Any]) -> _Importer | None:
    """Recognise the flat forms: unlike any other JSON, they map names of files to names of files."""
    if document and all(_is_mix(key, value) for key, value in document.items()):
        return from_mix
    files = document.get("files")
    entries = files if type(files) is dict else document
    return from_webpack if any(_is_webpack(key, value) for key, value in entries.items()) else None


def _is_mix(key: str, value: object) -> bool:
    return key.startswith("/") and type(value) is str and value.partition("?")[0] == key


def _is_webpack(key: str, value: object) -> bool:
    url = value.get("src") if type(value) is dict else value
    if type(url) is not str:
        return False
    path = url.partition("?")[0]
    extension = posixpath.splitext(path)[1]
    return looks_fingerprinted(path) or (extension != "" and extension == posixpath.splitext(key)[1])
