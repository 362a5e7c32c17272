"""Trees of more folders than a recursion can follow, or than a path can name."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["deep_folder", "shallow_recursion"]


def deep_folder(root: Path, depth: int, files: Mapping[str, bytes], *, name: str = "d") -> None:
    """Make ``depth`` folders of a name below ``root``, each in the one before, with ``files`` in the last."""
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    for path, content in files.items():
        file = os.open(path, os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
        os.write(file, content)
        os.close(file)
    os.close(descriptor)


@contextmanager
def shallow_recursion(frames: int) -> Iterator[None]:
    """Let no function call itself over ``frames`` times, so that a tree need not be deeper to be too deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + frames)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
