"""What is read of files, in pieces.

Invariant: a file of any size is read in little memory, and a small one at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

__all__ = ["BLOCK_SIZE", "read_chunks"]

BLOCK_SIZE = 1024 * 1024
"""How many bytes are read at a time."""


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
