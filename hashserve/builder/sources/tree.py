"""The source tree: the files that a build reads, each with its logical path.

Invariant: if two roots have a file at the same path, that of the first root is built. The order in which a
file system lists a folder changes nothing.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate

from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.report import BuildFinding, BuildReport
from hashserve.builder.sources.opened import RealRoots, is_within, real_roots_of
from hashserve.errors import SourceError
from hashserve.file_tree import walk_folders
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.schema import Unhashed, unsafe_path
from hashserve.settings.build import DEFAULT_IGNORE, BuildSettings
from hashserve.url_paths import is_servable

__all__ = ["SourceFile", "SourceTree", "check_names", "matcher_of", "source_files"]

_LONGEST_SUFFIX = len(".zst")

MOST_ENTRIES = 1_000_000
"""How many files and folders a source may have: more than a manifest can list. Links can multiply them."""

_TOO_MANY = "ignore folders that hold no static files, or remove links that lead to the same folders"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file to build: its logical path, and its location on disk.

    Its real path must be below one of ``real_roots``; None means that links may lead anywhere.
    """

    logical_path: str
    location: str
    real_roots: RealRoots | None = None


def _options() -> Mapping[str, str]:
    return {name: row.option for name, row in BuildSettings.table.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """The files to build.

    ``where`` is the place, as errors name it. ``kept`` maps the path of each file that another tool
    fingerprinted to its logical path: such a file keeps its name. ``plain`` are the paths of files that have
    only their own name, and are not immutable. ``unhashed`` says what the output holds under each file's own
    name. If the files are ``collected``, a framework has put them into the output, under their own names;
    those in ``collected_first`` replaced no file there. ``skipped`` are the findings about what was left out.
    ``spellings`` are the names of settings in findings, as those who build write them.
    """

    where: str
    files: Sequence[SourceFile]
    kept: Mapping[str, str]
    plain: frozenset[str] = frozenset()
    unhashed: Unhashed = "original"
    collected: bool = False
    collected_first: Collection[str] = ()
    skipped: Sequence[BuildFinding] = ()
    spellings: Mapping[str, str] = field(default_factory=_options)


OnSkip = Callable[[str, str], None]
"""Called with the location of what is left out, and the reason."""


def source_files(
    roots: Sequence[str],
    *,
    ignore: Iterable[str] = DEFAULT_IGNORE,
    follow_symlinks: bool = False,
    on_skip: OnSkip = lambda location, reason: None,
) -> list[SourceFile]:
    """List every file below ``roots`` in the order of logical paths.

    A link that leads out of all ``roots`` is followed only with ``follow_symlinks``.

    ``ignore`` are shell patterns of names; a pattern with a slash before its end is one of whole paths.
    ``on_skip`` is called for everything else that is left out: a loop of links, a broken link, a FIFO, a
    file with the manifest's name, a file whose path an earlier root has. Raises `SourceError` if a root is
    missing, if a folder cannot be listed, if a name is not UTF-8, or if there are too many files.
    """
    is_ignored = _ignored(ignore)
    real_roots = None if follow_symlinks else real_roots_of(roots)
    found: dict[str, SourceFile] = {}
    for root in roots:
        if not os.path.isdir(root):
            raise SourceError(root, "is not a folder", "name the folder that holds your static files")
        for file in _files(root, real_roots, is_ignored, on_skip):
            first = found.setdefault(file.logical_path, file)
            if first is not file:
                on_skip(file.location, f"is left out: {first.location} has the same path and comes first")
    return [found[path] for path in sorted(found)]


def _files(
    root: str, real_roots: RealRoots | None, is_ignored: _IsIgnored, on_skip: OnSkip
) -> Iterator[SourceFile]:
    visited = 0

    def on_loop(location: str) -> None:
        on_skip(location, "is left out: this link leads back to a folder around it")

    def on_error(error: OSError) -> None:
        if error.errno != errno.ENAMETOOLONG:
            _fail(error)
        on_skip(error.filename, f"is left out: {_TOO_LONG}")

    for prefix, entries in walk_folders(root, follow_links=True, on_loop=on_loop, on_error=on_error):
        folders = []
        visited += 1 + len(entries)
        if visited > MOST_ENTRIES:
            raise SourceError(root, f"has over {MOST_ENTRIES:,} files and folders", _TOO_MANY)
        for entry in entries:
            logical_path = prefix + entry.name
            if is_ignored(logical_path, entry.name):
                continue
            reason = _reason_to_skip(entry, logical_path, real_roots)
            if reason is not None:
                on_skip(entry.path, f"is left out: {reason}")
            elif entry.is_dir():
                folders.append(entry)
            else:
                yield SourceFile(logical_path=logical_path, location=entry.path, real_roots=real_roots)
        entries[:] = folders


def _fail(error: OSError) -> None:
    """Raise the `SourceError` of a folder that cannot be listed."""
    raise SourceError(
        error.filename, f"cannot be listed: {error.strerror}", "check its permissions, or ignore it"
    ) from error


def _reason_to_skip(entry: os.DirEntry[str], logical_path: str, real_roots: RealRoots | None) -> str | None:
    """Return why an entry that no pattern ignores is left out, None if it is not."""
    if not entry.name.isascii():
        _check_encoding(entry)
    if unsafe_path([entry.name]) is not None:
        return "its name has a backslash or a line break, which no manifest can hold; rename it"
    if len(os.fsencode(entry.path)) > _LONGEST_PATH:
        return _TOO_LONG
    is_link = entry.is_symlink()
    if is_link and _is_loop(entry):
        return "this link leads to itself"
    if not (entry.is_dir() or entry.is_file()):
        return "this link leads nowhere" if not os.path.exists(entry.path) else "it is not a regular file"
    if is_link and real_roots is not None:
        target = os.path.realpath(entry.path)
        if not is_within(target, real_roots):
            return (
                f"this link leads out of the source, to {target}; copy that into the source, or build with "
                "{setting:follow_symlinks}"
            )
    if logical_path == MANIFEST_NAME and not entry.is_dir():
        return "it has the name of the manifest that the build writes; rename it, or ignore it"
    return None


_LONGEST_PATH = 4095
"""The longest path, in bytes, that Linux opens; other systems allow less, or no more."""

_TOO_LONG = "its path is too long for the system; shorten the names, or nest fewer folders"


def _check_encoding(entry: os.DirEntry[str]) -> None:
    try:
        entry.name.encode("utf-8")
    except UnicodeEncodeError:
        raise SourceError(entry.path, "has a name that is not UTF-8", "rename it") from None


def _is_loop(link: os.DirEntry[str]) -> bool:
    """Whether a link leads to itself: for such a link ``is_dir`` and ``is_file`` raise."""
    try:
        link.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


_IsIgnored = Callable[[str, str], bool]
"""Whether the file or folder of this logical path, and of this name, is left out."""


def _ignored(patterns: Iterable[str]) -> _IsIgnored:
    of_names: list[str] = []
    of_paths: list[str] = []
    for pattern in patterns:
        bare = pattern.rstrip("/")  # users often write a folder with a slash
        (of_paths if "/" in bare else of_names).append(bare)
    name_matches, path_matches = _any_of(of_names), _any_of(of_paths)

    def is_ignored(logical_path: str, name: str) -> bool:
        if name_matches(name) is None and path_matches(logical_path) is None:
            return False
        return logical_path != ".well-known"

    return is_ignored


def _any_of(patterns: Sequence[str]) -> Callable[[str], re.Match[str] | None]:
    """Return what matches any of some shell patterns: one expression is ten times as fast as one for each."""
    return re.compile("|".join(map(translate, patterns)) or "(?!)").match


def matcher_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that says whether any of some shell patterns matches a whole path."""
    match = _any_of(list(patterns))
    return lambda path: match(path) is not None


def check_names(
    files: Sequence[SourceFile], output: OutputFolder, naming: Naming, report: BuildReport
) -> None:
    """Report names that servers or other systems refuse.

    Raises `SourceError` for a name that no manifest or this output cannot hold.
    """
    longest = output.files.longest_name - naming.growth - _LONGEST_SUFFIX
    longest_path = _LONGEST_PATH - naming.growth - _LONGEST_SUFFIX
    folded: dict[str, SourceFile] = {}
    for file in files:
        path = file.logical_path
        if unsafe_path([path]) is not None:
            raise SourceError(file.location, "has a name that no manifest can hold", "rename it")
        if not is_servable(path):
            report.add("never-served", file.location, "has a name that no server answers for; rename it")
        if len(os.fsencode(os.path.basename(path))) > longest:
            raise SourceError(file.location, f"has a name of over {longest} bytes", "shorten it")
        if len(os.fsencode(output.files.location(path))) > longest_path:
            raise SourceError(
                file.location,
                f"has too long a path to be written to {output.root}",
                "nest fewer folders, or choose an output with a shorter path",
            )
        other = folded.setdefault(unicodedata.normalize("NFC", path).casefold(), file)
        if other is not file:
            _report_folded(file, other, output, report)


def _report_folded(file: SourceFile, other: SourceFile, output: OutputFolder, report: BuildReport) -> None:
    problem = f"differs from {other.location} only in case or in Unicode form"
    if output.files.folds_case:
        raise SourceError(file.location, f"{problem}, and {output.root} cannot hold both", "rename it")
    report.add("case", file.location, f"{problem}, and many systems cannot hold both; rename one")
