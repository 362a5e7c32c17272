"""The fingerprinted files of a release, put under their names.

Invariant: what is referred to is named and put before what refers to it, and so a name stands for a content
and for all that this refers to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from hashserve.builder.chunks import read_chunks
from hashserve.builder.compression.variants import PublishedFile, Variants
from hashserve.builder.job import BuildJob
from hashserve.builder.naming.graph import Component, NamedFile, RewriteSource, components, fingerprint
from hashserve.builder.releases.manifest_paths import folders_of, is_in, without
from hashserve.builder.sources.scanner import ScannedFile, source_chunks
from hashserve.digests import digest_of
from hashserve.manifest.model import Manifest

__all__ = ["Publisher", "make_way"]


def make_way(job: BuildJob, scanned: Collection[str], before: Manifest | None) -> Manifest | None:
    """Have the new release wait aside where it has a folder in the place of a file, or the reverse.

    Gives the manifest in force without the fingerprinted files that have to go before the new one
    can be in force, if there are such.
    """
    folders = [item for item in sorted(folders_of(scanned)) if job.output.has_file(item)]
    files = [path for path in job.tree.kept if job.output.has_folder(path)]
    for name in (*folders, *files):
        job.output.put_aside(name)
    for name in folders:
        job.find("lost", name, "of an older release is not served any more: it is a folder now")
    if before is None or not any(is_in(path, name) for name in (*folders, *files) for path in before.files):
        return None
    return without(before, lambda path: any(is_in(path, name) for name in (*folders, *files)))


class Publisher:
    """Puts fingerprinted files, and has ``variants`` begin to be made of each as soon as it is known."""

    def __init__(self, job: BuildJob, variants: Variants) -> None:
        self._job = job
        self._variants = variants

    def begin(self, file: ScannedFile) -> None:
        """Have compression begin of what will be published as it is, under the name it will have."""
        if file.links and self._job.tree.unhashed != "original":
            return
        # Where references are rewritten, the original is published under its own name alone.
        is_own_name = bool(file.links) or file.logical_path in self._job.tree.kept
        path = file.logical_path if is_own_name else file.path
        content = PublishedFile(path=path, size=file.size, sha256=file.sha256)
        self._variants.begin(content, partial(source_chunks, file))

    def publish(self, scanned: Mapping[str, ScannedFile]) -> dict[str, PublishedFile]:
        """Put every file under its fingerprinted name; what is referred to comes first."""
        graph = {path: [link.internal.logical_path for link in file.links] for path, file in scanned.items()}
        published: dict[str, PublishedFile] = {}
        paths: dict[str, str] = {}
        count = self._job.counter("publish", len(scanned))
        for component in components(graph):
            for logical_path, file in self._publish_component(component, scanned, paths):
                published[logical_path] = file
                paths[logical_path] = file.path
                count()
        return {path: published[path] for path in scanned}

    def _publish_component(
        self, component: Component, scanned: Mapping[str, ScannedFile], paths: Mapping[str, str]
    ) -> list[tuple[str, PublishedFile]]:
        """Put the files of one component; gives each with its logical path."""
        only = scanned[component.members[0]]
        if not component.is_cyclic and not only.links:
            return [(only.logical_path, self._publish_as_it_is(only))]
        made = fingerprint(component, lambda path: _source(scanned[path]), paths, self._job.naming)
        self._job.report.rewritten_references += sum(len(scanned[path].links) for path in component.members)
        return [(item.logical_path, self._publish_rewritten(item)) for item in made]

    def _publish_as_it_is(self, file: ScannedFile) -> PublishedFile:
        """Put a file without references, or one that another tool fingerprinted."""
        path = file.logical_path if file.logical_path in self._job.tree.kept else file.path
        self._job.output.put(path, source_chunks(file), file.sha256)
        return PublishedFile(path=path, size=file.size, sha256=file.sha256)

    def _publish_rewritten(self, item: NamedFile) -> PublishedFile:
        """Put a file whose references were rewritten."""
        sha256 = digest_of([item.content])
        self._job.output.put(item.path, [item.content], sha256)
        published = PublishedFile(path=item.path, size=len(item.content), sha256=sha256)
        self._variants.begin(published, partial(read_chunks, self._job.output.location(item.path)))
        return published


def _source(file: ScannedFile) -> RewriteSource:
    content = b"".join(source_chunks(file))
    return RewriteSource(content=content, links=tuple(file.links))
