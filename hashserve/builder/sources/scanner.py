"""What each source file holds: its size, its digest, its name if it stays as it is, and its references.

Invariant: a build publishes the content that was scanned. A source file that is read again is proven by its
digest not to have changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.naming.graph import Link
from hashserve.builder.references.finder import finder_of
from hashserve.builder.references.javascript import may_be_module
from hashserve.builder.references.languages import language_of
from hashserve.builder.references.reference import (
    Positions,
    Reference,
    ReferenceKind,
    TooComplexError,
)
from hashserve.builder.references.resolver import External, Internal, Missing, Resolver, is_bare
from hashserve.builder.report import BuildFinding, BuildReport, Progress
from hashserve.builder.sources.opened import read_source
from hashserve.builder.sources.patterns import Patterns, framed, merged
from hashserve.builder.sources.tree import SourceFile, SourceTree, matcher_of
from hashserve.digests import digest_of, digest_text
from hashserve.errors import SourceError
from hashserve.settings.build import JsReferences
from hashserve.visible_text import quoted_text

__all__ = [
    "LARGEST_READ",
    "ScannedFile",
    "Scanner",
    "is_left_alone",
    "module_graph",
    "scan_tree",
    "source_chunks",
]

LARGEST_READ = 16 * 1024 * 1024
"""The largest file, in bytes, that is searched for references: its syntax tree takes 20 times its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedFile:
    """A source file as it was read: its size in bytes, the base64 of its SHA-256, and its references.

    ``path`` is the path under which the file is published as it is: the logical path if another tool
    fingerprinted it, else a fingerprinted path. A file with ``links`` gets another path once they are
    rewritten. ``imports`` are those of a module, as in a `ModuleGraph`; None if it is none by itself.
    """

    file: SourceFile
    size: int
    sha256: str
    path: str
    links: Sequence[Link] = ()
    findings: Sequence[BuildFinding] = ()
    imports: Sequence[str] | None = None

    @property
    def logical_path(self) -> str:
        """The path below the source root."""
        return self.file.logical_path


def scan_tree(
    tree: SourceTree,
    scanner: Scanner,
    report: BuildReport,
    *,
    on_scanned: Callable[[ScannedFile], None],
    on_progress: Progress,
) -> dict[str, ScannedFile]:
    """Scan every file of a tree; returns them by logical path. Raises `SourceError`.

    ``on_scanned`` is called with each file as soon as it is read.
    """
    scanned: dict[str, ScannedFile] = {}
    for file in tree.files:
        is_kept = file.logical_path in tree.kept or file.logical_path in tree.plain
        found = scanner.scan(file, is_kept=is_kept)
        scanned[file.logical_path] = found
        on_scanned(found)
        report.source_bytes += found.size
        report.rewritten_references += len(found.links)
        report.findings.extend(found.findings)
        on_progress("read", len(scanned), len(tree.files))
    report.files = len(scanned)
    _check_integrity(scanned, report)
    return scanned


def _check_integrity(scanned: Mapping[str, ScannedFile], report: BuildReport) -> None:
    """Report each page that states the integrity of a file whose references are rewritten."""
    for file in scanned.values():
        for link in file.links:
            target = scanned[link.internal.logical_path]
            if link.reference.kind is ReferenceKind.HTML_WITH_INTEGRITY and target.links:
                report.add(
                    "integrity",
                    file.file.location,
                    f"states the integrity of {target.logical_path!r} as it is in the source, but the build "
                    "rewrites references in that file, so that browsers reject it; remove the attribute",
                )


