"""The files below the published folder, and the entries that no server sends.

Invariant: a link is followed only where the server follows it; no file is opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container
from dataclasses import dataclass, field

from hashserve.atomic_files import TEMPORARY_PREFIX
from hashserve.builder.output.private_folder import PRIVATE_FOLDER
from hashserve.check.findings import CheckFinding, finding
from hashserve.file_tree import walk_folders
from hashserve.hidden_paths import hidden_paths
from hashserve.http.codings import CODINGS
from hashserve.manifest.discovery import UNSERVED_MANIFESTS
from hashserve.url_paths import is_servable

__all__ = ["FileOnDisk", "PublishedTree", "is_temporary", "read_published_tree"]

_COPY_ENDINGS = ("~", ".tmp", ".temp", ".bak", ".orig", ".rej", ".part", ".swp", ".swo")
"""Ends of the names of copies that editors, patches and downloads leave behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOnDisk:
    """A regular file: its path below the root, its size in bytes, its time in nanoseconds."""

    path: str
    location: str
    size: int
    modified: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTree:
    """The files below ``root`` by path, and the findings about all other entries."""

    root: str
    files: dict[str, FileOnDisk] = field(default_factory=dict)
    findings: list[CheckFinding] = field(default_factory=list)


def is_temporary(path: str) -> bool:
    """Whether a file has the name of a temporary file or of an editor's copy."""
    name = path.rpartition("/")[2]
    return name.startswith(TEMPORARY_PREFIX) or name.lower().endswith(_COPY_ENDINGS)


def read_published_tree(
    root: str, manifest_path: str | None, listed: Container[str] = frozenset()
) -> PublishedTree:
    """List the files below ``root``; ``manifest_path`` is relative to it.

    A file that is called like a manifest is an ordinary file if it is ``listed``.
    """
    return _TreeReader(root, _hidden(root, manifest_path, listed)).read()


def _hidden(root: str, manifest_path: str | None, listed: Container[str]) -> frozenset[str]:
    suffixes = ("", *(coding.suffix for coding in CODINGS.values()))
    ordinary = {name + suffix for name in UNSERVED_MANIFESTS if name in listed for suffix in suffixes}
    return (hidden_paths(root, manifest_path) - ordinary) | ({manifest_path} if manifest_path else set())


class _TreeReader:
    """One walk over a tree. It reports each entry that no server sends, and keeps the files."""

    def __init__(self, root: str, hidden: frozenset[str]) -> None:
        self.root = root
        self.real_root = os.path.join(os.path.realpath(root), "")
        self.hidden = hidden
        self.tree = PublishedTree(root=root)

    def read(self) -> PublishedTree:
        if self.is_closed(os.stat(self.root), "."):
            return self.tree
        walk = walk_folders(
            self.root, follow_links=True, on_loop=self.report_loop, on_error=self.report_error
        )
        for folder, entries in walk:
            entries[:] = [entry for entry in entries if self.is_folder_to_read(entry, folder + entry.name)]
        return self.tree

    def report(self, rule: str, path: str, message: str) -> None:
        self.tree.findings.append(finding(rule, path, message))

    def report_loop(self, location: str) -> None:
        self.report("not-a-file", self.path_of(location), "is a link to a folder that contains it")

    def report_error(self, error: OSError) -> None:
        path = self.path_of(error.filename)
        message = f"the folder cannot be listed: {error.strerror}"
        self.report("file-unreadable", path if path == "." else f"{path}/", message)

    def path_of(self, location: str) -> str:
        return os.path.relpath(location, self.root).replace(os.sep, "/")

    def is_folder_to_read(self, entry: os.DirEntry[str], path: str) -> bool:
        """Keep or report an entry; return whether it is a folder to be read."""
        if path == PRIVATE_FOLDER:
            self.read_private_folder(entry.path)
            return False
        try:
            status = entry.stat()
        except OSError as error:
            self.report("not-a-file", path, f"leads nowhere: {error.strerror}")
            return False
        is_folder = stat.S_ISDIR(status.st_mode)
        if path in self.hidden or not self.is_served(path, is_folder=is_folder):
            return False
        if entry.is_symlink() and not self.is_inside(entry.path):
            self.report("link-outside", path, "is a link that leaves the folder")
            return False
        if is_folder:
            return not self.is_closed(status, f"{path}/")
        self.read_file(entry.path, path, status)
        return False

    def is_inside(self, location: str) -> bool:
        return os.path.join(os.path.realpath(location), "").startswith(self.real_root)

    def is_closed(self, status: os.stat_result, path: str) -> bool:
        """Whether nobody may enter a folder; report it if so."""
        if status.st_mode & 0o111:
            return False
        self.report("file-unreadable", path, "no user has permission to enter the folder")
        return True

    def is_served(self, path: str, *, is_folder: bool) -> bool:
        """Whether the server answers for a name; report it if not, unless the manifest is in it."""
        if is_servable(f"{path}/x" if is_folder else path):
            return True
        if is_temporary(path):
            self.report("temporary-file", path, "is a temporary file that was left behind")
        elif not any(name.startswith(f"{path}/") for name in self.hidden):
            self.report("never-served", path, "the server never answers for this name")
        return False

    def read_file(self, location: str, path: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            self.report("not-a-file", path, "is not a regular file")
        elif not stat.S_IMODE(status.st_mode) & 0o444:
            self.report("file-unreadable", path, "no user has permission to read it")
        else:
            self.tree.files[path] = FileOnDisk(
                path=path, location=location, size=status.st_size, modified=status.st_mtime_ns
            )

    def read_private_folder(self, location: str) -> None:
        """Report what a killed build left in its private folder."""
        try:
            names = sorted(os.listdir(os.path.join(location, "temporary")))
        except OSError:
            return
        for name in names:
            path = f"{PRIVATE_FOLDER}/temporary/{name}"
            self.report(
                "temporary-file", path, "was left by a build that was stopped; the next build removes it"
            )
