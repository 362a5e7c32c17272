"""Hidden paths: manifests, which are never served.

Invariant: no URL leads to a file at a hidden path, except the one of the published manifest.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from hashserve.http.codings import CODINGS
from hashserve.manifest.discovery import UNSERVED_MANIFESTS

__all__ = ["hidden_paths", "is_hidden_file"]

_SUFFIXES = ("", *(coding.suffix for coding in CODINGS.values()))


def hidden_paths(root: str, manifest_name: str | None = None) -> frozenset[str]:
    """Return the paths below ``root`` of manifests and of their variants.

    ``manifest_name`` is the path of a manifest in use, relative to ``root``; a link to it is hidden too.
    """
    names = {*UNSERVED_MANIFESTS}
    if manifest_name is not None:
        location = os.path.join(root, manifest_name)
        names.add(os.path.relpath(location, root))
        names.add(os.path.relpath(os.path.realpath(location), os.path.realpath(root)))
    return frozenset(name.replace(os.sep, "/") + suffix for name in names for suffix in _SUFFIXES)


def is_hidden_file(root: str, hidden: Collection[str], path: str, status: os.stat_result) -> bool:
    """Whether a ``path`` with this status leads to a ``hidden`` file through a link to its folder."""
    name = path.rpartition("/")[2]
    return any(_is_same(root + each, status) for each in hidden if each.rpartition("/")[2] == name)


def _is_same(location: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(location), status)
    except OSError:
        return False