class Scanner:
    """Reads source files; ``paths`` are all logical paths of the tree, ``prefix`` is its URL path.

    ``leave_references`` are patterns of the paths of files whose references stay as they are.
    """

    def __init__(
        self,
        paths: Container[str],
        naming: Naming,
        *,
        prefix: str,
        js_references: JsReferences = "rewrite",
        patterns: Patterns | None = None,
        html: bool = False,
        leave_references: Sequence[str] = (),
    ) -> None:
        self._naming = naming
        self._resolver = Resolver(paths, prefix=prefix)
        self._js_references = js_references
        self._patterns = patterns
        self._html = html
        self._leaves = matcher_of(leave_references)

    def scan(self, file: SourceFile, *, is_kept: bool = False) -> ScannedFile:
        """Read a file and find its references; one that is kept as it is has none. Raises `SourceError`."""
        path = file.logical_path
        try:
            if is_kept:
                return replace(self._scan_opaque(file), path=path)
            find = finder_of(path, html=self._html)
            match = None if self._patterns is None else self._patterns(path)
            if find is None and match is None:
                return self._scan_opaque(file)
            content = _content(file)
            if content is None:
                return replace(self._scan_opaque(file), findings=(_too_large(file),))
        except OSError as error:
            raise _unreadable(file, error) from error
        try:
            references: Sequence[Reference] = [] if find is None else find(content)
        except TooComplexError:
            return replace(self._scan_opaque(file), findings=(_too_complex(file),))
        is_left = self._leaves(path)
        matched = [] if match is None or is_left else match(content, references)
        if matched:
            references = merged(references, matched)
        links, findings = ((), ()) if is_left else self._resolve(file, content, references)
        return ScannedFile(
            file=file,
            size=len(content),
            sha256=digest_of((content,)),
            path=self._naming.name(path, (content,)),
            links=framed(links, matched) if matched else links,
            findings=findings,
            imports=self._imports(path, content, references),
        )

    def _imports(
        self, logical_path: str, content: bytes, references: Sequence[Reference]
    ) -> Sequence[str] | None:
        """Return what a script imports; None if it imports nothing and is no module."""
        language = language_of(logical_path)
        if language not in ("js", "mjs"):
            return None
        imports: dict[str, None] = {}  # an ordered set
        for reference in references:
            if reference.kind.is_specifier:
                resolution = self._resolver.resolve(reference, logical_path)
                if isinstance(resolution, Internal):
                    imports[resolution.logical_path] = None
                elif isinstance(resolution, External) and is_bare(reference.target):
                    imports[reference.target] = None
        is_module = imports or language == "mjs" or may_be_module(content)
        return tuple(imports) if is_module else None

    def _scan_opaque(self, file: SourceFile) -> ScannedFile:
        """Read a file without looking for references, in one pass and little memory."""
        digest, size = sha256(), 0

        def measured() -> Iterator[bytes]:
            nonlocal size
            for chunk in _chunks(file):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        path = self._naming.name(file.logical_path, measured())
        return ScannedFile(file=file, size=size, sha256=digest_text(digest.digest()), path=path)

    def _resolve(
        self, file: SourceFile, content: bytes, references: Sequence[Reference]
    ) -> tuple[Sequence[Link], Sequence[BuildFinding]]:
        links, findings = [], []
        positions = Positions(content)
        for reference in references:
            if is_left_alone(reference, self._js_references):
                continue
            resolution = self._resolver.resolve(reference, file.logical_path)
            if isinstance(resolution, Internal):
                links.append(Link(reference=reference, internal=resolution))
            elif isinstance(resolution, Missing):
                findings.append(_missing(file, positions, reference, resolution))
        return links, findings


def module_graph(scanned: Mapping[str, ScannedFile]) -> dict[str, tuple[str, ...]]:
    """Return the modules of a tree: the scripts that have a module's syntax, or that another one imports."""
    imported = {name for file in scanned.values() for name in file.imports or ()}
    return {
        path: tuple(file.imports or ())
        for path, file in sorted(scanned.items())
        if file.imports is not None or (path in imported and language_of(path) in ("js", "mjs"))
    }


def is_left_alone(reference: Reference, js_references: JsReferences) -> bool:
    """Whether a reference stays as it is: an import map replaces it, or scripts are not rewritten."""
    if js_references == "rewrite":
        return False
    if js_references == "off":
        return reference.kind.name.startswith("JS_")
    # No import map replaces the URLs of an import map in a page.
    return reference.kind.is_specifier and reference.kind is not ReferenceKind.JS_IMPORT_MAP


def _too_large(file: SourceFile) -> BuildFinding:
    message = (
        f"is larger than {LARGEST_READ} bytes, so its references are not rewritten; split it if it has any"
    )
    return BuildFinding(kind="large", path=file.location, message=message)


def _too_complex(file: SourceFile) -> BuildFinding:
    message = (
        "takes far longer to parse than a script of its size should, so its references are not rewritten; "
        "correct its syntax"
    )
    return BuildFinding(kind="large", path=file.location, message=message)


def _missing(
    file: SourceFile, positions: Positions, reference: Reference, resolution: Missing
) -> BuildFinding:
    line, column = positions.at(reference.start)
    return BuildFinding(
        kind="missing-reference",
        path=file.location,
        line=line,
        column=column,
        message=(
            f"{reference.kind.value} refers to {quoted_text(reference.target)}, "
            f"but the source has no file {quoted_text(resolution.logical_path)}"
        ),
        quiet=reference.kind is ReferenceKind.SOURCE_MAP,
    )


def source_chunks(scanned: ScannedFile) -> Iterator[bytes]:
    """Read a source file again, and check at its end that it did not change. Raises `SourceError`."""
    location = scanned.file.location
    digest = sha256()
    try:
        for chunk in _chunks(scanned.file):
            digest.update(chunk)
            yield chunk
    except OSError as error:
        raise _unreadable(scanned.file, error) from error
    if digest_text(digest.digest()) != scanned.sha256:
        raise SourceError(location, "changed during the build", "build again once nothing writes to it")


def _content(file: SourceFile) -> bytes | None:
    """Read a whole file; None if it is too large."""
    content = bytearray()
    for chunk in _chunks(file):
        content += chunk
        if len(content) > LARGEST_READ:
            return None
    return bytes(content)


def _chunks(file: SourceFile) -> Iterator[bytes]:
    return read_source(file.location, file.real_roots)


def _unreadable(file: SourceFile, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        problem, remedy = "disappeared during the build", "build again once nothing changes the source"
        return SourceError(file.location, problem, remedy)
    problem, remedy = f"cannot be read: {error.strerror}", "check its permissions, or ignore it"
    return SourceError(file.location, problem, remedy)
