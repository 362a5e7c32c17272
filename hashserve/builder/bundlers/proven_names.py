"""Names that a bundler fingerprinted, found in a tree and kept: a second fingerprint would be a defect.

Invariant: a name is kept only with a proof: a manifest that lists files of the tree, a digest of the content,
a folder that a framework serves as immutable, or a proven file that loads it. A file that had other content
in an earlier release is never kept. A name that only looks fingerprinted is reported.
"""

from __future__ import annotations

import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache

from hashserve.builder.bundlers.entry_pages import entries_of, mentioned_by
from hashserve.builder.bundlers.found_manifests import ListedNames, names_in_data, names_in_folders
from hashserve.builder.bundlers.framework_folders import named_by_frameworks
from hashserve.builder.bundlers.name_proofs import is_proven
from hashserve.builder.bundlers.name_tokens import CODE, SCRIPTS, NameToken, token_of
from hashserve.builder.bundlers.stated_names import each_once
from hashserve.builder.bundlers.unproven_names import unproven_names
from hashserve.builder.references.languages import is_page
from hashserve.builder.report import BuildFinding, BuildReport
from hashserve.builder.sources.opened import read_source
from hashserve.builder.sources.tree import SourceTree
from hashserve.digests import digest_of
from hashserve.errors import SourceError
from hashserve.manifest.model import Manifest

__all__ = ["recognise_bundlers"]

LARGEST_READ = 16 * 1024 * 1024
"""The largest file, in bytes, that is read for a proof."""

MOST_HASHED = 48 * 1024 * 1024
"""How many bytes of a tree are hashed for proofs: about 12 seconds with the slowest digest."""


def recognise_bundlers(
    tree: SourceTree, earlier: Sequence[Manifest], in_force: Manifest | None, report: BuildReport
) -> SourceTree:
    """Return the tree with every name kept that is proven, and report those that only look fingerprinted.

    ``earlier`` are the manifests of releases that exist: a name that one of them lists with other content is
    not kept. Only the one ``in_force`` is trusted: a name that it lists with this content is proven.
    """
    search = _Search(tree, earlier, in_force)
    search.by_manifests()
    search.by_folders()
    search.by_content()
    search.by_pages()
    report.findings.extend(search.findings)
    report.findings.extend(unproven_names(search.names, search.files, search.kept))
    paths = {file.logical_path for file in tree.files}
    return replace(tree, kept=each_once(search.kept, paths), plain=_maps_of(search.kept, paths))


def _maps_of(kept: Mapping[str, str], paths: AbstractSet[str]) -> frozenset[str]:
    """Return the source maps of kept files that no manifest lists.

    Their script names them, so they need no second fingerprint. But it is not taken from them: a comment in a
    source changes the map, and neither the script nor its name.
    """
    return frozenset(f"{path}.map" for path in kept if f"{path}.map" in paths) - kept.keys()


