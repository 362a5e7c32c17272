"""The files that are in the output: where they are, and which content they hold.

Invariant: a file counts for what was verified in it, never for its name. Nothing here changes a file.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from functools import partial

from hashserve.builder.chunks import read_chunks
from hashserve.builder.output.paths import is_at_or_below, referenced_paths
from hashserve.builder.output.private_folder import PRIVATE_FOLDER
from hashserve.builder.output.state import BuildState, delta_coding, stamp_of
from hashserve.digests import digest_of
from hashserve.errors import BuildError, ManifestError
from hashserve.file_identity import identify_across_mounts
from hashserve.file_tree import walk_folders
from hashserve.http.codings import CODINGS, IDENTITY, DecodeError, decode_at_most
from hashserve.http.dictionaries import decode_delta
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import DeltaRecord, Manifest

__all__ = ["OutputFiles"]


class OutputFiles:
    """The files of the output ``root``. Deferred ones have a temporary location until the release changes.

    What was verified is noted in ``state``. Several threads may use it at once, for different paths.
    """

    def __init__(self, root: str, state: BuildState) -> None:
        self._root = root
        self._prefix = os.path.join(root, "")
        self._state = state
        self._deferred: dict[str, str] = {}

    def location(self, path: str) -> str:
        """Return where a path is on disk: its final location, or the temporary one if it is deferred."""
        for deferred, temporary in self._deferred.items():
            if is_at_or_below(path, deferred):
                return temporary + path[len(deferred) :]
        return self._prefix + path

    def defer(self, path: str, temporary: str) -> None:
        """Give everything at ``path`` or below it the location ``temporary`` until `take_deferred`."""
        self._deferred[path] = temporary

    def take_deferred(self) -> dict[str, str]:
        """Return the temporary location of each deferred path, and defer none of them any longer."""
        deferred, self._deferred = self._deferred, {}
        return deferred

    def has_file(self, path: str) -> bool:
        """Whether anything but a folder is there."""
        location = self.location(path)
        return os.path.lexists(location) and not os.path.isdir(location)

    def has_folder(self, path: str) -> bool:
        """Whether a folder is there."""
        return os.path.isdir(self.location(path))

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes, None where there is none."""
        status = self._status(path)
        return None if status is None else status.st_size

    def holds(self, path: str, sha256: str, coding: str = IDENTITY) -> bool:
        """Whether the file at ``path`` is, or decodes to, the content with this digest."""
        return self.verified_status(path, sha256, coding) is not None

    def verified_status(self, path: str, sha256: str, coding: str = IDENTITY) -> os.stat_result | None:
        """Return the status of a file that `holds` this content, None where it does not."""
        status = self._status(path)
        if status is None:
            return None
        stamp = stamp_of(sha256, coding, identify_across_mounts(status))
        if not self._state.is_verified(path, stamp) and (
            self.digest(path, coding, most=self._most_bytes(path, coding)) != sha256
        ):
            return None
        self._state.add_verified(path, stamp)
        return status

    def verified_delta_status(self, delta: DeltaRecord, sha256: str, size: int) -> os.stat_result | None:
        """Return the status of a delta that decodes to the content of ``size`` bytes with this digest.

        None where it does not. Its dictionary must be here, and must have been verified.
        """
        status = self._status(delta.path)
        if status is None or status.st_size >= size:
            return None
        stamp = stamp_of(sha256, delta_coding(delta.dictionary_sha256), identify_across_mounts(status))
        if not self._state.is_verified(delta.path, stamp) and not self._is_delta(delta, sha256, size):
            return None
        self._state.add_verified(delta.path, stamp)
        return status

    def _is_delta(self, delta: DeltaRecord, sha256: str, size: int) -> bool:
        location = self.location(delta.path)
        if not os.path.isfile(location):
            return False  # to read from a FIFO may wait for ever
        try:
            dictionary = b"".join(read_chunks(self.location(delta.dictionary)))
            return digest_of(decode_delta(read_chunks(location), dictionary, size)) == sha256
        except (OSError, DecodeError):
            return False

    def _most_bytes(self, path: str, coding: str) -> int | None:
        """Return how many bytes a variant may decode to: those of its file, so none without a file."""
        if coding == IDENTITY:
            return None
        return self.size(path.removesuffix(CODINGS[coding].suffix)) or 0

    def add_verified(self, path: str, sha256: str, coding: str) -> None:
        """Note that the file at ``path``, which was just written, holds this content."""
        status = self._status(path)
        if status is not None:  # pragma: no branch  # it was just written
            self._state.add_verified(path, stamp_of(sha256, coding, identify_across_mounts(status)))

    def digest(self, path: str, coding: str = IDENTITY, *, most: int | None = None) -> str | None:
        """Return the SHA-256 of a file, decoded; None where there is no file or it cannot be decoded.

        ``most`` is how many bytes a variant may decode to.
        """
        location = self.location(path)
        if not os.path.isfile(location):
            return None  # to read from a FIFO may wait for ever
        chunks = read_chunks(location)
        try:
            if coding == IDENTITY:
                return digest_of(chunks)
            decode = CODINGS[coding].decode if most is None else partial(decode_at_most, most, coding)
            return digest_of(decode(chunks))
        except (OSError, DecodeError):
            return None

    def _status(self, path: str) -> os.stat_result | None:
        """Return the status of a file. For a symlink, it is that of the target, whose content matters."""
        try:
            return os.stat(self.location(path))
        except OSError:
            return None

    @property
    def longest_name(self) -> int:
        """Return how many bytes the name of a file may have."""
        try:
            return os.pathconf(self._root, "PC_NAME_MAX")
        except (OSError, AttributeError, ValueError):
            return 255

    @property
    def _longest_location(self) -> int:
        try:
            return os.pathconf(self._root, "PC_PATH_MAX") - 1  # it counts a NUL
        except (OSError, AttributeError, ValueError):
            return 4095

    def can_have(self, path: str) -> bool:
        """Whether a file can be at a path: neither it nor its name is too long, and no folder is there."""
        location = os.fsencode(self.location(path))
        return (
            len(os.path.basename(location)) <= self.longest_name
            and len(location) <= self._longest_location
            and not os.path.isdir(location)
        )

    @property
    def folds_case(self) -> bool:
        """Whether two names that differ only in case are one name on this file system."""
        return os.path.exists(os.path.join(self._root, PRIVATE_FOLDER.upper()))

    def at_or_below(self, path: str) -> Iterator[str]:
        """List the files at a path or, where it is a folder, below it. A symlink counts as a file."""
        location = os.path.join(self._root, path)
        if os.path.islink(location) or not os.path.isdir(location):
            yield path
            return
        for folder, entries in walk_folders(location):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield f"{path}/{folder}{entry.name}"

    def check_built(self, path: str) -> None:
        """Raise `BuildError` where a file at a path, or below it, was not made by a build."""
        for found in self.at_or_below(path):
            location = os.path.join(self._root, found)
            if os.path.islink(location) or not self._is_built(found):
                raise BuildError(
                    location,
                    f"is in the way of {path!r} in the new release, and no build made it",
                    "move it out of the output; the release in force is untouched",
                )

    def _is_built(self, path: str) -> bool:
        return self._state.is_built(path) or path in self._referenced

    @functools.cached_property
    def _referenced(self) -> frozenset[str]:
        """Return the paths of the manifest in force, for an output whose build state is lost."""
        try:
            return referenced_paths(Manifest.load(os.path.join(self._root, MANIFEST_NAME)))
        except (OSError, ManifestError):
            return frozenset()
