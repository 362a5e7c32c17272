"""The names that manifests have, and which of them a folder holds.

Invariant: a manifest is found by its name alone; what it says is for whoever reads it. A bare
``manifest.json`` is not taken for one: it is a web app's as often as a build's.
"""

from __future__ import annotations

import os

from hashserve.manifest.model import MANIFEST_NAME

__all__ = ["find_manifest"]

_SPROCKETS = (".sprockets-manifest-", ".json")
"""What the names of Sprockets' manifests start and end with."""


def find_manifest(root: str | os.PathLike[str]) -> str | None:
    """Find the manifest of a built folder, or None.

    Costs a few stats and at most one listing of ``root`` itself.
    """
    top = os.fspath(root)
    for name in (MANIFEST_NAME, ".vite/manifest.json", "cache_manifest.json", ".manifest.json"):
        candidate = os.path.join(top, *name.split("/"))
        if os.path.isfile(candidate):
            return candidate
    sprockets = [os.path.join(top, name) for name in _names_in(top) if _is_of_sprockets(name)]
    if sprockets:
        return max(sprockets, key=lambda candidate: (os.path.getmtime(candidate), candidate))
    candidate = os.path.join(top, "mix-manifest.json")
    return candidate if os.path.isfile(candidate) else None


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_of_sprockets(name: str) -> bool:
    start, end = _SPROCKETS
    return name.startswith(start) and name.endswith(end)
