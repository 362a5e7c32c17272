"""Files where Django's finders find them, for development.

Invariant: what is found is what ``collectstatic`` would collect if it ran now: nothing is remembered.
"""

from __future__ import annotations

import os

from django.apps import apps
from django.contrib.staticfiles import finders

__all__ = ["locate"]


def locate(path: str) -> str | None:
    """Tell where the file of a logical path is, None where no finder knows it."""
    found = finders.find(path) or _find_in_new_folders(path)
    return os.path.abspath(found) if found else None


def _find_in_new_folders(path: str) -> str | None:
    """Look into the ``static`` folders of apps that had none when Django looked for them."""
    for finder in finders.get_finders():
        if isinstance(finder, finders.AppDirectoriesFinder):
            for app in apps.get_app_configs():
                location = os.path.join(app.path, finder.source_dir, path)
                if app.name not in finder.storages and os.path.exists(location):
                    return location
    return None