class _Search:
    """What is known so far: ``kept`` are proven, and ``names`` are the tokens of the other ``files``."""

    def __init__(self, tree: SourceTree, earlier: Sequence[Manifest], in_force: Manifest | None) -> None:
        self.kept = dict(tree.kept)
        self.findings: list[BuildFinding] = []
        self.files = {file.logical_path: file.location for file in tree.files}
        self._sources = {file.logical_path: file for file in tree.files}
        self._earlier = earlier
        self._trusted = () if in_force is None else (in_force,)
        self._budget = MOST_HASHED
        self.names: dict[str, NameToken] = {}
        self._numbers: dict[str, NameToken] = {}
        self._proven: list[str] = []
        for path in sorted(self.files.keys() - self.kept.keys()):
            if (token := token_of(path)) is not None:
                self.names[path] = token
            elif (token := token_of(path, numbers=True)) is not None:
                self._numbers[path] = token

    # Proofs

    def by_manifests(self) -> None:
        """Keep what manifests list that nobody named."""
        if self.names:
            for listed in names_in_folders(self.files, self.names):
                self._keep_listed(listed)
        if self.names:
            for listed in names_in_data(self.files, self.names):
                self._keep_listed(listed)

    def _keep_listed(self, listed: ListedNames) -> None:
        if listed.problem:
            message = f"is a bundler's manifest that cannot be used: {listed.problem}"
            self.findings.append(BuildFinding(kind="bundler-manifest", path=listed.location, message=message))
        for path, logical_path in listed.names.items():
            if path not in self.kept:
                self._keep(path, logical_path)

    def by_folders(self) -> None:
        """Keep what a framework serves as immutable itself."""
        for path in named_by_frameworks(self.files):
            self._keep(path)

    def by_content(self) -> None:
        """Keep each file whose token is a digest of its content, so that few other files are read.

        Tokens that may be words or numbers are tried only if others of their alphabet are proven: 3 % of all
        digests look so.
        """
        sure = {path: token for path, token in self.names.items() if token.is_random or token.has_both_cases}
        proven = {token.is_hex for path, token in sure.items() if self._has_proof(path, token)}
        others = {path: token for path, token in self.names.items() if path not in sure}
        others.update(self._numbers)
        for path, token in others.items():
            if token.is_hex in proven:
                self._has_proof(path, token)
        for path in self._proven:
            self._keep(path)

    def _has_proof(self, path: str, token: NameToken) -> bool:
        """Whether the content proves a token, or is what the release in force has under this name."""
        if self._budget < 0:
            return False
        content = self._read(path)
        # Counted in either case, or the next build would have room to prove more.
        self._budget -= len(content)
        if not content or self._budget < 0:
            return False
        listed = _digests_of(path, self._trusted)
        is_copy = token.is_copy_in(self.files)
        if listed and not is_copy:
            is_proof = listed == {digest_of((content,))}
        else:
            is_proof = is_proven(token, content, of_bundlers=is_copy)
        if is_proof:
            self._proven.append(path)
        return is_proof

    def by_pages(self) -> None:
        """Keep what pages load of a bundler's files, and what the kept files load."""
        if not any(path.endswith(CODE) for path in self.names):
            return
        names = {path: token for path in self.kept if (token := token_of(path)) is not None}
        names.update(self.names)
        by_name: dict[str, list[str]] = defaultdict(list)
        for path in names:
            by_name[posixpath.basename(path)].append(path)
        pages = [path for path in self.files if is_page(path)]
        contains = cache(lambda path, mark: mark in self._read(path))
        folders: set[str] = set()
        for page in [*pages, *pages]:  # one page may prove what another one loads
            for item in entries_of(page, self._read(page), names, by_name, contains, folders):
                self._keep(item.path)
                if item.is_entry:
                    folders.add(item.token.folder)
        self._follow([path for path in self.kept if path.endswith(CODE)])

    def _follow(self, holders: list[str]) -> None:
        """Keep what the ``holders`` mention, and what that mentions."""
        scripts = Counter(posixpath.dirname(path) for path in holders if path.endswith(SCRIPTS))
        while holders and self.names:
            path = holders.pop()
            holder, folder = token_of(path), posixpath.dirname(path)
            if holder is None:
                continue
            for target in set(mentioned_by(holder, self._read(path), self.names, scripts[folder])):
                if target.endswith(CODE) and self._keep(target):
                    scripts[folder] += target.endswith(SCRIPTS)
                    holders.append(target)

    def _keep(self, path: str, logical_path: str | None = None) -> bool:
        """Keep a name, unless an earlier release has other content under it."""
        earlier = _digests_of(path, self._earlier)
        if path in self.kept or (earlier and earlier != {self._digest(path)}):
            return False
        token = self.names.pop(path, None)
        plain = token.plain_path if token is not None and token.separator else path
        self.kept[path] = logical_path or plain
        return True

    # Files

    def _read(self, path: str) -> bytes:
        """Return the content of a file; nothing if it is too large, or cannot be read.

        The scan reports what cannot be read.
        """
        try:
            if os.path.getsize(self.files[path]) > LARGEST_READ:
                return b""
            return b"".join(self._chunks(path))
        except (OSError, SourceError):
            return b""

    def _digest(self, path: str) -> str | None:
        """Return the digest of a file of any size; None if it cannot be read."""
        try:
            return digest_of(self._chunks(path))
        except (OSError, SourceError):
            return None

    def _chunks(self, path: str) -> Iterator[bytes]:
        return read_source(self.files[path], self._sources[path].real_roots)


def _digests_of(path: str, manifests: Iterable[Manifest]) -> set[str]:
    """Return the digests of what manifests list under a name."""
    records = (manifest.record(path) for manifest in manifests)
    return {record.sha256 for record in records if record is not None and record.sha256 is not None}
