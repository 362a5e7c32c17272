"""The folder and the URL of a project's static files.

Invariant: ``STORAGES["staticfiles"]["OPTIONS"]`` overrides STATIC_ROOT and STATIC_URL, as it does for the
storage itself. So pages and the server always agree.
"""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.storage import storages

from hashserve.django.class_names import class_named, static_storage

__all__ = ["static_root", "static_url"]


def static_root() -> str | None:
    """Return the folder that ``collectstatic`` fills; None if the project sets none."""
    root = _option("location") or settings.STATIC_ROOT
    return os.fspath(root) if root else None


def static_url() -> str:
    """Return the URL of the static files as the project wrote it.

    ``settings.STATIC_URL`` must not be read here: Django would put the current mount point before a relative
    URL and keep the result. Before the first request that is the wrong one, also for templates.
    """
    return _option("base_url") or getattr(settings._wrapped, "STATIC_URL", None) or ""


def _option(name: str) -> Any:
    """Return an option of the storage, if it keeps files in a folder; for others it may mean anything."""
    value = storages.backends.get("staticfiles", {}).get("OPTIONS", {}).get(name)
    kind = class_named(static_storage()) if value else None
    return value if kind is not None and issubclass(kind, StaticFilesStorage) else None
