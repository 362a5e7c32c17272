"""The folder ``.hashserve`` in the output: the lock, the build state and temporary files.

Invariant: a build begins without the temporary files of an earlier one, even of one that was killed. What it
empties lies in the output: no link leads elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hashserve.builder.output.lock import held_lock
from hashserve.builder.output.modes import NO_MODES, Modes, make_folders
from hashserve.builder.output.write_errors import write_error
from hashserve.errors import BuildError
from hashserve.file_tree import walk_folders

__all__ = ["PRIVATE_FOLDER", "PrivateFolder"]

PRIVATE_FOLDER = ".hashserve"
"""The name of the folder. No server serves it, because it starts with a dot."""


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """The private folder of the output ``root``."""

    root: str

    @property
    def temporary_folder(self) -> str:
        """Return the folder of temporary files."""
        return os.path.join(self.root, PRIVATE_FOLDER, "temporary")

    @property
    def state_location(self) -> str:
        """Return the file of the build state."""
        return os.path.join(self.root, PRIVATE_FOLDER, "state.json")

    @contextmanager
    def locked(
        self, *, wait_seconds: float, on_wait: Callable[[], None], modes: Modes = NO_MODES
    ) -> Iterator[int]:
        """Create the folder, lock it and empty its temporary folder; yield the lock's descriptor.

        Raises `BuildError` where one of these fails. See `held_lock` for the arguments.
        """
        if os.path.lexists(self.root) and not os.path.isdir(self.root):
            raise BuildError(self.root, "is not a folder", "choose another {setting:out}")
        for folder in (os.path.join(self.root, PRIVATE_FOLDER), self.temporary_folder):
            if os.path.islink(folder) or (os.path.lexists(folder) and not os.path.isdir(folder)):
                raise BuildError(folder, "is not the folder that builds make there", "remove it")
        try:
            make_folders(self.temporary_folder, modes.folder)
        except OSError as error:
            raise write_error(self.root, error) from error
        lock_location = os.path.join(self.root, PRIVATE_FOLDER, "lock")
        with held_lock(lock_location, self.root, wait_seconds=wait_seconds, on_wait=on_wait) as lock:
            try:
                _empty(self.temporary_folder)
            except OSError as error:
                raise write_error(error.filename or self.temporary_folder, error) from error
            try:
                yield lock
            finally:
                with suppress(OSError):
                    _empty(self.temporary_folder)


def _empty(folder: str) -> None:
    """Remove everything in a folder. Raises `OSError`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_folder(entry.path)
            else:
                os.unlink(entry.path)


def _remove_folder(location: str) -> None:
    folders = []
    for folder, entries in walk_folders(location):
        folders.append(os.path.join(location, folder))
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
    for path in reversed(folders):
        os.rmdir(path)
