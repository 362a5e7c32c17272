"""The manifest of a folder: the names that it may have, which file it is, and how that is read.

Invariant: a manifest is found by its name alone. A bare ``manifest.json`` is not found, because it is a
web app's as often as a build's.
"""

from __future__ import annotations

import errno
import os
import stat

from hashserve.manifest.limits import MOST_BYTES, check_size

__all__ = [
    "MANIFEST_NAME",
    "MIX_MANIFEST",
    "PHOENIX_MANIFEST",
    "PROPSHAFT_MANIFEST",
    "SPROCKETS_START",
    "UNSERVED_MANIFESTS",
    "VITE_MANIFEST",
    "find_manifest",
    "read_file",
]

MANIFEST_NAME = "staticfiles.json"
"""The name of hashserve's own manifest and of Django's."""

VITE_MANIFEST = ".vite/manifest.json"
PHOENIX_MANIFEST = "cache_manifest.json"
PROPSHAFT_MANIFEST = ".manifest.json"
MIX_MANIFEST = "mix-manifest.json"

SPROCKETS_START = ".sprockets-manifest-"
"""How the names of Sprockets' manifests start; a random part and ``.json`` follow."""

UNSERVED_MANIFESTS = (MANIFEST_NAME, PHOENIX_MANIFEST, MIX_MANIFEST)
"""Manifests that are never served. The others start with a dot, as every hidden path does."""


def find_manifest(root: str | os.PathLike[str]) -> str | None:
    """Find the manifest of a built folder, or None.

    Costs a few stats and at most one listing of ``root`` itself.
    """
    top = os.fspath(root)
    for name in (MANIFEST_NAME, VITE_MANIFEST, PHOENIX_MANIFEST, PROPSHAFT_MANIFEST):
        candidate = os.path.join(top, name)
        if os.path.isfile(candidate):
            return candidate
    sprockets = [os.path.join(top, name) for name in _names_in(top) if _is_of_sprockets(name)]
    if sprockets := list(filter(os.path.isfile, sprockets)):
        return max(sprockets, key=lambda candidate: (os.path.getmtime(candidate), candidate))
    candidate = os.path.join(top, MIX_MANIFEST)
    return candidate if os.path.isfile(candidate) else None


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_of_sprockets(name: str) -> bool:
    return name.startswith(SPROCKETS_START) and name.endswith(".json")


def read_file(path: str) -> bytes:
    """Read a whole regular file. Raises `OSError`, also for anything that is not a regular file.

    A FIFO with the name of a manifest never makes the caller wait, and of a file that is too large for a
    manifest nothing is read: `ManifestError`.
    """
    with open(path, "rb", opener=_open_regular) as stream:
        size = os.fstat(stream.fileno()).st_size
        check_size(size, path)
        content = stream.read(size + 1)
        if len(content) > size:  # the file has grown meanwhile
            content += stream.read(MOST_BYTES)
    check_size(len(content), path)
    return content


def _open_regular(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, f"{os.strerror(number)} (not a regular file)", path)
    return descriptor
