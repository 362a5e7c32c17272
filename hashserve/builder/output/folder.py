"""What is in the output folder, which is looked at here and never changed.

Invariant: a file is taken for what it is proven to hold, and never for what it is called; what no build
made is told from what one made.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

from hashserve.builder.chunks import read_chunks
from hashserve.builder.output.memory import Memory, proof_of
from hashserve.builder.output.private_folder import PRIVATE_FOLDER, PrivateFolder
from hashserve.builder.releases.manifest_paths import is_in, names_of
from hashserve.digests import digest_of
from hashserve.errors import BuildError, ManifestError
from hashserve.file_identity import identify_across_mounts
from hashserve.file_tree import walk_folders
from hashserve.http.codings import CODINGS, IDENTITY, DecodeError
from hashserve.manifest.files import MANIFEST_NAME
from hashserve.manifest.model import Manifest

__all__ = ["OutputFolder"]


class OutputFolder:
    """The folder ``root``, and what builds remember of it in its ``private`` folder.

    ``asides`` has where each name waits that is not to be put in its place before all else is there.
    `holds` and `prove` may be called from several threads, for different paths.
    """

    def __init__(self, root: str, private: PrivateFolder) -> None:
        self.root = root
        self._private = private
        self._start = os.path.join(root, "")
        self.asides: dict[str, str] = {}

    @functools.cached_property
    def memory(self) -> Memory:
        """What builds remember of the folder; it is read when first asked for."""
        return Memory(self._private.memory_location)

    def location(self, path: str) -> str:
        """Give where ``path`` is on disk, or waits to be there."""
        for name, aside in self.asides.items():
            if is_in(path, name):
                return aside + path[len(name) :]
        return self._start + path

    def has_file(self, name: str) -> bool:
        """Whether something is there that is no folder, whatever it is."""
        location = self.location(name)
        return os.path.lexists(location) and not os.path.isdir(location)

    def has_folder(self, name: str) -> bool:
        """Whether a folder is there."""
        return os.path.isdir(self.location(name))

    def holds(self, path: str, sha256: str, coding: str = IDENTITY) -> bool:
        """Whether the file at ``path`` is, or decodes to, the content with this digest."""
        return self.held(path, sha256, coding) is not None

    def held(self, path: str, sha256: str, coding: str = IDENTITY) -> os.stat_result | None:
        """Give the status of a file that `holds` this content, None where it does not."""
        status = self._status(path)
        if status is None:
            return None
        proof = proof_of(sha256, coding, identify_across_mounts(status))
        if not self.memory.is_proven(path, proof) and self.digest(path, coding) != sha256:
            return None
        self.memory.add_proof(path, proof)
        return status

    def digest(self, path: str, coding: str = IDENTITY) -> str | None:
        """Give the SHA-256 of what a file is or decodes to; None where it is not there or does not."""
        location = self.location(path)
        if not os.path.isfile(location):
            return None  # reading from a FIFO would wait for ever
        chunks = read_chunks(location)
        try:
            return digest_of(chunks if coding == IDENTITY else CODINGS[coding].decode(chunks))
        except (OSError, DecodeError):
            return None

    def _status(self, path: str) -> os.stat_result | None:
        """Give the status of what is there; of a link, of what it leads to: that is what can change."""
        try:
            return os.stat(self.location(path))
        except OSError:
            return None

    def size(self, path: str) -> int | None:
        """Give the size of a file in bytes, None where there is none."""
        try:
            return os.stat(self.location(path)).st_size
        except OSError:
            return None

    @property
    def longest_name(self) -> int:
        """How many bytes a file's name may have there."""
        try:
            return os.pathconf(self.root, "PC_NAME_MAX")
        except (OSError, AttributeError, ValueError):
            return 255

    @property
    def folds_case(self) -> bool:
        """Whether names that differ in case only are one name there."""
        return os.path.exists(os.path.join(self.root, PRIVATE_FOLDER.upper()))

    def prove(self, path: str, sha256: str, coding: str) -> None:
        """Remember that a file, which was just written, holds this content."""
        status = self._status(path)
        if status is not None:  # pragma: no branch  # it was just written
            self.memory.add_proof(path, proof_of(sha256, coding, identify_across_mounts(status)))

    def below(self, name: str) -> Iterator[str]:
        """Yield the path of every file at ``name`` or below it; a link counts as a file."""
        location = self._start + name
        if os.path.islink(location) or not os.path.isdir(location):
            yield name
            return
        for folder, entries in walk_folders(location):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield f"{name}/{folder}{entry.name}"

    def check_made(self, name: str) -> None:
        """Raise `BuildError` where something is at a name, or below it, that no build made."""
        for path in self.below(name):
            if os.path.islink(self._start + path) or not self._is_ours(path):
                raise BuildError(
                    self._start + path,
                    f"is where the new release has {name!r}, and no build made it",
                    "move it elsewhere; the release in force is untouched",
                )

    def _is_ours(self, path: str) -> bool:
        return self.memory.is_made(path) or path in self._listed

    @functools.cached_property
    def _listed(self) -> frozenset[str]:
        """What the manifest in force speaks for: of use where the memory is lost."""
        try:
            return names_of(Manifest.load(self._start + MANIFEST_NAME))
        except (OSError, ManifestError):
            return frozenset()
