"""The output folder: what is in it, and files put there whole.

Law: a file is written to a temporary name and renamed; one that is proven to hold what it should
is not touched. Names that the release in force has are given to new content last and all together,
after everything that can fail, and after every byte is on the disk. No manifest in force ever lists a
file that is not there, and nothing is moved out of the way that no build made.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from types import TracebackType

from hashserve.atomic import sync_directory, write_atomically
from hashserve.build.durability import sync
from hashserve.build.memory import Memory, proof_of
from hashserve.build.names import is_in, names_of
from hashserve.build.report import BuildReport
from hashserve.codings import CODINGS, IDENTITY, DecodeError
from hashserve.digests import digest_of
from hashserve.errors import BuildError, ManifestError
from hashserve.manifest import MANIFEST_NAME, Manifest

if sys.platform != "win32":  # pragma: no branch
    import fcntl

__all__ = ["PRIVATE_FOLDER", "Output", "read_chunks"]

PRIVATE_FOLDER = ".hashserve"
"""Where a build keeps its lock, its memory and its temporary files; no server serves a dotfile."""

BLOCK_SIZE = 1024 * 1024

LOCK_INTERVAL = 0.1
"""How long to wait, in seconds, before the lock of another build is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    """A file that waits, under a name made of ``number``, for its path and for the others."""

    number: int
    sha256: str
    coding: str


