"""Deletions that wait until the next release is in force.

Invariant: a file that a release in force lists stays where it is until then, or until it is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from contextlib import contextmanager

from hashserve.errors import ManifestError
from hashserve.file_identity import FileIdentity, identify
from hashserve.fingerprint_patterns import looks_fingerprinted
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest, file_of_delta

__all__ = ["Deletions"]

# What lists the paths of a manifest is imported when it is needed: it is part of the build, which takes 0.1 s
# to import, and web processes use this class without a build.


class Deletions:
    """The files of STATIC_ROOT whose deletion was asked for, and that are still there."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._listed: Container[str] | None = None
        self._identity: FileIdentity | None = None
        self._is_held = False

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def __bool__(self) -> bool:
        return bool(self._paths)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._paths))

    def add(self, path: str) -> None:
        """Let the deletion of a file wait."""
        self._paths.add(path)

    def discard(self, path: str) -> None:
        """Forget the deletion of a file, because it is replaced or gone."""
        self._paths.discard(path)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Let all deletions wait until the end; forget those that are left then.

        Yields whether this is the outer one of several that are nested.
        """
        is_outer, self._is_held = not self._is_held, True
        try:
            yield is_outer
        finally:
            if is_outer:
                self._is_held = False
                self.take()

    def take(self) -> frozenset[str]:
        """Return all files whose deletion waits, and forget them."""
        taken = frozenset(self._paths)
        self._paths.clear()
        self._listed = None
        return taken

    def must_wait(self, root: str, path: str) -> bool:
        """Whether builds of ``root`` may need a file.

        A release in the manifest lists it, it is private, or it may be a fingerprinted file, or a delta of
        one, of a release that another process builds just now, and that no manifest lists yet.
        """
        identity = _identity_of(os.path.join(root, MANIFEST_NAME))
        if self._listed is None or identity != self._identity:
            self._identity = identity
            self._listed = _listed_in(root)
        is_new = looks_fingerprinted(path) or looks_fingerprinted(file_of_delta(path) or "")
        return path in self._listed or is_new or _is_private(path)


def _identity_of(location: str) -> FileIdentity | None:
    try:
        return identify(os.stat(location))
    except OSError:
        return None


def _is_private(path: str) -> bool:
    """Whether a path is in the folder of builds. A lock that is deleted keeps no other build away."""
    from hashserve.builder.output.paths import is_at_or_below
    from hashserve.builder.output.private_folder import PRIVATE_FOLDER

    return is_at_or_below(path, PRIVATE_FOLDER)


class _Everything:
    def __contains__(self, path: object) -> bool:
        return True


def _listed_in(root: str) -> Container[str]:
    """Return the paths that a manifest lists; if it is there and cannot be read, every path."""
    from hashserve.builder.output.paths import referenced_paths

    try:
        return referenced_paths(Manifest.load(os.path.join(root, MANIFEST_NAME)))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ManifestError):
        return _Everything()  # running servers may still use its releases
