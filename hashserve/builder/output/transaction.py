"""The change from the release in force to the new one: what is prepared, and the order of the steps.

Invariant: no path of the release in force changes before every byte of the new one is on the disk. The
manifest is written last. No manifest in force ever lists a file that is not there, and only what a build
made is moved away.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count

from hashserve.atomic_files import sync_directory
from hashserve.builder.output.files import OutputFiles
from hashserve.builder.output.fsync import sync
from hashserve.builder.output.state import BuildState
from hashserve.builder.output.write_errors import write_error
from hashserve.errors import BuildError, ManifestError
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest

__all__ = ["StagedFile", "Transaction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A file that is at a temporary ``location`` until the release changes."""

    location: str
    sha256: str
    coding: str


class Transaction:
    """The next change of the output ``root``: it is prepared step by step, and then performed.

    ``lock`` is the descriptor of a file on the same file system. ``file_mode`` is the manifest's mode, as
    `hashserve.builder.output.modes.Modes` has it.
    """

    def __init__(self, root: str, temporary_folder: str, lock: int, file_mode: int | None = None) -> None:
        self._root = root
        self._prefix = os.path.join(root, "")
        self._temporary_folder = temporary_folder
        self._lock = lock
        self._file_mode = file_mode
        self._numbers = count()
        self._written: list[str] = []
        self._staged: dict[str, StagedFile] = {}
        self._after_manifest: set[str] = set()
        self._removals: dict[str, None] = {}  # an ordered set, because a path can be added twice

    def temporary_location(self, kind: str) -> str:
        """Return a location that is used once, until `perform`; its name starts with ``kind``."""
        return f"{self._temporary_folder}/{kind}-{next(self._numbers)}"

    def stage(self, path: str, file: StagedFile) -> None:
        """Let `perform` rename a file to ``path``."""
        self._staged[path] = file

    def rename_after_manifest(self, path: str) -> None:
        """Let `perform` rename a file last, because the release in force has a folder at ``path``."""
        self._after_manifest.add(path)

    def is_staged(self, path: str) -> bool:
        """Whether a file is staged for ``path``."""
        return path in self._staged

    def add_written(self, location: str) -> None:
        """Let `perform` sync a file that was written and is not staged."""
        self._written.append(location)

    def add_removal(self, path: str) -> None:
        """Let `perform` remove the file at ``path``."""
        self._removals[path] = None

    def cancel_removals(self, paths: Container[str]) -> None:
        """Let `perform` remove none of ``paths``."""
        self._removals = {path: None for path in self._removals if path not in paths}

    def perform(
        self, files: OutputFiles, state: BuildState, manifest: Manifest | None, interim: Manifest | None
    ) -> None:
        """Rename every staged file to its path, and the new manifest last. Raises `BuildError`.

        Everything that needs room on the disk is written before the first path changes. ``interim`` is
        the manifest in force without the files that must be moved away for the new release.
        """
        new_manifest = os.path.join(self._temporary_folder, "manifest")
        last = {path: file for path, file in self._staged.items() if path in self._after_manifest}
        first = {path: file for path, file in self._staged.items() if path not in last}
        try:
            if manifest is not None:
                manifest.write(new_manifest, mode=self._file_mode)
            if interim is not None:
                interim.write(f"{new_manifest}-interim", mode=self._file_mode)
            self._sync_content()
            if interim is not None:
                self._put_in_force(f"{new_manifest}-interim")
            self._rename_deferred(files, state)
            # A source before its variants: servers take a variant that is older than its source for stale.
            self._rename(first)
            for path in self._removals:
                os.unlink(self._prefix + path)
            self._sync_names(chain(first, self._removals))
            if manifest is not None:
                self._put_in_force(new_manifest)
            for path in last:
                self._move_away(path, files, state)
            self._rename(last)
            self._sync_names(last)
        except ManifestError as error:
            location = self._prefix + MANIFEST_NAME
            raise BuildError(location, f"cannot be replaced: the new one {error.detail}") from error
        except OSError as error:
            raise write_error(error.filename2 or error.filename or self._root, error) from error
        for path, file in self._staged.items():
            files.add_verified(path, file.sha256, file.coding)
        self._staged, self._after_manifest, self._removals = {}, set(), {}

    def _rename(self, staged: Mapping[str, StagedFile]) -> None:
        for path, file in staged.items():
            os.replace(file.location, self._prefix + path)

    def _rename_deferred(self, files: OutputFiles, state: BuildState) -> None:
        """Move away what is at the deferred paths, and rename the temporary files and folders to them."""
        deferred = files.take_deferred()
        for path, temporary in deferred.items():
            self._move_away(path, files, state)
            os.rename(temporary, self._prefix + path)
        self._sync_names(deferred)

    def _move_away(self, path: str, files: OutputFiles, state: BuildState) -> None:
        """Move a file or a folder, in one step, to the temporary folder, which is emptied at the end."""
        gone = list(files.at_or_below(path))
        os.rename(self._prefix + path, self.temporary_location("displaced"))
        state.forget(gone)

    def _sync_content(self) -> None:
        """Sync every file that was written, so that no manifest on the disk lists one that is not there."""
        files = [*self._written, *(file.location for file in self._staged.values())]
        folders = {os.path.dirname(location) for location in self._written}
        sync(self._lock, len(files) + len(folders), files, folders)
        self._written = []

    def _sync_names(self, paths: Iterable[str]) -> None:
        folders = {os.path.dirname(self._prefix + path) for path in paths}
        sync(self._lock, len(folders), (), folders)

    def _put_in_force(self, manifest: str) -> None:
        os.replace(manifest, self._prefix + MANIFEST_NAME)
        sync_directory(self._root)
