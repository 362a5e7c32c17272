"""Files that Django's finders find, for development.

Invariant: each call finds what ``collectstatic`` would collect now; nothing is remembered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from django.apps import apps
from django.contrib.staticfiles import finders

__all__ = ["find_file", "list_paths"]


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
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            prefix = getattr(storage, "prefix", None)
            path = path.replace(os.sep, "/")
            yield f"{prefix}/{path}" if prefix else path
