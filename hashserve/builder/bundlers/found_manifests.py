"""Manifests that nobody named: in a folder of the tree, or a JSON file of any name.

Invariant: a JSON file counts as a manifest only if it has a form that nothing but a bundler's manifest has,
and if the files that it lists are in the tree. Data of an application, which may name files too, is neither.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hashserve.builder.bundlers.name_tokens import CODE, token_of
from hashserve.errors import ManifestError
from hashserve.fingerprint_patterns import without_fingerprint
from hashserve.manifest.discovery import MANIFEST_NAME, find_manifest, read_file
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.json_text import parse_json
from hashserve.manifest.model import Manifest

__all__ = ["ListedNames", "names_in_data", "names_in_folders"]

LARGEST = 4 * 1024 * 1024
"""The largest JSON file, in bytes, that is tried: 20,000 files of a bundler."""


class ListedNames(NamedTuple):
    """What one manifest lists: the logical path of each file, or the ``problem`` that it has."""

    location: str
    names: Mapping[str, str] = {}
    problem: str = ""


def _names_listed(manifest: Manifest, folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return the logical path of each of the ``files`` that a manifest lists as fingerprinted.

    The paths of the manifest are relative to ``folder``, which is empty or ends with a slash.
    """
    logical = {folder + path: folder + name for name, path in manifest.paths.items()}
    listed = {}
    for path in (folder + path for path in manifest.files):
        if path in files:
            name = logical.get(path, path)
            listed[path] = name if name not in files else without_fingerprint(path) or path
    return listed


def names_in_folders(files: Mapping[str, str], paths: Mapping[str, object]) -> Iterator[ListedNames]:
    """Yield what the manifests of well-known names list, in every folder that some of the ``paths`` lie in.

    ``files`` maps each path of the tree to its location. Such a manifest may be in a folder that no walk of
    the tree visits, as Vite's is.
    """
    for folder, place in sorted(_folders(files, paths)):
        location = find_manifest(place)
        if location is None or location.endswith(MANIFEST_NAME):
            continue
        try:
            yield ListedNames(location, _names_listed(load_manifest(location), folder, files))
        except (ManifestError, OSError) as error:
            yield ListedNames(location, problem=str(error))


def _folders(files: Mapping[str, str], paths: Mapping[str, object]) -> set[tuple[str, str]]:
    """Return the folders around the ``paths``: each in the tree and on disk, as far as both have one name."""
    found: set[tuple[str, str]] = set()
    for path in paths:
        folder, place = posixpath.dirname(path), os.path.dirname(files[path])
        while (f"{folder}/" if folder else "", place) not in found:
            found.add((f"{folder}/" if folder else "", place))
            if not folder or posixpath.basename(folder) != os.path.basename(place):
                break
            folder, place = posixpath.dirname(folder), os.path.dirname(place)
    return found


def names_in_data(files: Mapping[str, str], paths: Mapping[str, object]) -> Iterator[ListedNames]:
    """Yield what the JSON files of a tree list that are manifests and list one of the ``paths``."""
    for path, location in files.items():
        if not path.endswith(".json") or posixpath.basename(path) == MANIFEST_NAME:
            continue
        try:
            if os.path.getsize(location) > LARGEST:
                continue
            names = _names_of(path, location, files)
        except (ManifestError, OSError):
            continue  # it is data
        if not names.keys().isdisjoint(paths):
            yield ListedNames(location, names)


def _names_of(path: str, location: str, files: Mapping[str, str]) -> dict[str, str]:
    document = parse_json(read_file(location), location)
    if type(document) is not dict or not _is_of_bundler(document):
        return {}
    folder = path[: path.rfind("/") + 1]
    manifest = load_manifest(location)
    listed = {folder + listed for listed in manifest.files if not listed.endswith(".map")}
    return _names_listed(manifest, folder, files) if listed <= files.keys() else {}


def _is_of_bundler(document: dict[str, Any]) -> bool:
    """Whether a document has the form of Vite's, or lists a script or style with a random token."""
    if any(type(entry) is dict and _is_entry_of_vite(key, entry) for key, entry in document.items()):
        return True
    listed = document["files"] if type(document.get("files")) is dict else document
    return any(_is_renamed(key, value) for key, value in listed.items())


def _is_entry_of_vite(key: str, entry: dict[str, Any]) -> bool:
    return entry.get("isEntry") is True and type(entry.get("file")) is str and entry.get("src") == key


def _is_renamed(key: str, value: object) -> bool:
    url = value.get("src") if type(value) is dict else value
    if type(url) is not str or not key.endswith(CODE):
        return False
    token = token_of(posixpath.basename(url.partition("?")[0]))
    return token is not None and token.is_random and token.plain_path == posixpath.basename(key)
