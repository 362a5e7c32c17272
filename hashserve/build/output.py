"""The output folder: what is in it, and files put there whole.

Law: a file is written to a temporary name and renamed; one that is proven to hold what it should
is not touched. What was proven is remembered by the file's signature, so that a rebuild does not
read everything again; a lost memory only costs time.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType

from hashserve.atomic import write_atomically
from hashserve.build.fingerprint import Fingerprinter
from hashserve.build.report import BuildReport
from hashserve.codings import CODINGS, IDENTITY, DecodeError
from hashserve.digests import digest_of
from hashserve.errors import BuildError

if sys.platform != "win32":
    import fcntl

__all__ = ["PRIVATE_FOLDER", "Output", "read_chunks"]

PRIVATE_FOLDER = ".hashserve"
"""Where a build keeps its lock, its memory and its temporary files; no server serves a dotfile."""

BLOCK_SIZE = 1024 * 1024


class Output:
    """The folder ``root``, locked against other builds while used as a context manager.

    Raises `BuildError` where it cannot be made, written or locked.
    """

    def __init__(self, root: str, report: BuildReport) -> None:
        self.root = os.path.abspath(root)
        self._report = report
        self._private = os.path.join(self.root, PRIVATE_FOLDER)
        self._temporary = os.path.join(self._private, "temporary")
        self._proven: dict[str, list[object]] = {}
        self._known: dict[str, list[object]] = {}
        self._made: set[str] = set()
        self._recalled = ""
        self._lock: int | None = None
        self._counting = threading.Lock()

    def __enter__(self) -> Output:
        try:
            os.makedirs(self._temporary, exist_ok=True)
            self._lock = os.open(os.path.join(self._private, "lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BuildError(
                self.root, f"cannot be written: {error.strerror}", "check its permissions"
            ) from error
        try:
            self._acquire(self._lock)
            self._sweep()
        except BaseException:
            os.close(self._lock)
            raise
        self._recall()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def _acquire(self, lock: int) -> None:
        if sys.platform == "win32":  # two builds at once are not told apart there
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BuildError(
                self.root, "another build is writing to it", "wait until that one is done"
            ) from error

    def _sweep(self) -> None:
        """Remove what a killed build left half-written."""
        for name in os.listdir(self._temporary):
            os.unlink(os.path.join(self._temporary, name))

    # What is there

    def location(self, path: str) -> str:
        """Give where ``path`` is on disk."""
        return os.path.join(self.root, path)

    def holds(self, path: str, sha256: str, coding: str = IDENTITY) -> bool:
        """Whether the file at ``path`` is, or decodes to, the content with this digest."""
        signature = self._signature(path)
        if signature is None:
            return False
        proof = [sha256, coding, *signature]
        if self._proven.get(path) != proof:
            if self._digest(path, coding) != sha256:
                return False
            self._proven[path] = proof
        self._known[path] = proof
        return True

    def _digest(self, path: str, coding: str) -> str | None:
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

    # What is put there

    def keep(self, path: str) -> None:
        """Count a file that is there as made by a build, so that pruning may remove it one day."""
        self._made.add(path)

    def put(self, path: str, chunks: Iterable[bytes], sha256: str, coding: str = IDENTITY) -> bool:
        """Put a file there unless it is; True if it had to be written. Raises `BuildError`."""
        self._made.add(path)
        if self.holds(path, sha256, coding):
            with self._counting:
                self._report.reused += 1
            return False
        location = self.location(path)
        try:
            os.makedirs(os.path.dirname(location), exist_ok=True)
            write_atomically(location, chunks, temporary_directory=self._temporary)
        except OSError as error:
            raise BuildError(
                location, f"cannot be written: {error.strerror or error}", _remedy(error)
            ) from error
        with self._counting:
            self._report.written += 1
        signature = self._signature(path)
        if signature is not None:  # pragma: no branch  # it was just written
            self._proven[path] = self._known[path] = [sha256, coding, *signature]
        return True

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.location(path))

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

    @property
    def temporary_folder(self) -> str:
        """A folder for temporary files, on the output's own file system."""
        return self._temporary

    def remove_if_older(self, variant: str, source: str) -> None:
        """Remove a variant that is older than its source: servers take it for stale."""
        with contextlib.suppress(FileNotFoundError):
            modified = os.stat(self.location(variant)).st_mtime_ns
            if modified < os.stat(self.location(source)).st_mtime_ns:
                self.remove(variant)

    # What is remembered

    def made(self, path: str) -> bool:
        """Whether a build put this file there, as far as is remembered."""
        return path in self._made

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files that were removed, for good."""
        self._made.difference_update(paths)
        self._known = {path: proof for path, proof in self._proven.items() if path in self._made}
        self.remember()

    def token(self, path: str, length: int) -> str | None:
        """Give the fingerprint that a file's content has by Django's rule; None without the file."""
        try:
            content_token = Fingerprinter(length=min(length, 32)).token_of_chunks(
                read_chunks(self.location(path))
            )
        except OSError:
            return None
        return content_token

    def _memory(self) -> str:
        return os.path.join(self._private, "memory.json")

    def _recall(self) -> None:
        try:
            with open(self._memory(), encoding="utf-8") as stream:
                remembered = json.load(stream)
            self._made = set(remembered["made"])
            self._proven = dict(remembered["proven"])
        except (OSError, ValueError, KeyError, TypeError):
            self._made, self._proven = set(), {}
        self._recalled = self._document()

    def _document(self) -> str:
        remembered = {"made": sorted(self._made), "proven": self._proven}
        return json.dumps(remembered, separators=(",", ":"), sort_keys=True)

    def remember(self) -> None:
        """Write down what was made and proven, if that is anything new."""
        self._proven = self._known
        text = self._document()
        if text != self._recalled:
            write_atomically(self._memory(), [text.encode()], temporary_directory=self._temporary)


def read_chunks(location: str) -> Iterator[bytes]:
    """Read a file in pieces. Raises `OSError`."""
    with open(location, "rb") as stream:
        while chunk := stream.read(BLOCK_SIZE):
            yield chunk


def _remedy(error: OSError) -> str:
    return "make room, or check the permissions of the folder; the release in force is untouched"
