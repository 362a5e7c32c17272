"""The output folder: what is in it, and files put there whole.

Law: a file is written to a temporary name and renamed; one that is proven to hold what it should
is not touched. Names that the release in force has are given to new content last and all together,
after everything that can fail, and after every byte is on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from hashserve.atomic import sync_directory, write_atomically
from hashserve.build.memory import Memory, Proof
from hashserve.build.report import BuildReport
from hashserve.codings import CODINGS, IDENTITY, DecodeError
from hashserve.digests import digest_of
from hashserve.errors import BuildError
from hashserve.manifest import MANIFEST_NAME, Manifest

if sys.platform != "win32":  # pragma: no branch
    import fcntl

__all__ = ["PRIVATE_FOLDER", "Output", "read_chunks"]

PRIVATE_FOLDER = ".hashserve"
"""Where a build keeps its lock, its memory and its temporary files; no server serves a dotfile."""

BLOCK_SIZE = 1024 * 1024

SYNC_THREADS = 16
"""How many files are synced at once. 10,000 files took 17 to 30 s one by one, and 2 to 4 s so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    """A file that waits, under the name ``temporary``, for its path and for the others."""

    path: str
    temporary: str
    sha256: str
    coding: str


class Output:
    """The folder ``root``, locked against other builds while used as a context manager.

    Raises `BuildError` where it cannot be made, written or locked. What is put there is counted in
    ``report``. `put` and `holds` may be called from several threads, for different paths.
    """

    def __init__(self, root: str, report: BuildReport | None = None) -> None:
        self.root = os.path.abspath(root)
        self._report = report or BuildReport()
        self._private = os.path.join(self.root, PRIVATE_FOLDER)
        self.temporary_folder = os.path.join(self._private, "temporary")
        self._lock: int | None = None
        self._counting = threading.Lock()
        self._unsynced: list[str] = []
        self._staged: dict[str, _Staged] = {}
        self._removals: list[str] = []

    def __enter__(self) -> Output:
        if os.path.exists(self.root) and not os.path.isdir(self.root):
            raise BuildError(self.root, "is not a folder", "choose another --out")
        try:
            os.makedirs(self.temporary_folder, exist_ok=True)
            self._lock = os.open(os.path.join(self._private, "lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _failure(self.root, error) from error
        try:
            self._acquire(self._lock)
            self._sweep()
        except BaseException:
            os.close(self._lock)
            raise
        self.memory = Memory(os.path.join(self._private, "memory.json"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._discard()
        finally:
            if self._lock is not None:  # pragma: no branch  # it is taken on the way in
                os.close(self._lock)

    def _acquire(self, lock: int) -> None:
        if sys.platform == "win32":  # pragma: no cover  # two builds at once are not told apart there
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BuildError(
                self.root, "another build is writing to it", "wait until that one is done"
            ) from error
        except OSError as error:
            raise BuildError(
                self.root, f"cannot be locked: {error.strerror}", "choose a file system that has locks"
            ) from error

    def _sweep(self) -> None:
        """Remove what a killed build left half-written."""
        try:
            for name in os.listdir(self.temporary_folder):
                os.unlink(os.path.join(self.temporary_folder, name))
        except OSError as error:
            raise _failure(error.filename or self.temporary_folder, error) from error

    # What is there

    def location(self, path: str) -> str:
        """Give where ``path`` is on disk."""
        return os.path.join(self.root, path)

    def holds(self, path: str, sha256: str, coding: str = IDENTITY) -> bool:
        """Whether the file at ``path`` is, or decodes to, the content with this digest."""
        signature = self._signature(path)
        if signature is None:
            return False
        proof: Proof = [sha256, coding, *signature]
        if not self.memory.is_proven(path, proof) and self.digest(path, coding) != sha256:
            return False
        self.memory.add_proof(path, proof)
        return True

    def digest(self, path: str, coding: str = IDENTITY) -> str | None:
        """Give the SHA-256 of what a file is or decodes to; None where it is not there or does not."""
        chunks = read_chunks(self.location(path))
        try:
            return digest_of(chunks if coding == IDENTITY else CODINGS[coding].decode(chunks))
        except (OSError, DecodeError):
            return None

    def _signature(self, path: str) -> list[int] | None:
        try:
            status = os.lstat(self.location(path))
        except OSError:
            return None
        return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]

    def size(self, path: str) -> int | None:
        """Give the size of a file in bytes, None where there is none."""
        try:
            return os.stat(self.location(path)).st_size
        except OSError:
            return None

    def _is_older(self, path: str, other: str) -> bool:
        """Whether a file is older than another, or than what waits to take the other's place."""
        if other in self._staged:
            return True
        try:
            return os.stat(self.location(path)).st_mtime_ns < os.stat(self.location(other)).st_mtime_ns
        except FileNotFoundError:
            return False

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

    # What is put there

    def has(self, path: str, sha256: str, coding: str = IDENTITY, *, newer_than: str | None = None) -> bool:
        """Whether a file of this build is there already, and counts it as reused if it is.

        One that is older than the file ``newer_than`` does not count: servers take a variant that is
        older than its source for stale.
        """
        self.memory.add_made(path)
        if not self.holds(path, sha256, coding) or (newer_than and self._is_older(path, newer_than)):
            return False
        with self._counting:
            self._report.reused += 1
        return True

    def put(
        self,
        path: str,
        chunks: Iterable[bytes],
        sha256: str,
        coding: str = IDENTITY,
        *,
        newer_than: str | None = None,
    ) -> None:
        """Put a file there unless the output `has` it: for names that follow from their content.

        Raises `BuildError`, and whatever ``chunks`` does.
        """
        if self.has(path, sha256, coding, newer_than=newer_than):
            return
        location = self.location(path)
        self._write(location, location, chunks)
        self._prove(path, sha256, coding)

    def stage(
        self,
        path: str,
        chunks: Iterable[bytes],
        sha256: str,
        coding: str = IDENTITY,
        *,
        newer_than: str | None = None,
    ) -> None:
        """Have a file ready to be put there by `publish`: for names that the release in force has too.

        A variant is staged after its source. For the rest, this is `put`.
        """
        if self.has(path, sha256, coding, newer_than=newer_than):
            return
        temporary = os.path.join(self.temporary_folder, f"staged-{len(self._staged)}")
        self._write(temporary, self.location(path), chunks)
        self._staged[path] = _Staged(path=path, temporary=temporary, sha256=sha256, coding=coding)

    def stage_removal(self, path: str) -> None:
        """Have `publish` remove a file, if it is there."""
        location = self.location(path)
        if os.path.lexists(location) and not os.path.isdir(location):
            self._removals.append(path)

    def publish(self, manifest: Manifest | None = None) -> None:
        """Give every staged file its name, and then the manifest its own. Raises `BuildError`.

        Whatever can fail for want of room or of a disk that works has failed before the first name changes.
        """
        waiting = os.path.join(self.temporary_folder, "manifest")
        try:
            if manifest is not None:
                manifest.write(waiting)
            self._sync()
            # A source before its variants: an old variant is known for stale by its age, a new one is not.
            for staged in self._staged.values():
                os.replace(staged.temporary, self.location(staged.path))
            for path in self._removals:
                os.unlink(self.location(path))
            for folder in {os.path.dirname(path) for path in (*self._staged, *self._removals)}:
                sync_directory(self.location(folder))
            if manifest is not None:
                os.replace(waiting, self.location(MANIFEST_NAME))
                sync_directory(self.root)
        except OSError as error:
            raise _failure(error.filename2 or error.filename or self.root, error) from error
        for staged in self._staged.values():
            self._prove(staged.path, staged.sha256, staged.coding)
        self._staged, self._removals = {}, []

    def remove(self, path: str) -> None:
        """Remove a file for good, and the folders that this empties. Raises `BuildError`."""
        try:
            os.unlink(self.location(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise BuildError(
                self.location(path), f"cannot be removed: {error.strerror}", "check its permissions"
            ) from error
        self.memory.forget([path])
        folder = os.path.dirname(path)
        with contextlib.suppress(OSError):  # a folder that still holds something stays
            while folder:
                os.rmdir(self.location(folder))
                folder = os.path.dirname(folder)

    def _write(self, destination: str, location: str, chunks: Iterable[bytes]) -> None:
        try:
            os.makedirs(os.path.dirname(location), exist_ok=True)
            if os.path.isdir(location):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), location)
            write_atomically(destination, chunks, temporary_directory=self.temporary_folder)
        except OSError as error:
            raise _failure(location, error) from error
        self._unsynced.append(destination)
        with self._counting:
            self._report.written += 1

    def _prove(self, path: str, sha256: str, coding: str) -> None:
        signature = self._signature(path)
        if signature is not None:  # pragma: no branch  # it was just written
            self.memory.add_proof(path, [sha256, coding, *signature])

    def _sync(self) -> None:
        """Have all that was written reach the disk, so that no manifest there names what is not."""
        with ThreadPoolExecutor(SYNC_THREADS) as executor:
            folders = {os.path.dirname(location) for location in self._unsynced}
            for _ in executor.map(_sync_file, self._unsynced):
                pass
            for _ in executor.map(sync_directory, folders):
                pass
        self._unsynced = []

    def _discard(self) -> None:
        """Remove what was staged and never published."""
        with contextlib.suppress(OSError):
            for name in os.listdir(self.temporary_folder):
                os.unlink(os.path.join(self.temporary_folder, name))


def read_chunks(location: str) -> Iterator[bytes]:
    """Read a file in pieces. Raises `OSError`."""
    with open(location, "rb") as stream:
        while chunk := stream.read(BLOCK_SIZE):
            yield chunk


def _sync_file(location: str) -> None:
    descriptor = os.open(location, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EROFS: "choose a folder that can be written",
    errno.ENAMETOOLONG: "shorten its name",
    **dict.fromkeys(
        (errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
        "a release had a folder where another has a file: remove that, "
        "or build into an empty folder with --previous",
    ),
}


def _failure(location: str, error: OSError) -> BuildError:
    remedy = _REMEDIES.get(error.errno or 0, "look after the disk")
    return BuildError(
        location,
        f"cannot be written: {error.strerror or error}",
        f"{remedy}; the release in force is untouched",
    )
