"""The files that Django's finders found.

Invariant: a file is read from the folder where its finder found it, so a copy in STATIC_ROOT that an
earlier collection left is never built.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

__all__ = ["CollectedFile", "collected_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedFile:
    """A file's path in STATIC_ROOT, the storage that a finder found it in, and its path there."""

    path: str
    storage: Any
    source_path: str

    def location(self, static_root: Any) -> str:
        """Return where the file is on disk, or its copy if the finder's storage has no folder.

        ``static_root`` is the storage that the file was copied to.
        """
        try:
            location: str = self.storage.path(self.source_path)
        except (NotImplementedError, AttributeError, ImproperlyConfigured):
            location = static_root.path(self.path)
        return location

    @property
    def source_folder(self) -> tuple[str, str] | None:
        """The folder that the finder looked in, and its prefix in STATIC_ROOT; None without a folder."""
        location = getattr(self.storage, "location", None)
        if not isinstance(location, (str, os.PathLike)) or not os.path.isdir(location):
            return None
        prefix = getattr(self.storage, "prefix", None) or ""
        return os.fspath(location), prefix.replace(os.sep, "/").strip("/")


def collected_files(paths: Mapping[str, tuple[Any, str]]) -> list[CollectedFile]:
    """Return what Django passes to ``post_process``, sorted by path."""
    return sorted(
        (
            CollectedFile(path=path.replace(os.sep, "/"), storage=storage, source_path=source_path)
            for path, (storage, source_path) in paths.items()
        ),
        key=lambda file: file.path,
    )