class Output:
    """The folder ``root``, locked against other builds while used as a context manager.

    Raises `BuildError` where it cannot be made, written or locked. What is put there is counted in
    ``report``. `put` and `holds` may be called from several threads, for different paths.
    """

    def __init__(
        self,
        root: str,
        report: BuildReport | None = None,
        *,
        wait: float = 0.0,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self.root = os.path.abspath(root)
        self._report = report or BuildReport()
        self._start = os.path.join(self.root, "")
        self._private = os.path.join(self.root, PRIVATE_FOLDER)
        self.temporary_folder = os.path.join(self._private, "temporary")
        self._wait = wait
        self._on_wait = on_wait
        self._lock: int | None = None
        self._counting = threading.Lock()
        self._folders: set[str] = set()
        self._unsynced: list[str] = []
        self._staged: dict[str, _Staged] = {}
        self._stagings = count()
        self._removals: list[str] = []
        self._asides: dict[str, str] = {}
        self._late: list[str] = []

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
        deadline = time.monotonic() + self._wait
        while not self._is_acquired(lock):
            left = deadline - time.monotonic()
            if left <= 0:
                after = f" still, after {self._wait:g} s" if self._wait else ""
                raise BuildError(
                    self.root, f"another build is writing to it{after}", "wait until that one is done"
                )
            self._on_wait()
            time.sleep(min(left, LOCK_INTERVAL))

    def _is_acquired(self, lock: int) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise BuildError(
                self.root, f"cannot be locked: {error.strerror}", "choose a file system that has locks"
            ) from error
        return True

    def _sweep(self) -> None:
        """Remove what a killed build left half-written."""
        try:
            _empty(self.temporary_folder)
        except OSError as error:
            raise _failure(error.filename or self.temporary_folder, error) from error

    # What is there

    @functools.cached_property
    def memory(self) -> Memory:
        """What builds remember of the folder; it is read when first asked for."""
        return Memory(os.path.join(self._private, "memory.json"))

    def location(self, path: str) -> str:
        """Give where ``path`` is on disk, or waits to be there."""
        for name, aside in self._asides.items():
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
        return self._held(path, sha256, coding) is not None

    def _held(self, path: str, sha256: str, coding: str) -> os.stat_result | None:
        status = self._status(path)
        if status is None:
            return None
        proof = proof_of(sha256, coding, _signature(status))
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

    def _is_older(self, path: str, status: os.stat_result, other: str) -> bool:
        """Whether a file with this status is older than another, or than what waits to take its place."""
        if other in self._staged:
            return True
        try:
            return status.st_mtime_ns < os.stat(self.location(other)).st_mtime_ns
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
        status = self._held(path, sha256, coding)
        if status is None or (newer_than and self._is_older(path, status, newer_than)):
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
        if not self.has(path, sha256, coding, newer_than=newer_than):
            self.replace(path, chunks, sha256, coding)

    def replace(self, path: str, chunks: Iterable[bytes], sha256: str, coding: str = IDENTITY) -> None:
        """Put a file there that the output is known not to have, as `put` does."""
        location = self.location(path)
        self._write(location, location, chunks)
        self._unsynced.append(path)
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
        staged = _Staged(number=next(self._stagings), sha256=sha256, coding=coding)
        location = self.location(path)
        if os.path.isdir(location):
            self._check_made(path)
            self._late.append(path)
        self._write(self._waiting(staged), location, chunks)
        self._staged[path] = staged

    def stage_removal(self, path: str) -> None:
        """Have `publish` remove a file, if it is there."""
        location = self.location(path)
        if os.path.lexists(location) and not os.path.isdir(location):
            self._removals.append(path)

    def keep(self, paths: Container[str]) -> None:
        """Have `publish` remove none of these after all: they are names that the release has."""
        self._removals = [path for path in self._removals if path not in paths]

    def put_aside(self, name: str) -> None:
        """Have all that is put at ``name`` or below it wait elsewhere: a file is where it is a folder.

        Or a folder where it is a file. `publish` moves that away, just before it puts in its place what
        waits. Raises `BuildError` if no build made it.
        """
        self._check_made(name)
        self._asides[name] = f"{self.temporary_folder}/aside-{len(self._asides)}"

    def publish(self, manifest: Manifest | None = None, *, bridge: Manifest | None = None) -> None:
        """Give every staged file its name, and then the manifest its own. Raises `BuildError`.

        Whatever can fail for want of room or of a disk that works has failed before the first name changes.
        ``bridge`` is the manifest in force without what has to go before the new one can be: no manifest
        ever lists what is not there. Unhashed files in whose place there is a folder of the release
        before come last of all: until then, that is whole.
        """
        waiting = os.path.join(self.temporary_folder, "manifest")
        late = {path: self._staged.pop(path) for path in self._late}
        try:
            if manifest is not None:
                manifest.write(waiting)
            if bridge is not None:
                bridge.write(f"{waiting}-between")
            self._sync(late)
            if bridge is not None:
                self._put_in_force(f"{waiting}-between")
            self._make_way()
            # A source before its variants: an old variant is known for stale by its age, a new one is not.
            self._rename(self._staged)
            for path in self._removals:
                os.unlink(self.location(path))
            self._sync_names(chain(self._staged, self._removals))
            if manifest is not None:
                self._put_in_force(waiting)
            for path in late:
                self._displace(path)
            self._rename(late)
            self._sync_names(late)
        except OSError as error:
            raise _failure(error.filename2 or error.filename or self.root, error) from error
        for path, staged in chain(self._staged.items(), late.items()):
            self._prove(path, staged.sha256, staged.coding)
        self._staged, self._removals, self._late = {}, [], []

    def _put_in_force(self, manifest: str) -> None:
        os.replace(manifest, self.location(MANIFEST_NAME))
        sync_directory(self.root)

    def _rename(self, staged: Mapping[str, _Staged]) -> None:
        for path, item in staged.items():
            os.replace(self._waiting(item), self.location(path))

    def _make_way(self) -> None:
        """Move what is in the way of asides away, and these in its place."""
        asides, self._asides = self._asides, {}
        for name, aside in asides.items():
            self._displace(name)
            os.rename(aside, self.location(name))
        self._sync_names(asides)

    def _displace(self, name: str) -> None:
        """Move a file or a folder to where it will be removed, in one step."""
        paths = list(self._below(name))
        os.rename(self.location(name), f"{self.temporary_folder}/displaced-{next(self._stagings)}")
        self.memory.forget(paths)

    def _below(self, name: str) -> Iterator[str]:
        """List what is at a name that is no folder, or below it: files, and links to whatever."""
        location = self._start + name
        if os.path.islink(location) or not os.path.isdir(location):
            yield name
            return
        for folder, folders, files in os.walk(location):
            links = [item for item in folders if os.path.islink(os.path.join(folder, item))]
            for item in (*links, *files):
                yield os.path.relpath(os.path.join(folder, item), self.root).replace(os.sep, "/")

    def _check_made(self, name: str) -> None:
        """Raise `BuildError` where something is at a name, or below it, that no build made."""
        for path in self._below(name):
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
                self._folders.discard(self.location(folder))
                folder = os.path.dirname(folder)

    def _write(self, destination: str, location: str, chunks: Iterable[bytes]) -> None:
        try:
            self._make_folder(os.path.dirname(location))
            write_atomically(destination, chunks, temporary_directory=self.temporary_folder)
        except OSError as error:
            raise _failure(location, error) from error
        with self._counting:
            self._report.written += 1

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    def _waiting(self, staged: _Staged) -> str:
        return f"{self.temporary_folder}/staged-{staged.number}"

    def _prove(self, path: str, sha256: str, coding: str) -> None:
        status = self._status(path)
        if status is not None:  # pragma: no branch  # it was just written
            self.memory.add_proof(path, proof_of(sha256, coding, _signature(status)))

    def _sync(self, late: Mapping[str, _Staged]) -> None:
        """Have all that was written reach the disk, so that no manifest there names what is not."""
        waiting = map(self._waiting, chain(self._staged.values(), late.values()))
        written = chain(map(self.location, self._unsynced), waiting)
        folders = {os.path.dirname(path) for path in self._unsynced}
        self._sync_all(len(self._unsynced) + len(self._staged), written, folders)
        self._unsynced = []

    def _sync_names(self, paths: Iterable[str]) -> None:
        folders = {os.path.dirname(path) for path in paths}
        self._sync_all(0, (), folders)

    def _sync_all(self, number: int, files: Iterable[str], folders: Collection[str]) -> None:
        assert self._lock is not None
        sync(self._lock, number + len(folders), files, map(self.location, folders))

    def _discard(self) -> None:
        """Remove what was staged and never published."""
        with contextlib.suppress(OSError):
            _empty(self.temporary_folder)


def _empty(folder: str) -> None:
    """Remove all that a folder holds. Raises `OSError`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                import shutil  # takes 10 ms, and is hardly ever needed

                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)


def read_chunks(location: str) -> Iterator[bytes]:
    """Read a file in pieces, a small one in one. Raises `OSError`."""
    with open(location, "rb", buffering=0) as stream:
        if os.fstat(stream.fileno()).st_size <= BLOCK_SIZE:
            # Without a block that is a thousand times too large, and a buffer around it: a third of the time.
            if content := stream.readall():
                yield content
        else:
            while chunk := stream.read(BLOCK_SIZE):
                yield chunk


def _signature(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EROFS: "choose a folder that can be written",
    errno.ENAMETOOLONG: "shorten its name",
    **dict.fromkeys(
        (errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
        "something has taken that name while it was built: build again",
    ),
}


def _failure(location: str, error: OSError) -> BuildError:
    remedy = _REMEDIES.get(error.errno or 0, "look after the disk")
    return BuildError(
        location,
        f"cannot be written: {error.strerror or error}",
        f"{remedy}; the release in force is untouched",
    )
