"""Files that Django's finders find, for development.

Invariant: each call finds what ``collectstatic`` would collect now; nothing is remembered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.contrib.staticfiles import finders

__all__ = ["find_file", "list_files", "list_paths"]


def find_file(path: str) -> str | None:
    """Return the location of the file with this logical path; None if no finder finds it."""
    location = finders.find(path) or _find_in_new_folders(path)
    return os.path.abspath(location) if location else None


def _find_in_new_folders(path: str) -> str | None:
    """Search the ``static`` folders of apps that had none when Django's finders were made."""
    for finder in finders.get_finders():
        if isinstance(finder, finders.AppDirectoriesFinder):
            for app in apps.get_app_configs():
                location = os.path.join(app.path, finder.source_dir, path)
                if app.name not in finder.storages and os.path.exists(location):
                    return location
    return None


def list_paths() -> Iterator[str]:
    """Yield the logical path of each file that the finders list."""
    return (path for path, _ in _listed())


def list_files(extensions: tuple[str, ...]) -> tuple[frozenset[str], dict[str, str]]:
    """Return the logical paths that the finders list, and the locations of those with ``extensions``.

    The first file of several with one path is the one that is served.
    """
    paths: set[str] = set()
    locations: dict[str, str] = {}
    for path, (storage, source_path) in _listed():
        if path not in paths and path.endswith(extensions):
            with suppress(NotImplementedError, AttributeError):  # a finder whose files are not on disk
                locations[path] = storage.path(source_path)  # takes 15 us
        paths.add(path)
    return frozenset(paths), locations


def _listed() -> Iterator[tuple[str, tuple[Any, str]]]:
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            prefix = getattr(storage, "prefix", None)
            logical_path = path.replace(os.sep, "/")
            yield f"{prefix}/{logical_path}" if prefix else logical_path, (storage, path)
