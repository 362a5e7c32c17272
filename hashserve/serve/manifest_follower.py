"""The follower of a manifest: it notices a new one on disk while the server runs, and loads it.

Invariant: a new manifest is loaded completely, and then replaces the old one in one assignment. A broken
one is logged once and changes nothing else.
"""

from __future__ import annotations

import os
import stat

from hashserve.errors import ManifestError
from hashserve.file_identity import FileIdentity, identify
from hashserve.manifest.discovery import MANIFEST_NAME, find_manifest
from hashserve.manifest.model import Manifest
from hashserve.serve.files import is_machine_error
from hashserve.visible_text import logger

__all__ = ["ManifestFollower"]


class ManifestFollower:
    """Follows the manifest of the folder ``root``: the file ``name``, or else the one that is found there.

    ``manifest`` is the last one that loaded, None before the first. ``is_present`` is whether a manifest,
    broken or not, is on disk now. If it was deleted, the files probably were too, so nothing of them may be
    remembered. ``reloads`` counts the new manifests that were loaded, ``failures`` the attempts that failed.
    """

    def __init__(self, root: str, name: str | None = None) -> None:
        self._root = root
        self._name = name
        self._seen: FileIdentity | None = None
        self._logged: FileIdentity | None = None
        self.manifest: Manifest | None = None
        self.is_present = False
        self.reloads = 0
        self.failures = 0

    def load(self) -> None:
        """Load the manifest for the first time, if there is one. Raises `ManifestError`."""
        try:
            path, seen = self._find()
        except OSError:
            return
        if path is None:
            return
        try:
            self.manifest = _load(path, self._root)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ManifestError(path, "", f"cannot be read: {error.strerror}") from error
        self._seen, self.is_present = seen, True

    def path(self) -> str | None:
        """Return the path of the manifest ``name``, even if it is missing, or of the one that is found."""
        if self._name is not None:
            return os.path.join(self._root, self._name)
        return _manifest_in(self._root)

    def check(self) -> bool:
        """Look at the disk, and load a new manifest; return whether anything changed.

        The caller makes sure that one thread at a time does this.
        """
        was_present, old = self.is_present, self.manifest
        self._look()
        return self.manifest is not old or self.is_present != was_present

    def _find(self) -> tuple[str | None, FileIdentity | None]:
        """Find the manifest's path and identity; None for both where there is no file to read.

        Raises `OSError`, except for a missing file.
        """
        try:
            path = self.path()
            if path is not None:
                status = os.stat(path)
                # Only a regular file is a manifest; opening a FIFO would block.
                if stat.S_ISREG(status.st_mode):
                    return path, identify(status)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return None, None

    def _look(self) -> None:
        try:
            path, seen = self._find()
        except OSError:
            return  # a failing disk does not mean that the manifest was deleted
        if path is None and self.is_present:
            logger.warning(
                "the manifest in %s is gone; its last content stays in force until there is a new one",
                self._root,
            )
        self.is_present = path is not None
        if path is None or seen == self._seen:
            return
        # `_seen` is set before the load, so that a broken manifest is read and logged once. If the machine
        # could not read it (descriptors ran out), it is read again, and logged once.
        before, self._seen = self._seen, seen
        try:
            self.manifest = _load(path, self._root)
        except (OSError, ManifestError) as error:
            self.failures += 1
            if seen != self._logged:
                logger.error("the new manifest is not used, the previous one stays in force: %s", error)
            self._logged = seen
            if isinstance(error, OSError) and is_machine_error(error):
                self._seen = before
        else:
            self.reloads += 1
            logger.info("following the new manifest %s (%d assets)", path, len(self.manifest.paths))


def _manifest_in(root: str) -> str | None:
    own = os.path.join(root, MANIFEST_NAME)
    if _is_file(own):
        return own
    return find_manifest(root)


def _is_file(path: str) -> bool:
    """Whether a path is a regular file. Raises `OSError`, except for a missing file."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _load(path: str, root: str) -> Manifest:
    if os.path.basename(path) == MANIFEST_NAME:
        return Manifest.load(path)
    from hashserve.manifest.importers import (
        load_manifest,  # takes 5 ms, and most manifests are our own, or Django's
    )

    return load_manifest(path, root=root)
