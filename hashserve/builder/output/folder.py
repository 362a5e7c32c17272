"""The output folder while a build writes to it.

Invariant: a file is written to a temporary name and renamed, and one that holds the right content already
is not touched. What the release in force has stays as it is until the new release is published.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Container, Iterable, Iterator

from hashserve.atomic_files import write_atomically
from hashserve.builder.output.dates import keep_date
from hashserve.builder.output.files import OutputFiles
from hashserve.builder.output.modes import NO_MODES, Modes, make_folders
from hashserve.builder.output.private_folder import PrivateFolder
from hashserve.builder.output.state import BuildState, delta_coding
from hashserve.builder.output.transaction import StagedFile, Transaction
from hashserve.builder.output.write_errors import write_error
from hashserve.builder.report import BuildReport
from hashserve.errors import BuildError
from hashserve.http.codings import IDENTITY
from hashserve.manifest.model import DeltaRecord, Manifest

__all__ = ["OutputFolder", "open_output"]


@contextlib.contextmanager
def open_output(
    root: str,
    report: BuildReport | None = None,
    *,
    wait_seconds: float = 0.0,
    on_wait: Callable[[], None] = lambda: None,
    modes: Modes = NO_MODES,
) -> Iterator[OutputFolder]:
    """Create the folder ``root`` where it is missing, and lock it against other builds.

    Waits ``wait_seconds`` at most for another build, and calls ``on_wait`` before each pause.
    Raises `BuildError` where the folder cannot be created, written to or locked. Files that are
    written or reused are counted in ``report``; what is written has the permissions ``modes``.
    """
    private = PrivateFolder(os.path.abspath(root))
    with private.locked(wait_seconds=wait_seconds, on_wait=on_wait, modes=modes) as lock:
        yield OutputFolder(private, lock, report or BuildReport(), modes)


class OutputFolder:
    """A locked output folder. Several threads may write to it at once, to different paths.

    ``root`` is its absolute path. ``files`` answers questions about what is in it, such as the ``location``
    of a path; ``state`` is what builds record about it.
    """

    def __init__(
        self, private: PrivateFolder, lock: int, report: BuildReport, modes: Modes = NO_MODES
    ) -> None:
        self.root = private.root
        self.temporary_folder = private.temporary_folder
        self.state = BuildState(private.state_location)
        self.files = OutputFiles(private.root, self.state)
        self.location = self.files.location
        self._transaction = Transaction(private.root, private.temporary_folder, lock, modes.file)
        self._report = report
        self._report_lock = threading.Lock()
        self._modes = modes
        self._created_folders: set[str] = set()

    def reuse(self, path: str, sha256: str, coding: str = IDENTITY, *, newer_than: str | None = None) -> bool:
        """Whether a file holds the right content already; it then counts as reused.

        A file that is older than the one at ``newer_than`` is not reused: servers take a variant that
        is older than its source for stale.
        """
        status = self.files.verified_status(path, sha256, coding)
        if status is None or (newer_than and self._is_older(status, newer_than)):
            return False
        with self._report_lock:
            self._report.reused += 1
        return True

    def reuse_delta(self, delta: DeltaRecord, sha256: str, size: int) -> int | None:
        """Return the size of a delta that is there and decodes to its content; it then counts as reused.

        None where there is none. ``sha256`` and ``size`` are those of its file, which must be there.
        """
        status = self.files.verified_delta_status(delta, sha256, size)
        if status is None or self._is_older(status, delta.of):
            return None
        with self._report_lock:
            self._report.reused += 1
        return status.st_size

    def replace_delta(self, delta: DeltaRecord, content: bytes, sha256: str) -> None:
        """Write a delta at once, as `replace` does."""
        self.replace(delta.path, [content], sha256, delta_coding(delta.dictionary_sha256))

    def put(
        self,
        path: str,
        chunks: Iterable[bytes],
        sha256: str,
        coding: str = IDENTITY,
        *,
        newer_than: str | None = None,
    ) -> None:
        """Write a file at once, or `reuse` it: for a path that is made of the content's fingerprint.

        Raises `BuildError`, and what ``chunks`` raises.
        """
        if not self.reuse(path, sha256, coding, newer_than=newer_than):
            self.replace(path, chunks, sha256, coding)

    def replace(self, path: str, chunks: Iterable[bytes], sha256: str, coding: str = IDENTITY) -> None:
        """Write a file at once, as `put` does, where it is known that there is none to reuse."""
        location = self.location(path)
        self.state.note_written(path)
        self._write(location, location, chunks)
        self._transaction.add_written(location)
        self.files.add_verified(path, sha256, coding)

    def stage(
        self,
        path: str,
        chunks: Iterable[bytes],
        sha256: str,
        coding: str = IDENTITY,
        *,
        newer_than: str | None = None,
        dated_as: str | None = None,
    ) -> None:
        """Write a file that `publish` renames to ``path``: for a path that the release in force may have too.

        A file is reused and errors are raised as in `put`. A variant must be staged after its source. A file
        that is written gets the modification date of the one at ``dated_as``, as `keep_date` allows.
        """
        if self.reuse(path, sha256, coding, newer_than=newer_than):
            return
        location = self.location(path)
        if os.path.isdir(location):
            self.files.check_built(path)
            self._transaction.rename_after_manifest(path)
        temporary = self._transaction.temporary_location("staged")
        self._write(temporary, location, chunks)
        if dated_as is not None:
            keep_date(temporary, dated_as, location)
        self._transaction.stage(path, StagedFile(location=temporary, sha256=sha256, coding=coding))

    def keep_date(self, path: str, source: str, sha256: str) -> None:
        """Give a file that a framework has just put here the modification date of its source.

        A link is left alone, because its date is that of its target.
        """
        location = self.location(path)
        if not os.path.islink(location) and keep_date(location, source):
            self.files.add_verified(path, sha256, IDENTITY)

    def stage_removal(self, path: str) -> None:
        """Let `publish` remove a file, if it is there."""
        if self.files.has_file(path):
            self._transaction.add_removal(path)

    def cancel_removals(self, paths: Container[str]) -> None:
        """Let `publish` remove none of ``paths``."""
        self._transaction.cancel_removals(paths)

    def defer(self, path: str) -> None:
        """Write everything at ``path``, or below it, to a temporary location until `publish`.

        This is for a folder where the release in force has a file, or the reverse; `publish` moves that
        away. Raises `BuildError` where no build made it.
        """
        self.files.check_built(path)
        self.files.defer(path, self._transaction.temporary_location("deferred"))

    def publish(self, manifest: Manifest | None = None, *, interim: Manifest | None = None) -> None:
        """Rename every staged file to its path, and then put the manifest in force. Raises `BuildError`.

        ``interim`` is the manifest in force without the files that must be moved away first.
        """
        self._transaction.perform(self.files, self.state, manifest, interim)

    def remove(self, path: str) -> None:
        """Remove a file at once, and the folders that are empty then. Raises `BuildError`."""
        try:
            os.unlink(self.location(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise BuildError(
                self.location(path), f"cannot be removed: {error.strerror}", "check its permissions"
            ) from error
        self.state.forget([path])
        folder = os.path.dirname(path)
        with contextlib.suppress(OSError):  # a folder that is not empty stays
            while folder:
                os.rmdir(self.location(folder))
                self._created_folders.discard(self.location(folder))
                folder = os.path.dirname(folder)

    def save_state(self) -> None:
        """Save the build state for the next build."""
        self.state.save(self.temporary_folder)

    def _is_older(self, status: os.stat_result, other: str) -> bool:
        """Whether a file with this status is older than the one at ``other``, or than a staged one."""
        if self._transaction.is_staged(other):
            return True
        try:
            return status.st_mtime_ns < os.stat(self.location(other)).st_mtime_ns
        except FileNotFoundError:
            return False

    def _write(self, destination: str, location: str, chunks: Iterable[bytes]) -> None:
        try:
            self._create_folder(os.path.dirname(location))
            write_atomically(
                destination, chunks, mode=self._modes.file, temporary_directory=self.temporary_folder
            )
        except OSError as error:
            raise write_error(location, error) from error
        with self._report_lock:
            self._report.written += 1

    def _create_folder(self, folder: str) -> None:
        if folder not in self._created_folders:
            make_folders(folder, self._modes.folder)
            self._created_folders.add(folder)
