"""A published folder as it was read: the value that every rule looks at.

Invariant: every file is read once, and a dictionary once more for each delta; files are read on every core.
Rules only look at what was read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from hashserve.builder.chunks import read_chunks
from hashserve.check.contents import FileContent, FileWithVariants, PathContents, read_contents
from hashserve.check.delta_contents import DeltaContent, read_deltas
from hashserve.check.dictionary_grades import DictionaryGrade, dictionary_grades
from hashserve.check.findings import CheckFinding, finding
from hashserve.check.fingerprint_proofs import is_start_of_digest
from hashserve.check.manifest_index import ManifestIndex, index_of, token_in
from hashserve.check.published_tree import FileOnDisk, PublishedTree, read_published_tree
from hashserve.check.reference_follower import ReferenceFollower
from hashserve.errors import ManifestError
from hashserve.fingerprint_patterns import fingerprint_of, without_fingerprint
from hashserve.http.codings import CODINGS, coding_of_suffix
from hashserve.manifest.discovery import MANIFEST_NAME, find_manifest
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.model import AssetRecord, Manifest, file_of_delta
from hashserve.settings.check import CheckSettings

__all__ = ["CheckedFolder", "CheckedManifest", "read_folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedManifest:
    """The manifest of a folder: its path, and its value or the finding that says why it has none."""

    path: str = MANIFEST_NAME
    is_there: bool = False
    manifest: Manifest | None = None
    findings: tuple[CheckFinding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckedFolder:
    """What was read of a folder.

    * ``paths``: the contents at each path that is on disk or listed; variants are with their file;
    * ``deltas``: what each listed delta decodes to, by its path;
    * ``threads``: how many files may be read at once.
    """

    tree: PublishedTree
    manifest: CheckedManifest
    index: ManifestIndex
    follower: ReferenceFollower
    paths: Mapping[str, PathContents]
    deltas: Mapping[str, DeltaContent]
    threads: int

    @property
    def lists_every_file(self) -> bool:
        """Whether the manifest lists every file, as hashserve's and Django's do; a bundler's does not."""
        return self.manifest.manifest is not None and self.manifest.path == MANIFEST_NAME

    @cached_property
    def grades(self) -> tuple[DictionaryGrade, ...] | None:
        """Which files are dictionaries; None if the build makes no deltas."""
        manifest = self.manifest.manifest
        return None if manifest is None else dictionary_grades(manifest)

    @cached_property
    def reported_paths(self) -> frozenset[str]:
        """Paths that have a finding from reading the tree: they are not reported as missing."""
        return frozenset(item.path for item in self.tree.findings)

    @cached_property
    def leftovers(self) -> frozenset[str]:
        """Fingerprinted files on disk that no release lists."""
        if not self.lists_every_file:
            return frozenset()
        unlisted = (path for path in self.paths if path not in self.index.all_paths)
        return frozenset(path for path in unlisted if self._is_leftover(path))

    def _is_leftover(self, path: str) -> bool:
        if (of := file_of_delta(path)) is not None and (of in self.index.records or self._is_leftover(of)):
            return True
        coding = coding_of_suffix(path)
        source = path if coding is None else path.removesuffix(coding.suffix)
        token, logical = fingerprint_of(source), without_fingerprint(source)
        if token is None or logical is None or token_in(source, logical) is None:
            return False
        content = self.content(path)
        return logical in self.index.logical_paths or (
            content is not None and is_start_of_digest(token, sha256=content.sha256, md5=content.md5)
        )

    def content(self, path: str) -> FileContent | None:
        """Return what was read of a file, None if it is not there or cannot be read."""
        item = self.paths.get(path)
        return None if item is None or item.content is None or item.content.problem else item.content

    def contents(self) -> Iterator[tuple[str, FileContent]]:
        """Yield the path and the content of every file that could be read."""
        for path in self.paths:
            content = self.content(path)
            if content is not None:
                yield path, content

    def is_changed(self, record: AssetRecord) -> bool:
        """Whether a file has another SHA-256 than the manifest states."""
        content = self.content(record.path)
        return content is not None and record.sha256 is not None and content.sha256 != record.sha256

    def location(self, path: str) -> str:
        """Return the place on disk of a file that is there."""
        return self.tree.files[path].location

    def read(self, path: str) -> bytes:
        """Read a file that is there once more. Raises `OSError`."""
        return b"".join(read_chunks(self.location(path)))


def read_folder(root: str, settings: CheckSettings) -> CheckedFolder:
    """Read the folder ``root``: its manifest, its tree, and all its files."""
    manifest = _read_manifest(root)
    value = manifest.manifest
    index = ManifestIndex() if value is None else index_of(value)
    tree = read_published_tree(root, manifest.path if manifest.is_there else None, index.logical_paths)
    follower = ReferenceFollower(
        tree.files.keys() | index.records.keys() | index.unfingerprinted,
        index,
        prefix=settings.prefix or (None if value is None else value.prefix),
        js_references=settings.js_references,
        html=settings.html,
    )
    threads = settings.threads or os.cpu_count() or 1
    return CheckedFolder(
        tree=tree,
        manifest=manifest,
        index=index,
        follower=follower,
        paths=_read_paths(tree, index, follower, threads),
        deltas=read_deltas(index.deltas.values(), tree.files, index.records, threads),
        threads=threads,
    )


def _read_manifest(root: str) -> CheckedManifest:
    location = find_manifest(root)
    if location is None:
        return CheckedManifest(findings=(finding("manifest-missing", MANIFEST_NAME, "there is no manifest"),))
    path = os.path.relpath(location, root).replace(os.sep, "/")
    try:
        return CheckedManifest(path=path, is_there=True, manifest=load_manifest(location, root=root))
    except ManifestError as error:
        problem = error.detail
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    return CheckedManifest(path=path, is_there=True, findings=(finding("manifest-broken", path, problem),))


def _read_paths(
    tree: PublishedTree, index: ManifestIndex, follower: ReferenceFollower, threads: int
) -> Mapping[str, PathContents]:
    # The largest files come first, so that none of them keeps one core busy at the end.
    files = sorted(_files(tree, index), key=lambda item: (-item.size, item.path))
    with ThreadPoolExecutor(threads) as executor:
        contents = executor.map(lambda item: read_contents(item, follower), files)
        by_path = {item.on_disk.path: item for item in contents}
    return {path: by_path[path] for path in sorted(by_path)}


def _files(tree: PublishedTree, index: ManifestIndex) -> Iterator[FileWithVariants]:
    """Yield each path on disk or in the manifest, unless it is only a variant or a delta of another."""
    paths = tree.files.keys() - index.deltas.keys() | index.all_paths
    for path in paths:
        coding = coding_of_suffix(path)
        if coding is None or path in index.all_paths or path.removesuffix(coding.suffix) not in paths:
            record = index.records.get(path)
            yield FileWithVariants(
                path=path,
                file=tree.files.get(path),
                variants=_variants(path, tree),
                listed_size=None if record is None else record.size,
            )


def _variants(path: str, tree: PublishedTree) -> dict[str, FileOnDisk]:
    found = {name: tree.files.get(path + coding.suffix) for name, coding in CODINGS.items()}
    return {name: file for name, file in found.items() if file is not None}
