"""The source tree: which files a build takes in, and under which logical path.

Invariant: of several roots the first that has a path wins; the order in which a file system lists its
folders changes nothing.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate

from hashserve.errors import SourceError
from hashserve.manifest.model import MANIFEST_NAME

__all__ = ["DEFAULT_IGNORE", "SourceFile", "walk"]

DEFAULT_IGNORE = ("CVS", ".*", "*~")
"""What Django's collectstatic ignores too; ``.well-known`` at the top is taken in all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file to build: its logical path, and its location on disk."""

    logical_path: str
    location: str


def walk(
    roots: Sequence[str],
    *,
    ignore: Iterable[str] = DEFAULT_IGNORE,
    on_skip: Callable[[str, str], None] = lambda path, reason: None,
) -> list[SourceFile]:
    """List every file below ``roots`` in the order of logical paths.

    ``ignore`` are patterns of names, or of whole paths where they hold a slash before their end. Symlinks
    are followed. What is left out for another reason (a loop of links, a broken one, a FIFO, the manifest's
    name, a name shadowed by another root's) is told to ``on_skip`` with its path and the reason. Raises
    `SourceError` where a root is missing, or something in it cannot be read or named in a URL.
    """
    is_ignored = _ignored(ignore)
    found: dict[str, SourceFile] = {}
    for root in roots:
        if not os.path.isdir(root):
            raise SourceError(root, "is not a folder", "name the folder that holds your static files")
        for file in _files(root, is_ignored, on_skip):
            if file.logical_path in found:
                on_skip(file.location, f"{found[file.logical_path].location} comes first")
            else:
                found[file.logical_path] = file
    return [found[path] for path in sorted(found)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PendingFolder:
    """A folder that is still to be listed: its location, its logical path with a slash, what it lies in."""

    location: str
    prefix: str = ""
    ancestors: tuple[tuple[int, int], ...] = ()


def _files(root: str, is_ignored: _Ignored, on_skip: Callable[[str, str], None]) -> Iterator[SourceFile]:
    """List the files below a root; without recursion, however deep its folders are."""
    waiting = [_PendingFolder(location=root)]
    while waiting:
        folder = waiting.pop()
        listed, identity = _listed(folder.location)
        if identity in folder.ancestors:
            on_skip(folder.location, "is a link back to a folder that it lies in")
            continue
        for entry in listed:
            logical_path = folder.prefix + entry.name
            if is_ignored(logical_path, entry.name):
                continue
            reason = _reason_to_skip(entry, logical_path)
            if reason is not None:
                on_skip(entry.path, reason)
            elif entry.is_dir():
                ancestors = (*folder.ancestors, identity)
                waiting.append(
                    _PendingFolder(location=entry.path, prefix=f"{logical_path}/", ancestors=ancestors)
                )
            else:
                yield SourceFile(logical_path=logical_path, location=entry.path)


def _listed(folder: str) -> tuple[list[os.DirEntry[str]], tuple[int, int]]:
    """List a folder in the order of names, and tell which one it is, by whatever path."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        status = os.stat(folder)
    except OSError as error:
        raise SourceError(folder, f"cannot be listed: {error.strerror}", "check its permissions") from error
    return listed, (status.st_dev, status.st_ino)


def _reason_to_skip(entry: os.DirEntry[str], logical_path: str) -> str | None:
    """Say why something is left out that no pattern ignores; None for a file or a folder that is not."""
    _check_name(entry)
    if not _BREAKERS.isdisjoint(entry.name):
        return "has a backslash or a line break in its name, which no server answers for"
    if _is_loop(entry):
        return "is a link to itself"
    if entry.is_dir():
        return None
    if logical_path == MANIFEST_NAME:
        return "has the name of the manifest that the build writes: rename it, or ignore it"
    if entry.is_file():
        return None
    return "is a broken link" if not os.path.exists(entry.path) else "is not a regular file"


def _is_loop(entry: os.DirEntry[str]) -> bool:
    """Whether a link leads in the end to itself, which all else that is asked of it would raise for."""
    if not entry.is_symlink():
        return False
    try:
        entry.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


_Ignored = Callable[[str, str], bool]
"""Whether what has this logical path, and this name at its end, is left out."""


def _ignored(patterns: Iterable[str]) -> _Ignored:
    of_names: list[str] = []
    of_paths: list[str] = []
    for pattern in (pattern.rstrip("/") for pattern in patterns):  # a folder is often written with a slash
        (of_paths if "/" in pattern else of_names).append(pattern)
    name_is, path_is = _any_of(of_names), _any_of(of_paths)

    def is_ignored(logical_path: str, name: str) -> bool:
        if logical_path == ".well-known":
            return False
        return name_is(name) is not None or path_is(logical_path) is not None

    return is_ignored


def _any_of(patterns: Sequence[str]) -> Callable[[str], re.Match[str] | None]:
    """Give what matches any of some shell patterns: one expression is ten times as fast as one for each."""
    return re.compile("|".join(map(translate, patterns)) or "(?!)").match


_BREAKERS = frozenset("\\\r\n")


def _check_name(entry: os.DirEntry[str]) -> None:
    try:
        entry.name.encode("utf-8")
    except UnicodeEncodeError:
        raise SourceError(
            os.fsencode(entry.path).decode("utf-8", "backslashreplace"),
            "has a name that is not UTF-8",
            "rename it",
        ) from None
