"""Source files as they are opened and read.

Invariant: to open a file never blocks, and what is read lies within the sources, even if a name is replaced
by a link, a FIFO or a device while the build runs. A file that grows meanwhile is not read to its end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from hashserve.builder.chunks import BLOCK_SIZE
from hashserve.errors import SourceError

__all__ = ["RealRoots", "is_within", "read_source", "real_roots_of"]

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_BUILD_AGAIN = "build again once nothing changes the source"


RealRoots = tuple[str, ...]
"""The real paths of the sources, each with a separator at its end."""


def real_roots_of(roots: Sequence[str]) -> RealRoots:
    """Return where the sources are, whatever links lead to them."""
    return tuple(os.path.join(os.path.realpath(root), "") for root in roots)


def is_within(real_path: str, real_roots: RealRoots) -> bool:
    """Whether a real path is that of a source, or below one."""
    return f"{real_path}{os.sep}".startswith(real_roots)


def read_source(location: str, real_roots: RealRoots | None) -> Iterator[bytes]:
    """Yield the content of a source file in chunks; none if it is empty. Raises `OSError`, `SourceError`.

    The file must be below one of ``real_roots``; None means that links may lead anywhere.
    """
    with open(location, "rb", buffering=0, opener=_open) as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(location, "is not a regular file any more", _BUILD_AGAIN)
        # After the file is open, so that no link can be switched between the check and the opening.
        if real_roots is not None and not _is_opened_within(location, stream.fileno(), real_roots):
            raise SourceError(location, "was replaced during the build", _BUILD_AGAIN)
        left = status.st_size
        while chunk := stream.read(min(left + 1, BLOCK_SIZE)):
            left -= len(chunk)
            if left < 0:
                raise SourceError(location, "grew while it was read", _BUILD_AGAIN)
            yield chunk


def _open(path: str, flags: int) -> int:
    return os.open(path, _FLAGS)


def _is_opened_within(location: str, descriptor: int, real_roots: RealRoots) -> bool:
    try:
        # Linux knows where an open file is. This takes 3 us, and what is below 30 us.
        if is_within(os.readlink(f"/proc/self/fd/{descriptor}"), real_roots):
            return True
    except OSError:
        pass
    real_path = os.path.realpath(location)
    return is_within(real_path, real_roots) and os.path.samestat(os.stat(real_path), os.fstat(descriptor))
