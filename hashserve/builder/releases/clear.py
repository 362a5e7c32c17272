"""Clearing: removing from an output what its manifest does not list.

Invariant: the manifest in force decides, and it is read while no build can replace it. No file is removed
that one of its releases needs.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from hashserve.builder.output.folder import open_output
from hashserve.builder.output.paths import folders_of, is_at_or_below, served_paths
from hashserve.builder.output.private_folder import PRIVATE_FOLDER
from hashserve.errors import BuildError, ManifestError
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest

__all__ = ["clear", "clearable"]


def clear(
    out: str, candidates: Iterable[str], *, kept: Collection[str] = (), wait_seconds: float = 0.0
) -> list[str]:
    """Remove those ``candidates`` from the folder ``out`` that no release lists, nor ``kept``; return them.

    Waits ``wait_seconds`` at most for a build. Raises `BuildError`, also for a manifest that cannot be read.
    """
    root = os.path.abspath(out)
    location = os.path.join(root, MANIFEST_NAME)
    with open_output(root, wait_seconds=wait_seconds) as output:
        try:
            served = _served_paths(location)
        except (OSError, ManifestError) as error:
            problem = error.detail if isinstance(error, ManifestError) else error.strerror
            raise BuildError(location, f"cannot be used: {problem}", "nothing was removed") from error
        removed = _not_needed(candidates, served, kept)
        for path in removed:
            output.remove(path)
        output.state.keep_loaded()
        output.save_state()
    return removed


def clearable(out: str, candidates: Iterable[str], *, kept: Collection[str] = ()) -> list[str]:
    """Return what `clear` would remove. A manifest that cannot be read lists nothing: a build replaces it."""
    try:
        served = _served_paths(os.path.join(out, MANIFEST_NAME))
    except (OSError, ManifestError):
        served = frozenset()
    return _not_needed(candidates, served, kept)


def _served_paths(location: str) -> frozenset[str]:
    """Return the paths that a manifest lists; none if there is no manifest."""
    try:
        return served_paths(Manifest.load(location))
    except FileNotFoundError:
        return frozenset()


def _not_needed(candidates: Iterable[str], served: Collection[str], kept: Collection[str]) -> list[str]:
    needed = {*kept, *served}
    needed |= folders_of(needed)  # a link may take the place of a folder
    return [
        path for path in sorted(candidates) if path not in needed and not is_at_or_below(path, PRIVATE_FOLDER)
    ]
