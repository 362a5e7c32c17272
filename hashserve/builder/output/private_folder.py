"""The folder in the output that builds keep to themselves: its lock, and temporary files.

Invariant: two builds never write at once; what a killed one left half-written is gone before the next begins.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType

from hashserve.builder.output.write_errors import write_error
from hashserve.errors import BuildError

if sys.platform != "win32":  # pragma: no branch
    import fcntl

__all__ = ["PRIVATE_FOLDER", "PrivateFolder"]

PRIVATE_FOLDER = ".hashserve"
"""Where a build keeps its lock, its memory and its temporary files; no server serves a dotfile."""

LOCK_INTERVAL = 0.1
"""How long to wait, in seconds, before the lock of another build is tried again."""


class PrivateFolder:
    """The private folder of the output ``root``, locked while used as a context manager.

    Another build is waited for during ``wait`` seconds, and ``on_wait`` called again and again.
    Raises `BuildError` where the folder cannot be made, written or locked.
    """

    def __init__(self, root: str, *, wait: float = 0.0, on_wait: Callable[[], None] = lambda: None) -> None:
        self._root = root
        self._wait = wait
        self._on_wait = on_wait
        self._lock: int | None = None
        self._location = os.path.join(root, PRIVATE_FOLDER)
        self.temporary_folder = os.path.join(self._location, "temporary")
        self.memory_location = os.path.join(self._location, "memory.json")

    @property
    def lock(self) -> int:
        """The descriptor of the lock, which is on the file system of the output."""
        assert self._lock is not None
        return self._lock

    def __enter__(self) -> PrivateFolder:
        if os.path.exists(self._root) and not os.path.isdir(self._root):
            raise BuildError(self._root, "is not a folder", "choose another --out")
        try:
            os.makedirs(self.temporary_folder, exist_ok=True)
            self._lock = os.open(os.path.join(self._location, "lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise write_error(self._root, error) from error
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
                    self._root, f"another build is writing to it{after}", "wait until that one is done"
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
                self._root, f"cannot be locked: {error.strerror}", "choose a file system that has locks"
            ) from error
        return True

    def _sweep(self) -> None:
        """Remove what a killed build left half-written."""
        try:
            _empty(self.temporary_folder)
        except OSError as error:
            raise write_error(error.filename or self.temporary_folder, error) from error

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
