"""The lock of an output folder, which one build at a time holds.

Invariant: two builds never write to one output at the same time. On Windows there is no such lock.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hashserve.builder.output.write_errors import write_error
from hashserve.errors import BuildError

if sys.platform != "win32":  # pragma: no branch
    import fcntl

__all__ = ["held_lock"]

RETRY_SECONDS = 0.1
"""The pause before the lock of another build is tried again."""


@contextmanager
def held_lock(
    location: str, output: str, *, wait_seconds: float, on_wait: Callable[[], None]
) -> Iterator[int]:
    """Hold the lock at ``location`` of the folder ``output``; yield its descriptor.

    Waits ``wait_seconds`` at most for another build, and calls ``on_wait`` before every pause.
    Raises `BuildError` where the lock cannot be acquired.
    """
    if os.path.islink(location) or (os.path.lexists(location) and not os.path.isfile(location)):
        raise BuildError(location, "is not the file that builds make there", "remove it")
    try:
        descriptor = os.open(location, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise write_error(location, error) from error
    try:
        if sys.platform != "win32":  # pragma: no branch
            _acquire(descriptor, output, wait_seconds, on_wait)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, output: str, wait_seconds: float, on_wait: Callable[[], None]) -> None:
    deadline = time.monotonic() + wait_seconds
    while not _is_acquired(descriptor, output):
        left = deadline - time.monotonic()
        if left <= 0:
            waited = f" (waited {wait_seconds:g} s)" if wait_seconds else ""
            raise BuildError(output, f"another build is writing to it{waited}", "build again when it is done")
        on_wait()
        time.sleep(min(left, RETRY_SECONDS))


def _is_acquired(descriptor: int, output: str) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise BuildError(
            output, f"cannot be locked: {error.strerror}", "choose a folder on a file system with locks"
        ) from error
    return True
