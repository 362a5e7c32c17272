"""What a source file holds, and the proof that it has not changed since."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import SourceError
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.sources.scanner import ScannedFile, Scanner, source_chunks
from hashserve.builder.sources.tree import SourceFile
from hashserve.digests import digest_of
from hashserve.settings.build import JsReferences
from tests.support.files import put
from tests.support.growth import assert_linear

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


def test_a_missing_reference_of_any_length_has_a_short_message(tmp_path: Path) -> None:
    content = b"a { background: url(" + b"x/" * 50_000 + b"y.png) }"
    (found,) = scan(tmp_path, "app.css", content).findings
    assert len(found.message) < 1_000
    assert found.message.startswith("url() refers to 'x/x/")
    assert found.message.endswith("/y.png'")


def test_a_missing_source_map_is_a_quiet_finding(tmp_path: Path) -> None:
    scanned = scan(tmp_path, "app.js", b"let a;\n//# sourceMappingURL=app.js.map\n")
    assert [(finding.quiet, finding.line) for finding in scanned.findings] == [(True, 2)]


def test_the_references_of_a_huge_file_are_not_rewritten_and_it_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.sources.scanner.LARGEST_READ", 20)
    scanned = scan(tmp_path, "app.css", b"a { background: url(dot.svg) }")
    assert scanned.links == ()
    assert [finding.message for finding in scanned.findings] == [
        "is larger than 20 bytes, so its references are not rewritten; split it if it has any"
    ]


def test_a_script_that_takes_too_much_work_is_published_as_it_is_and_reported(tmp_path: Path) -> None:
    content = b"/[" * 20_000 + b"\nimport './leaf.js'\n"
    scanned = scan(tmp_path, "app.js", content)
    assert (scanned.links, scanned.sha256) == ((), digest_of([content]))
    assert [finding.message.partition(",")[0] for finding in scanned.findings] == [
        "takes far longer to parse than a script of its size should"
    ]


@pytest.mark.parametrize("separator", [" ", "\n"])
def test_missing_references_take_time_in_proportion_to_the_file(tmp_path: Path, separator: str) -> None:
    def scan_missing(size: int) -> None:
        content = f"a{{b:url(missing.png)}}{separator}".encode() * size
        assert len(scan(tmp_path, "app.css", content).findings) == size

    assert_linear(scan_missing, size=100)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = SourceFile(logical_path="app.css", location=str(tmp_path))
    scanner = Scanner(PATHS, Fingerprinter(), prefix="/static/")
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        scanner.scan(folder)
