"""Classes that a project's settings name: dotted paths, and what they lead to.

Invariant: a path that leads to no class is not an error here, because Django reports it.
"""

from __future__ import annotations

from django.core.files.storage import storages
from django.utils.module_loading import import_string

__all__ = [
    "BUILDING_STORAGE",
    "CACHED_STORAGE",
    "MIDDLEWARE",
    "STORAGE",
    "class_named",
    "is_a",
    "static_storage",
]

MIDDLEWARE = "hashserve.django.middleware.HashServeMiddleware"
STORAGE = "hashserve.django.storage.ManifestStaticFilesStorage"
BUILDING_STORAGE = "hashserve.django.storage.building_storage.BuildingStorage"
CACHED_STORAGE = "hashserve.django.storage.CachedStaticFilesStorage"


def class_named(name: str) -> type | None:
    """Return the class with this dotted path; None if there is none."""
    try:
        found = import_string(name)
    except ImportError:
        return None
    return found if isinstance(found, type) else None


def is_a(name: str, parent: str) -> bool:
    """Whether the class ``name`` is ``parent`` or a subclass of it; both are dotted paths."""
    if name == parent:  # without an import
        return True
    found, wanted = class_named(name), class_named(parent)
    return found is not None and wanted is not None and issubclass(found, wanted)


def static_storage() -> str:
    """Return the dotted path of the storage of static files; empty if the project names none."""
    name: str = storages.backends.get("staticfiles", {}).get("BACKEND", "")
    return name
