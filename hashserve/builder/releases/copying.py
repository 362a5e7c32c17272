"""How files of the previous release are copied: in threads that end soon, and within half of the disk.

Invariant: no thread outlives the copying, whatever fails. No copy takes the room that the new release needs.
"""

from __future__ import annotations

import errno
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from hashserve.builder.releases.errors import MismatchError
from hashserve.builder.releases.previous import PreviousRelease, stopped_on_error
from hashserve.builder.waiting import result_of
from hashserve.errors import BuildError, HashserveError

__all__ = ["Room", "each_in_threads"]

THREADS = 8
"""How many files are fetched at the same time. The threads wait for a network, not for a core."""

QUEUED_PER_THREAD = 4

_PATH_ERRORS = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""Errors that come from a path in the manifest, and not from the state of the output."""

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def each_in_threads(
    function: Callable[[Item], Outcome], items: Iterable[Item], previous: PreviousRelease | None
) -> Generator[Outcome, None, None]:
    """Call ``function`` with each item, and yield the outcomes in order.

    The items are not all queued at once: a future takes a kilobyte. After any error, such as Ctrl-C, the
    threads end soon; after one in the caller, as soon as it closes the generator.
    """
    waiting: deque[Future[Outcome]] = deque()
    with _threads(previous) as executor:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) >= THREADS * QUEUED_PER_THREAD:
                yield result_of(waiting.popleft())
        while waiting:
            yield result_of(waiting.popleft())


@contextmanager
def _threads(previous: PreviousRelease | None) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS, "hashserve-restore") as executor:
        try:
            with stopped_on_error(previous):
                yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


class Room:
    """The room on the disk of ``folder`` that copies may take. Several threads use it."""

    def __init__(self, folder: str, previous: PreviousRelease | None) -> None:
        self._lock = threading.Lock()
        self._bytes = _free_bytes(folder) // 2 if previous is not None else 0

    @contextmanager
    def taken(self, path: str, size: int) -> Iterator[None]:
        """Take the room of one file, which is written inside of the context; an error gives it back.

        Raises `MismatchError` where there is too little, or where the output cannot have the path.
        """
        with self._lock:
            if size > self._bytes:
                raise MismatchError(
                    path,
                    f"its {size:,} bytes do not fit: half of the room on the disk is for the new release",
                )
            self._bytes -= size
        try:
            yield
        except HashserveError as error:
            with self._lock:
                self._bytes += size
            if isinstance(error, BuildError) and getattr(error.__cause__, "errno", None) in _PATH_ERRORS:
                raise MismatchError(path, error.problem) from error
            raise


def _free_bytes(folder: str) -> int:
    import shutil  # takes 10 ms

    try:
        return shutil.disk_usage(folder).free
    except OSError:  # some file systems do not say
        return sys.maxsize
