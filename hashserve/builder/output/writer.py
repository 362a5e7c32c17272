"""The output folder while a build writes to it: files put there whole, or staged for the release.

Invariant: a file is written to a temporary name and renamed; one that is proven to hold what it should
is not touched. What the release in force has is left as it is until the new one is published.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Container, Iterable
from types import TracebackType

from hashserve.atomic_files import write_atomically
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.private_folder import PrivateFolder
from hashserve.builder.output.transaction import Transaction
from hashserve.builder.output.write_errors import write_error
from hashserve.builder.report import BuildReport
from hashserve.errors import BuildError
from hashserve.http.codings import IDENTITY
from hashserve.manifest.model import Manifest

__all__ = ["Output"]


class Output(OutputFolder):
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
        root = os.path.abspath(root)
        private = PrivateFolder(root, wait=wait, on_wait=on_wait)
        super().__init__(root, private)
        self.temporary_folder = private.temporary_folder
        self._report = report or BuildReport()
        self._changeover = Transaction(private)
        self._counting = threading.Lock()
        self._folders: set[str] = set()

    def __enter__(self) -> Output:
        self._private.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._private.__exit__(kind, error, trace)

    def has(self, path: str, sha256: str, coding: str = IDENTITY, *, newer_than: str | None = None) -> bool:
        """Whether a file of this build is there already, and counts it as reused if it is.

        One that is older than the file ``newer_than`` does not count: servers take a variant that is
        older than its source for stale.
        """
        self.memory.add_made(path)
        status = self.held(path, sha256, coding)
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
        self._changeover.add_written(path)
        self.prove(path, sha256, coding)

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
        staged = self._changeover.begin(sha256, coding)
        location = self.location(path)
        if os.path.isdir(location):
            self.check_made(path)
            self._changeover.add_late(path)
        self._write(self._changeover.waiting(staged), location, chunks)
        self._changeover.add(path, staged)

    def stage_removal(self, path: str) -> None:
        """Have `publish` remove a file, if it is there."""
        if self.has_file(path):
            self._changeover.add_removal(path)

    def keep(self, paths: Container[str]) -> None:
        """Have `publish` remove none of these after all: they are names that the release has."""
        self._changeover.keep(paths)

    def put_aside(self, name: str) -> None:
        """Have all that is put at ``name`` or below it wait elsewhere: a file is where it is a folder.

        Or a folder where it is a file. `publish` moves that away, just before it puts in its place what
        waits. Raises `BuildError` if no build made it.
        """
        self.check_made(name)
        self.asides[name] = f"{self.temporary_folder}/aside-{len(self.asides)}"

    def publish(self, manifest: Manifest | None = None, *, bridge: Manifest | None = None) -> None:
        """Give every staged file its name, and then the manifest its own. Raises `BuildError`.

        ``bridge`` is the manifest in force without what has to go before the new one can be.
        """
        self._changeover.perform(self, manifest, bridge)

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

    def _is_older(self, path: str, status: os.stat_result, other: str) -> bool:
        """Whether a file with this status is older than another, or than what waits to take its place."""
        if self._changeover.has(other):
            return True
        try:
            return status.st_mtime_ns < os.stat(self.location(other)).st_mtime_ns
        except FileNotFoundError:
            return False

    def _write(self, destination: str, location: str, chunks: Iterable[bytes]) -> None:
        try:
            self._make_folder(os.path.dirname(location))
            write_atomically(destination, chunks, temporary_directory=self.temporary_folder)
        except OSError as error:
            raise write_error(location, error) from error
        with self._counting:
            self._report.written += 1

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
