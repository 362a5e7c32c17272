"""The manifests of other tools, imported so that the files that they fingerprinted are served as immutable.

Invariant: a path is immutable only if its name carries a fingerprint. Phoenix, Propshaft and Sprockets
put one into every name, so a name must have the form that they write. Bundlers can be configured
without hashes, so `looks_fingerprinted` must agree.

The paths of an imported manifest:

* A path is relative to the folder of the manifest; for ``.vite``, to the folder above. If ``root`` is above
  that folder, logical paths and paths both start with its path below ``root`` (``dist/``).
* A logical path is the tool's own key. A file without a key (a shared chunk, the CSS of an entry) has
  its path without the fingerprint. Where two files would share that name, neither has it; both are immutable.
* A key that is also the path of another file below ``root`` names that file, not what the tool made of it:
  Vite's key ``index.html`` is its entry script, and ``index.html`` is the page. What the tool made then has
  its path without the fingerprint. Only an original next to its own fingerprinted form gives way to that.
* A key that is not a path inside the root (``../shared/app.js``) is ignored; its file is listed.
* A path that leaves the root raises `ManifestError`. In webpack's manifests it is ignored and logged, and so
  is the URL of another host: these manifests also list files that hashserve does not serve.
* Size and digest are None where the tool does not state them.
"""

from __future__ import annotations

import os
from pathlib import PurePath

from hashserve.fingerprint_patterns import without_fingerprint
from hashserve.manifest.discovery import MANIFEST_NAME, read_file
from hashserve.manifest.importers.names import is_digested
from hashserve.manifest.importers.recognition import import_document
from hashserve.manifest.json_text import parse_json
from hashserve.manifest.model import Manifest, release_id

__all__ = ["load_manifest"]


def load_manifest(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> Manifest:
    """Read the manifest of any known tool at ``path``, with paths relative to the served ``root``.

    Paths stay as the tool wrote them without ``root``, or if the manifest is outside of it. Paths in
    hashserve's and Django's own manifest always stay. Raises `OSError` or `ManifestError`.
    """
    source = os.fspath(path)
    if os.path.basename(source) == MANIFEST_NAME:
        return Manifest.load(source)
    document = parse_json(read_file(source), source)
    if type(document) is dict and "paths" in document and "version" in document:
        return Manifest.of(document, source=source)
    folder, start = _folder_of(source, root)
    manifest = _with_start(start, import_document(document, source, folder))
    return manifest if root is None else _without_shadows(manifest, os.fspath(root))


def _folder_of(source: str, root: str | os.PathLike[str] | None) -> tuple[str, str]:
    """Return the folder that a manifest's paths are in, and its path below ``root``: "" or "dist/"."""
    folder = PurePath(os.path.abspath(source)).parent
    if folder.name == ".vite":
        folder = folder.parent
    if root is None:
        return str(folder), ""
    top = PurePath(os.path.abspath(root))
    if not folder.is_relative_to(top):
        return str(top), ""
    return str(folder), "".join(f"{segment}/" for segment in folder.relative_to(top).parts)


def _with_start(start: str, manifest: Manifest) -> Manifest:
    """Return the manifest with ``start`` before each path."""
    if not start:
        return manifest
    paths = {start + logical: start + path for logical, path in manifest.paths.items()}
    return manifest._replace(
        paths=paths,
        files={start + path: row for path, row in manifest.files.items()},
        queries={start + logical: query for logical, query in manifest.queries.items()},
        release=release_id(paths),
    )


def _without_shadows(manifest: Manifest, root: str) -> Manifest:
    """Return the manifest without the logical paths that are other files below ``root``."""
    shadows = [
        logical
        for logical, path in manifest.paths.items()
        if path != logical
        and without_fingerprint(path) != logical
        and not is_digested(path, logical)
        and os.path.isfile(os.path.join(root, logical))
    ]
    if not shadows:
        return manifest
    paths = dict(manifest.paths)
    for logical in shadows:
        path = paths.pop(logical)
        plain = without_fingerprint(path)
        if plain is not None and plain not in paths and not os.path.isfile(os.path.join(root, plain)):
            paths[plain] = path
    queries = {logical: query for logical, query in manifest.queries.items() if logical in paths}
    return manifest._replace(paths=paths, queries=queries, release=release_id(paths))
