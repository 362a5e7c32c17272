"""What each source file holds: its digest, its token, and what it refers to.

Invariant: a source file is read once, and what was read is what is published: whoever reads it again
proves by its digest that it has not changed since.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

from hashserve.builder.chunks import read_chunks
from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.naming.graph import Link
from hashserve.builder.references.finder import finder_of
from hashserve.builder.references.reference import Reference, ReferenceKind
from hashserve.builder.references.resolver import Internal, Missing, Resolver
from hashserve.builder.references.rewrite import Frame
from hashserve.builder.report import BuildFinding
from hashserve.builder.sources.walk import SourceFile
from hashserve.digests import digest_of, digest_text
from hashserve.errors import SourceError

__all__ = [
    "LARGEST_READ",
    "JsReferences",
    "Matched",
    "Patterns",
    "ScannedFile",
    "Scanner",
    "is_left_alone",
    "source_chunks",
]

JsReferences = Literal["rewrite", "import-map", "off"]
"""Which references in scripts are rewritten: all, those no import map has a say in, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A reference that a framework's pattern finds, and the frame that it is spelt in.

    ``is_new`` says that our own lexers would not find it, but it is one all the same.
    """

    reference: Reference
    frame: Frame
    is_new: bool


Patterns = Callable[[str], Callable[[bytes, Sequence[Reference]], Sequence[Matched]] | None]
"""Given a logical path, gives what a framework's patterns match there; None for nothing.

That is called with the content and the references that our own lexers found in it.
"""

LARGEST_READ = 16 * 1024 * 1024
"""In files larger than this, in bytes, no references are sought: their tree takes 20 times their size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedFile:
    """A source file, read: its size in bytes, the base64 of its SHA-256, and its references.

    ``path`` is the name that follows from the content as it is, for a file without ``links``.
    """

    file: SourceFile
    size: int
    sha256: str
    path: str
    links: Sequence[Link] = ()
    findings: Sequence[BuildFinding] = field(default_factory=tuple)

    @property
    def logical_path(self) -> str:
        """The path below the source root."""
        return self.file.logical_path


class Scanner:
    """Reads source files; ``paths`` are all logical paths of the tree, ``prefix`` its URL path."""

    def __init__(
        self,
        paths: Container[str],
        naming: Naming,
        *,
        prefix: str,
        js_references: JsReferences = "rewrite",
        patterns: Patterns | None = None,
        html: bool = False,
    ) -> None:
        self._naming = naming
        self._resolver = Resolver(paths, prefix=prefix)
        self._js_references = js_references
        self._patterns = patterns
        self._html = html

    def scan(self, file: SourceFile, *, whole: bool = True) -> ScannedFile:
        """Read one file, and unless it is to stay as it is (``whole`` False) find its references.

        Raises `SourceError`.
        """
        find = finder_of(file.logical_path, html=self._html)
        match = None if self._patterns is None else self._patterns(file.logical_path)
        try:
            size = os.stat(file.location).st_size
            if (find is None and match is None) or not whole:
                return self._scan_opaque(file)
            if size > LARGEST_READ:
                return replace(self._scan_opaque(file), findings=(_too_large(file),))
            with open(file.location, "rb") as stream:
                content = stream.read()
        except OSError as error:
            raise _unreadable(file, error) from error
        references: Sequence[Reference]
        references = [] if find is None else find(content)
        matched = [] if match is None else match(content, references)
        references = _merged(references, [item.reference for item in matched if item.is_new])
        links, findings = self._resolve(file, content, references)
        if matched:
            links = _framed(links, matched)
        return ScannedFile(
            file=file,
            size=len(content),
            sha256=digest_of([content]),
            path=self._naming.name(file.logical_path, (content,)),
            links=links,
            findings=findings,
        )

    def _scan_opaque(self, file: SourceFile) -> ScannedFile:
        digest, size = sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in read_chunks(file.location):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        path = self._naming.name(file.logical_path, counted())
        return ScannedFile(file=file, size=size, sha256=digest_text(digest.digest()), path=path)

    def _resolve(
        self, file: SourceFile, content: bytes, references: Sequence[Reference]
    ) -> tuple[Sequence[Link], Sequence[BuildFinding]]:
        links, findings = [], []
        for reference in references:
            if is_left_alone(reference, self._js_references):
                continue
            resolution = self._resolver.resolve(reference, file.logical_path)
            if isinstance(resolution, Internal):
                links.append(Link(reference=reference, internal=resolution))
            elif isinstance(resolution, Missing):
                findings.append(_missing(file, content, reference, resolution))
        return links, findings


def is_left_alone(reference: Reference, js_references: JsReferences) -> bool:
    """Tell whether an import map has the say over a reference, or nobody is to touch scripts."""
    if js_references == "rewrite":
        return False
    if js_references == "off":
        return reference.kind.name.startswith("JS_")
    # Over the URLs of a map that stands in a page, no map has a say.
    return reference.kind.is_specifier and reference.kind is not ReferenceKind.JS_IMPORT_MAP


def _merged(references: Sequence[Reference], others: Sequence[Reference]) -> Sequence[Reference]:
    """Add those of ``others`` that overlap none that is there."""
    if not others:
        return references
    merged = list(references)
    for other in others:
        if not any(other.start < item.end and item.start < other.end for item in merged):
            merged.append(other)
    return sorted(merged, key=lambda reference: reference.start)


def _framed(links: Sequence[Link], matched: Sequence[Matched]) -> list[Link]:
    """Give each link its frame, unless that would reach into what stands before or behind it."""
    frames = {(item.reference.start, item.reference.end): item.frame for item in matched}
    ends = [0, *(link.reference.end for link in links)]
    starts = [*(link.reference.start for link in links[1:]), None]
    result: list[Link] = []
    for link, end, start in zip(links, ends, starts, strict=False):
        frame = frames.get((link.reference.start, link.reference.end))
        before = result[-1].frame.end if result and result[-1].frame is not None else end
        if frame is None or frame.start < before or (start is not None and frame.end > start):
            result.append(link)
        else:
            result.append(replace(link, frame=frame))
    return result


def _too_large(file: SourceFile) -> BuildFinding:
    message = f"is larger than {LARGEST_READ} bytes: references in it are not looked for"
    return BuildFinding(kind="large", path=file.location, message=message)


def _missing(file: SourceFile, content: bytes, reference: Reference, resolution: Missing) -> BuildFinding:
    line, column = reference.position(content)
    return BuildFinding(
        kind="missing-reference",
        path=file.location,
        line=line,
        column=column,
        message=(
            f"{reference.kind.value} names {reference.target!r}, but there is no {resolution.logical_path!r}"
        ),
        quiet=reference.kind is ReferenceKind.SOURCE_MAP,
    )


def source_chunks(scanned: ScannedFile) -> Iterator[bytes]:
    """Read a source file again, and prove at its end that it still is what was scanned.

    Raises `SourceError`.
    """
    digest = sha256()
    try:
        for chunk in read_chunks(scanned.file.location):
            digest.update(chunk)
            yield chunk
    except OSError as error:
        raise _unreadable(scanned.file, error) from error
    if digest_text(digest.digest()) != scanned.sha256:
        raise SourceError(
            scanned.file.location, "changed during the build", "build again once it is complete"
        )


def _unreadable(file: SourceFile, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(
            file.location, "vanished during the build", "build again once the tree is complete"
        )
    return SourceError(
        file.location, f"cannot be read: {error.strerror}", "check its permissions, or ignore it"
    )
