"""The fingerprinted files of a release, written under their paths.

Invariant: a file is named and written after every file that it refers to. So its path changes when its
content changes, or that of a file that it refers to.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from hashserve.builder.chunks import read_chunks
from hashserve.builder.compression.variants import Variants
from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.naming.graph import (
    NamedFile,
    RewriteSource,
    components,
    fingerprint_circle,
    fingerprint_file,
)
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.report import Progress
from hashserve.builder.sources.scanner import ScannedFile, source_chunks
from hashserve.digests import digest_of

__all__ = ["write_fingerprinted_files"]


def write_fingerprinted_files(
    scanned: Mapping[str, ScannedFile],
    naming: Naming,
    output: OutputFolder,
    variants: Variants,
    on_progress: Progress,
) -> dict[str, PublishedFile]:
    """Write every file under its fingerprinted path; returns them by logical path.

    ``variants`` begins to compress each rewritten file as soon as it is written.
    """
    graph = {path: [link.internal.logical_path for link in file.links] for path, file in scanned.items()}
    published: dict[str, PublishedFile] = {}
    paths: dict[str, str] = {}
    for component in components(graph):
        members = [scanned[path] for path in component.members]
        if component.is_cyclic:
            sources = {file.logical_path: _source(file) for file in members}
            files = [
                _write_rewritten(item, output, variants)
                for item in fingerprint_circle(sources, paths, naming)
            ]
        elif members[0].links:
            item = fingerprint_file(members[0].logical_path, _source(members[0]), paths, naming)
            files = [_write_rewritten(item, output, variants)]
        else:
            files = [_write_as_it_is(members[0], output)]
        for logical_path, file in zip(component.members, files, strict=True):
            published[logical_path] = file
            paths[logical_path] = file.path
            on_progress("publish", len(published), len(scanned))
    return {path: published[path] for path in scanned}


def _source(file: ScannedFile) -> RewriteSource:
    return RewriteSource(content=b"".join(source_chunks(file)), links=tuple(file.links))


def _write_rewritten(item: NamedFile, output: OutputFolder, variants: Variants) -> PublishedFile:
    sha256 = digest_of((item.content,))
    output.put(item.path, (item.content,), sha256)
    file = PublishedFile(path=item.path, size=len(item.content), sha256=sha256)
    variants.begin(file, partial(read_chunks, output.location(item.path)))
    return file


def _write_as_it_is(file: ScannedFile, output: OutputFolder) -> PublishedFile:
    output.put(file.path, source_chunks(file), file.sha256)
    return PublishedFile(path=file.path, size=file.size, sha256=file.sha256)
