"""The change from the release in force to the next: what waits for it, and how it comes about.

Invariant: names that the release in force has are given to new content last and all together, after
everything that can fail, and after every byte is on the disk. No manifest in force ever lists a file
that is not there, and nothing is moved out of the way that no build made.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count

from hashserve.atomic_files import sync_directory
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.fsync import sync
from hashserve.builder.output.private_folder import PrivateFolder
from hashserve.builder.output.write_errors import write_error
from hashserve.manifest.files import MANIFEST_NAME
from hashserve.manifest.model import Manifest

__all__ = ["Staged", "Transaction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A file that waits, under a name made of ``number``, for its path and for the others."""

    number: int
    sha256: str
    coding: str


class Transaction:
    """The next change of a folder, of which all parts wait in its ``private`` one."""

    def __init__(self, private: PrivateFolder) -> None:
        self._private = private
        self._unsynced: list[str] = []
        self._staged: dict[str, Staged] = {}
        self._stagings = count()
        self._removals: list[str] = []
        self._late: list[str] = []

    def has(self, path: str) -> bool:
        """Whether a file waits to be put at ``path``."""
        return path in self._staged

    def begin(self, sha256: str, coding: str) -> Staged:
        """Give what tells of a file that is to wait; it does once it is written and `add`ed."""
        return Staged(number=next(self._stagings), sha256=sha256, coding=coding)

    def waiting(self, staged: Staged) -> str:
        """Give where a staged file is on disk until then."""
        return f"{self._private.temporary_folder}/staged-{staged.number}"

    def add(self, path: str, staged: Staged) -> None:
        """Have a file that was written to where it waits put at ``path``."""
        self._staged[path] = staged

    def add_late(self, path: str) -> None:
        """Have a file put there last of all, since a folder of the release in force is in its place."""
        self._late.append(path)

    def add_written(self, path: str) -> None:
        """Have a file that is in its place already reach the disk before any name changes."""
        self._unsynced.append(path)

    def add_removal(self, path: str) -> None:
        """Have a file removed that is there."""
        self._removals.append(path)

    def keep(self, paths: Container[str]) -> None:
        """Have none of these removed after all: they are names that the release has."""
        self._removals = [path for path in self._removals if path not in paths]

    def perform(self, folder: OutputFolder, manifest: Manifest | None, bridge: Manifest | None) -> None:
        """Give every staged file its name in ``folder``, and then the manifest its own. Raises `BuildError`.

        Whatever can fail for want of room or of a disk that works has failed before the first name changes.
        ``bridge`` is the manifest in force without what has to go before the new one can be: no manifest
        ever lists what is not there. Unhashed files in whose place there is a folder of the release
        before come last of all: until then, that is whole.
        """
        waiting = os.path.join(self._private.temporary_folder, "manifest")
        late = {path: self._staged.pop(path) for path in self._late}
        try:
            if manifest is not None:
                manifest.write(waiting)
            if bridge is not None:
                bridge.write(f"{waiting}-between")
            self._sync(folder, late)
            if bridge is not None:
                _put_in_force(folder, f"{waiting}-between")
            self._make_way(folder)
            # A source before its variants: an old variant is known for stale by its age, a new one is not.
            self._rename(folder, self._staged)
            for path in self._removals:
                os.unlink(folder.location(path))
            self._sync_names(folder, chain(self._staged, self._removals))
            if manifest is not None:
                _put_in_force(folder, waiting)
            for path in late:
                self._displace(folder, path)
            self._rename(folder, late)
            self._sync_names(folder, late)
        except OSError as error:
            raise write_error(error.filename2 or error.filename or folder.root, error) from error
        for path, staged in chain(self._staged.items(), late.items()):
            folder.prove(path, staged.sha256, staged.coding)
        self._staged, self._removals, self._late = {}, [], []

    def _rename(self, folder: OutputFolder, staged: Mapping[str, Staged]) -> None:
        for path, item in staged.items():
            os.replace(self.waiting(item), folder.location(path))

    def _make_way(self, folder: OutputFolder) -> None:
        """Move what is in the way of asides away, and these in its place."""
        asides, folder.asides = folder.asides, {}
        for name, aside in asides.items():
            self._displace(folder, name)
            os.rename(aside, folder.location(name))
        self._sync_names(folder, asides)

    def _displace(self, folder: OutputFolder, name: str) -> None:
        """Move a file or a folder to where it will be removed, in one step."""
        paths = list(folder.below(name))
        os.rename(folder.location(name), f"{self._private.temporary_folder}/displaced-{next(self._stagings)}")
        folder.memory.forget(paths)

    def _sync(self, folder: OutputFolder, late: Mapping[str, Staged]) -> None:
        """Have all that was written reach the disk, so that no manifest there names what is not."""
        waiting = map(self.waiting, chain(self._staged.values(), late.values()))
        written = chain(map(folder.location, self._unsynced), waiting)
        folders = {os.path.dirname(path) for path in self._unsynced}
        self._sync_all(folder, len(self._unsynced) + len(self._staged), written, folders)
        self._unsynced = []

    def _sync_names(self, folder: OutputFolder, paths: Iterable[str]) -> None:
        folders = {os.path.dirname(path) for path in paths}
        self._sync_all(folder, 0, (), folders)

    def _sync_all(
        self, folder: OutputFolder, number: int, files: Iterable[str], folders: Collection[str]
    ) -> None:
        sync(self._private.lock, number + len(folders), files, map(folder.location, folders))


def _put_in_force(folder: OutputFolder, manifest: str) -> None:
    os.replace(manifest, folder.location(MANIFEST_NAME))
    sync_directory(folder.root)
