"""The manifest in force, followed while the server runs.

Invariant: a new manifest is loaded aside and taken over in one assignment; one that is broken is
logged, once, and changes nothing else.
"""

from __future__ import annotations

import logging
import os
import stat

from hashserve.errors import ManifestError
from hashserve.file_identity import FileIdentity, identify
from hashserve.manifest.files import MANIFEST_NAME, find_manifest
from hashserve.manifest.model import Manifest
from hashserve.serve.files import is_exhaustion

__all__ = ["ManifestFollower"]

_logger = logging.getLogger("hashserve")


class ManifestFollower:
    """Follows the manifest of the folder ``root``, at ``name`` in it, or wherever it is found.

    ``manifest`` is the last one that loaded, None until one did. ``is_present`` tells whether
    there is a manifest on disk now, broken or not: where it was deleted, the folder very likely
    was too, and what was remembered of its files counts no more. ``reloads`` and ``failures`` count
    the new manifests that were taken over, and the attempts at one that was not.
    """

    def __init__(self, root: str, name: str | None = None) -> None:
        self._root = root
        self._name = name
        self._seen: FileIdentity | None = None
        self._told: FileIdentity | None = None
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
        """Tell where the manifest is, or would be; None where the folder has none."""
        if self._name is not None:
            return os.path.join(self._root, self._name)
        return _manifest_in(self._root)

    def check(self) -> bool:
        """Look at the disk, and load what is new; True if anything is not as it was before.

        One thread at a time may.
        """
        was_present, old = self.is_present, self.manifest
        self._look()
        return self.manifest is not old or self.is_present != was_present

    def _find(self) -> tuple[str | None, FileIdentity | None]:
        """Find the manifest's path and identity; None for both where there is none to read.

        Raises `OSError` where nobody can tell.
        """
        try:
            path = self.path()
            if path is not None:
                status = os.stat(path)
                # A FIFO would be waited for; a folder in the manifest's place is no manifest.
                if stat.S_ISREG(status.st_mode):
                    return path, identify(status)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return None, None

    def _look(self) -> None:
        try:
            path, seen = self._find()
        except OSError:
            return  # a disk that fails has not deleted anything
        if path is None and self.is_present:
            _logger.warning("the manifest in %s is gone; its last content stays in force", self._root)
        self.is_present = path is not None
        if path is None or seen == self._seen:
            return
        # Remembered before the load, so that a broken manifest is read, and logged, once; one that could
        # not be read for want of a descriptor is read again, and logged once.
        before, self._seen = self._seen, seen
        try:
            self.manifest = _load(path, self._root)
        except (OSError, ManifestError) as error:
            self.failures += 1
            if seen != self._told:
                _logger.error("a new manifest is not used, the one before stays in force: %s", error)  # noqa: TRY400
            self._told = seen
            if isinstance(error, OSError) and is_exhaustion(error):
                self._seen = before
        else:
            self.reloads += 1
            _logger.info("following the new manifest %s (%d assets)", path, len(self.manifest.paths))


def _manifest_in(root: str) -> str | None:
    own = os.path.join(root, MANIFEST_NAME)
    if _is_file(own):
        return own
    return find_manifest(root)


def _is_file(path: str) -> bool:
    """Whether a regular file is there. Raises `OSError` where nobody can tell."""
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
