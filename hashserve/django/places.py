"""Where a project's static files are: their folder, and their URL as the project wrote it.

Invariant: what ``STORAGES["staticfiles"]["OPTIONS"]`` says counts before STATIC_ROOT and STATIC_URL, as it
does for the storage itself; a page and the server never mean different places.
"""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.storage import storages
from django.utils.module_loading import import_string

__all__ = ["static_root", "static_url"]


def static_root() -> str | None:
    """Give the folder that ``collectstatic`` fills; None where there is none."""
    root = _option("location") or settings.STATIC_ROOT
    return os.fspath(root) if root else None


def static_url() -> str:
    """Give the URL of the static files as the project wrote it, once settings are loaded.

    Django puts the mount point of the moment before a relative STATIC_URL and remembers that; whoever
    reads it before the first request would fix it at the wrong one, for templates too.
    """
    return _option("base_url") or getattr(settings._wrapped, "STATIC_URL", None) or ""


def _option(name: str) -> Any:
    """Give an option of the storage; of one that keeps files elsewhere, it would mean something else."""
    backend = storages.backends.get("staticfiles", {})
    value = backend.get("OPTIONS", {}).get(name)
    return value if value and _has_a_folder(backend.get("BACKEND", "")) else None


def _has_a_folder(name: str) -> bool:
    try:
        kind = import_string(name)
    except ImportError:  # Django has its own word on that
        return False
    return isinstance(kind, type) and issubclass(kind, StaticFilesStorage)
