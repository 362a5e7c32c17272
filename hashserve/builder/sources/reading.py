"""The source files of a build, read once and looked at for what nobody could serve.

Invariant: nothing is written before everything was read, and what no output can hold is refused by then.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from hashserve.builder.job import BuildJob
from hashserve.builder.publish.import_map import check_bare
from hashserve.builder.references.reference import ReferenceKind
from hashserve.builder.sources.scanner import ScannedFile, Scanner
from hashserve.builder.sources.walk import SourceFile
from hashserve.errors import SourceError
from hashserve.manifest.model import Manifest, unsafe_path
from hashserve.paths import is_servable

__all__ = ["check_kept", "read"]


def read(job: BuildJob, begin: Callable[[ScannedFile], None]) -> dict[str, ScannedFile]:
    """Read every file, and call ``begin`` with it; gives what each holds, by its logical path.

    Raises `SourceError` for what cannot be read, or published.
    """
    files = job.tree.files
    paths = frozenset(file.logical_path for file in files)
    _check_names(job, files)
    check_bare(job.settings.import_map_bare, paths)
    scanner = Scanner(
        paths,
        job.naming,
        prefix=job.settings.prefix,
        js_references=job.settings.js_references,
        patterns=job.patterns,
        html=job.settings.html,
    )
    scanned: dict[str, ScannedFile] = {}
    count = job.counter("read", len(files))
    for file in files:
        found = scanner.scan(file, whole=file.logical_path not in job.tree.kept)
        scanned[file.logical_path] = found
        begin(found)
        job.report.findings.extend(found.findings)
        job.report.source_bytes += found.size
        count()
    job.report.files = len(scanned)
    _check_integrity(job, scanned)
    return scanned


def check_kept(job: BuildJob, scanned: Mapping[str, ScannedFile], known: Sequence[Manifest]) -> None:
    """Report a file that another tool fingerprinted, and whose content changed all the same."""
    for path in job.tree.kept:
        for record in filter(None, (manifest.record(path) for manifest in known)):
            if record.sha256 not in (None, scanned[path].sha256):
                job.find(
                    "changed-fingerprinted",
                    scanned[path].file.location,
                    "has other content than it had under this name: whoever has that keeps it",
                )
                break


def _check_names(job: BuildJob, files: Sequence[SourceFile]) -> None:
    """Report names that a folder cannot hold, or not everywhere, before anything is written."""
    folded: dict[str, SourceFile] = {}
    folds_case = job.output.folds_case
    longest = job.output.longest_name - job.naming.growth - len(".zst")
    for file in files:
        if unsafe_path([file.logical_path]) is not None:
            raise SourceError(file.location, "has a name that no manifest can hold", "rename it")
        if not is_servable(file.logical_path):
            job.find("never-served", file.location, "has a name that no server answers for: rename it")
        if len(os.fsencode(os.path.basename(file.logical_path))) > longest:
            raise SourceError(file.location, f"has a name of over {longest} bytes", "shorten it")
        other = folded.setdefault(unicodedata.normalize("NFC", file.logical_path).casefold(), file)
        if other is not file:
            problem = f"differs from {other.location} in case or Unicode form only"
            if folds_case:
                raise SourceError(
                    file.location, f"{problem}, and {job.output.root} cannot hold both", "rename it"
                )
            job.find("case", file.location, f"{problem}: many systems cannot hold both")


def _check_integrity(job: BuildJob, scanned: Mapping[str, ScannedFile]) -> None:
    """Report what a page states the digest of, and whose references are rewritten all the same."""
    for file in scanned.values():
        for link in file.links:
            target = scanned[link.internal.logical_path]
            if link.reference.kind is ReferenceKind.HTML_PROVEN and target.links:
                job.find(
                    "integrity",
                    file.file.location,
                    f"has the integrity of {target.logical_path!r} as it is in the source, and the "
                    "references in that are rewritten: browsers refuse it; leave the attribute out",
                )
