"""What is found out about a source file, and the proof that it stayed so."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import SourceError
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.references.reference import Reference, ReferenceKind
from hashserve.builder.references.rewrite import Frame
from hashserve.builder.sources.patterns import Matched
from hashserve.builder.sources.scanner import ScannedFile, Scanner, source_chunks
from hashserve.builder.sources.tree import SourceFile
from hashserve.digests import digest_of
from hashserve.settings.build import JsReferences
from tests.support.files import put

PATHS = frozenset({"app.css", "app.js", "leaf.js", "dot.svg"})


def scan(
    folder: Path, path: str, content: bytes, js_references: JsReferences = "rewrite", *, is_kept: bool = False
) -> ScannedFile:
    file = SourceFile(logical_path=path, location=str(put(folder, path, content)))
    scanner = Scanner(PATHS, Fingerprinter(), prefix="/static/", js_references=js_references)
    return scanner.scan(file, is_kept=is_kept)


def test_a_file_is_known_by_its_size_and_digests(tmp_path: Path) -> None:
    for path in ("app.css", "picture.png"):
        scanned = scan(tmp_path, path, b"content")
        assert (scanned.size, scanned.sha256) == (7, digest_of([b"content"]))
        assert scanned.path == Fingerprinter().name(path, [b"content"])
        assert b"".join(source_chunks(scanned)) == b"content"


def test_a_file_that_is_kept_as_it_is_has_no_references_and_keeps_its_name(tmp_path: Path) -> None:
    content = b"a { background: url(dot.svg) }"
    assert len(scan(tmp_path, "app.css", content).links) == 1
    kept = scan(tmp_path, "app.css", content, is_kept=True)
    assert (kept.links, kept.path) == ((), "app.css")


@pytest.mark.parametrize(("mode", "expected"), [("rewrite", 2), ("import-map", 1), ("off", 0)])
def test_the_mode_says_which_references_of_scripts_count(
    tmp_path: Path, mode: JsReferences, expected: int
) -> None:
    content = b"import './leaf.js';\nnew URL('./dot.svg', import.meta.url);\n"
    assert len(scan(tmp_path, "app.js", content, mode).links) == expected


def test_a_missing_source_map_is_a_quiet_finding(tmp_path: Path) -> None:
    scanned = scan(tmp_path, "app.js", b"let a;\n//# sourceMappingURL=app.js.map\n")
    assert [(finding.quiet, finding.line) for finding in scanned.findings] == [(True, 2)]


def test_in_a_huge_script_no_references_are_sought_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.sources.scanner.LARGEST_READ", 20)
    scanned = scan(tmp_path, "app.css", b"a { background: url(dot.svg) }")
    assert scanned.links == ()
    assert [finding.message for finding in scanned.findings] == [
        "is larger than 20 bytes, so its references are not rewritten; split it if it has any"
    ]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = SourceFile(logical_path="app.css", location=str(tmp_path))
    scanner = Scanner(PATHS, Fingerprinter(), prefix="/static/")
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        scanner.scan(folder)


def matched(content: bytes, url: bytes, start: bytes, end: bytes, *, is_new: bool = False) -> Matched:
    """What a pattern matches: the first ``url`` in ``content``, in a frame from ``start`` to ``end``."""
    first, begin = content.index(url), content.index(start)
    reference = Reference(
        start=first, end=first + len(url), target=url.decode(), kind=ReferenceKind.PATTERN, delimiter='"'
    )
    frame = Frame(start=begin, end=content.index(end, begin) + len(end), before=b"<", after=b">")
    return Matched(reference=reference, frame=frame, is_new=is_new)


def links_with(folder: Path, path: str, content: bytes, *found: Matched) -> list[tuple[str, bool]]:
    """Scan with patterns that match ``found``; gives each link's target, and whether it has a frame."""
    file = SourceFile(logical_path=path, location=str(put(folder, path, content)))
    patterns = {path: lambda content, references: found}.get
    scanned = Scanner(PATHS, Fingerprinter(), prefix="/static/", patterns=patterns).scan(file)
    return [(link.reference.target, link.frame is not None) for link in scanned.links]


def test_a_pattern_frames_the_reference_that_it_matches(tmp_path: Path) -> None:
    content = b"a{b:url(dot.svg);c:url('dot.svg')}"
    found = matched(content, b"dot.svg", b"url(", b")")
    assert links_with(tmp_path, "app.css", content, found) == [("dot.svg", True), ("dot.svg", False)]


def test_a_pattern_finds_references_where_no_language_has_any_only_if_they_are_new(tmp_path: Path) -> None:
    content = b'{"icon": "dot.svg"}'
    for is_new, expected in ((True, [("dot.svg", True)]), (False, [])):
        found = matched(content, b"dot.svg", b'"dot', b'svg"', is_new=is_new)
        assert links_with(tmp_path, "app.json", content, found) == expected


def test_what_a_lexer_found_is_not_found_once_more(tmp_path: Path) -> None:
    content = b"a{b:url(dot.svg)}"
    found = matched(content, b"dot.svg", b"url(", b")", is_new=True)
    assert links_with(tmp_path, "app.css", content, found) == [("dot.svg", True)]


def test_a_frame_that_reaches_into_another_reference_is_not_used(tmp_path: Path) -> None:
    content = b"a{b:url(dot.svg);c:url(app.js);d:url(leaf.js)}"
    wide = matched(content, b"dot.svg", b"url(dot", b"app")
    late = matched(content, b"leaf.js", b"app.js", b"leaf.js)")
    targets = [("dot.svg", False), ("app.js", False), ("leaf.js", False)]
    assert links_with(tmp_path, "app.css", content, wide, late) == targets
