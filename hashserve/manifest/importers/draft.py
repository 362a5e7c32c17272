"""The draft of a manifest that an importer fills: checked values, and errors that name the place.

Invariant: every path in a draft is relative and inside the root, and may be served.
"""

from __future__ import annotations

from typing import Any, NoReturn

from hashserve.errors import ManifestError
from hashserve.fingerprint_patterns import without_fingerprint
from hashserve.manifest.importers.listed_urls import encoded_query
from hashserve.manifest.importers.names import is_digested
from hashserve.manifest.json_text import described, quoted
from hashserve.manifest.model import Manifest, Row, release_id
from hashserve.manifest.schema import unsafe_path
from hashserve.url_paths import is_servable
from hashserve.visible_text import logger

__all__ = ["ManifestDraft"]


class ManifestDraft:
    """Collects what another tool's manifest lists. ``source`` names its file in errors."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._paths: dict[str, str] = {}
        self._files: dict[str, Row | None] = {}
        self._queries: dict[str, str] = {}
        self._derived: dict[str, set[str]] = {}

    # Reading

    def fail(self, location: str, problem: str) -> NoReturn:
        """Raise `ManifestError` for the place ``location`` in the file."""
        raise ManifestError(self.source, location, problem)

    def leave_out(self, location: str, reason: str) -> None:
        """Log that an entry is ignored."""
        logger.debug("%s: %s: ignored, because it %s", self.source, location, reason)

    def members(self, value: object, location: str) -> dict[str, Any]:
        """Return ``value`` if it is an object. Raises `ManifestError`."""
        if type(value) is not dict:
            self.fail(location, f"expected an object, found {described(value)}")
        return value

    def text(self, value: object, location: str) -> str:
        """Return ``value`` if it is a string. Raises `ManifestError`."""
        if type(value) is not str:
            self.fail(location, f"expected a string, found {described(value)}")
        return value

    def path(self, value: object, location: str) -> str:
        """Return ``value`` if it is a path inside the root. Raises `ManifestError`."""
        path = self.text(value, location)
        if unsafe_path([path]) is not None:
            self.fail(
                location,
                f"{quoted(path)} is not a relative path inside the root; "
                "have the tool write this file into the folder that you serve",
            )
        return path

    def paths_in(self, value: object, location: str) -> list[str]:
        """Return ``value`` if it is a list of paths inside the root. Raises `ManifestError`."""
        if type(value) is not list:
            self.fail(location, f"expected a list, found {described(value)}")
        return [self.path(item, f"{location}[{number}]") for number, item in enumerate(value)]

    # Filling

    def name(self, logical: str, path: str, query: str = "") -> None:
        """Map ``logical`` to ``path``, with a query that versions it.

        Ignores an unsafe name, and a path that is never served, such as ``.htaccess``.
        """
        if unsafe_path([logical]) is not None or not is_servable(path):
            return
        self._paths[logical] = path
        if query:
            self._queries[logical] = encoded_query(query)

    def derive_name(self, path: str) -> None:
        """Name ``path`` by itself without its fingerprint, unless another file has that logical path."""
        logical = without_fingerprint(path)
        if logical is not None and is_servable(path):
            self._derived.setdefault(logical, set()).add(path)

    def keep(self, path: str, row: Row | None = None) -> None:
        """List ``path`` as immutable, unless it is never served."""
        if is_servable(path):
            self._files[path] = row

    def keep_digested(self, path: str, logical: str, row: Row | None = None) -> None:
        """List ``path`` as immutable if its name is ``logical`` with a digest in it."""
        if is_digested(path, logical):
            self.keep(path, row)

    def name_digested(self, logical: str, path: str) -> None:
        """Name a file, and list it as immutable if its name shows a digest. A row that it has stays."""
        self.name(logical, path)
        if path not in self._files:
            self.keep_digested(path, logical)

    def manifest(self) -> Manifest:
        """Return the manifest of everything that was collected."""
        named = set(self._paths.values())
        for logical, paths in self._derived.items():
            if len(paths) == 1 and not paths <= named:
                self._paths.setdefault(logical, *paths)
        return Manifest(
            paths=self._paths, files=self._files, queries=self._queries, release=release_id(self._paths)
        )
