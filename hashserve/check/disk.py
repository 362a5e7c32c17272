"""What is on disk below the published folder, and what of it no server would ever serve.

Invariant: a link is followed only where the server follows it; nothing is opened here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Container
from dataclasses import dataclass, field

from hashserve.atomic_files import TEMPORARY_PREFIX
from hashserve.builder.output.private_folder import PRIVATE_FOLDER
from hashserve.check.findings import CheckFinding, finding
from hashserve.http.codings import CODINGS
from hashserve.manifest.model import MANIFEST_NAME
from hashserve.paths import is_servable

__all__ = ["DiskEntry", "DiskTree", "is_temporary", "read_tree"]

_LEFT_BEHIND = ("~", ".tmp", ".temp", ".bak", ".orig", ".rej", ".part", ".swp", ".swo")
"""How the names of copies end that editors, patches and downloads leave."""

_HIDDEN = (MANIFEST_NAME, "cache_manifest.json", "mix-manifest.json")
"""Manifests: the server keeps them, and their variants, to itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskEntry:
    """A regular file: its path below the root, its size in bytes, its time in nanoseconds."""

    path: str
    location: str
    size: int
    modified: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskTree:
    """The files below ``root`` by path, and what is wrong with the rest."""

    root: str
    entries: dict[str, DiskEntry] = field(default_factory=dict)
    findings: list[CheckFinding] = field(default_factory=list)


def is_temporary(path: str) -> bool:
    """Whether a file's name is one of a temporary file or an editor's copy."""
    name = path.rpartition("/")[2]
    return name.startswith(TEMPORARY_PREFIX) or name.lower().endswith(_LEFT_BEHIND)


def read_tree(root: str, manifest: str | None, listed: Container[str] = frozenset()) -> DiskTree:
    """List what is below ``root``; ``manifest`` is the path of the one in force, relative to it.

    A file that is called like a manifest is a file like others where it is ``listed``.
    """
    suffixes = ("", *(coding.suffix for coding in CODINGS.values()))
    hidden = {name + suffix for name in _HIDDEN if name not in listed for suffix in suffixes}
    if manifest is not None:
        hidden.add(manifest)
    return _DiskReader(DiskTree(root=root), hidden).read()


class _DiskReader:
    def __init__(self, tree: DiskTree, hidden: Collection[str]) -> None:
        self.tree = tree
        self.hidden = hidden
        self.real_root = os.path.join(os.path.realpath(tree.root), "")
        # The folders ahead: a stack of our own, since they may lie deeper than Python can recurse.
        self.ahead: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(tree.root, "", ())]

    def read(self) -> DiskTree:
        """Read one folder after the other."""
        while self.ahead:
            self.folder(*self.ahead.pop())
        return self.tree

    def find(self, rule: str, path: str, message: str) -> None:
        self.tree.findings.append(finding(rule, path, message))

    def folder(self, location: str, path: str, ancestors: tuple[tuple[int, int], ...]) -> None:
        """Read a folder; ``path`` ends with a slash or is empty."""
        try:
            status = os.stat(location)
            with os.scandir(location) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.find("file-unreadable", path or ".", f"the folder cannot be listed: {error.strerror}")
            return
        identity = (status.st_dev, status.st_ino)
        if identity in ancestors:
            self.find("not-a-file", path[:-1], "is a link back to a folder that it lies in")
            return
        if not status.st_mode & 0o111:
            self.find("file-unreadable", path or ".", "nobody may enter the folder")
            return
        for entry in listed:
            self.entry(entry, path + entry.name, (*ancestors, identity))

    def entry(self, entry: os.DirEntry[str], path: str, ancestors: tuple[tuple[int, int], ...]) -> None:
        if path == PRIVATE_FOLDER:
            self.private(entry.path)
            return
        try:
            status = entry.stat()
        except OSError as error:
            self.find("not-a-file", path, f"leads nowhere: {error.strerror}")
            return
        is_folder = stat.S_ISDIR(status.st_mode)
        if path in self.hidden or not self.is_served(path, is_folder=is_folder):
            return
        if entry.is_symlink() and not self.is_inside(entry.path):
            self.find("link-outside", path, "is a link that leaves the folder")
        elif is_folder:
            self.ahead.append((entry.path, f"{path}/", ancestors))
        elif stat.S_ISREG(status.st_mode):
            self.file(entry.path, path, status)
        else:
            self.find("not-a-file", path, "is not a regular file")

    def is_inside(self, location: str) -> bool:
        return os.path.join(os.path.realpath(location), "").startswith(self.real_root)

    def is_served(self, path: str, *, is_folder: bool) -> bool:
        """Whether the server answers for a name at all; reported if not, but for a manifest's folder."""
        if is_servable(f"{path}/x" if is_folder else path):
            return True
        if is_temporary(path):
            self.find("temporary-file", path, "is a temporary file that was left behind")
        elif not any(name.startswith(f"{path}/") for name in self.hidden):
            self.find("never-served", path, "has a name that the server never answers for")
        return False

    def file(self, location: str, path: str, status: os.stat_result) -> None:
        if not stat.S_IMODE(status.st_mode) & 0o444:
            self.find("file-unreadable", path, "nobody may read it")
            return
        self.tree.entries[path] = DiskEntry(
            path=path, location=location, size=status.st_size, modified=status.st_mtime_ns
        )

    def private(self, location: str) -> None:
        """Look for what a killed build left in its own folder."""
        try:
            names = sorted(os.listdir(os.path.join(location, "temporary")))
        except OSError:
            return
        for name in names:
            path = f"{PRIVATE_FOLDER}/temporary/{name}"
            self.find("temporary-file", path, "was left by a build that was stopped; the next removes it")
