"""The check of a published folder: what a clean build lacks, and what each kind of damage is called."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import socket
import stat
import sys
from hashlib import md5
from pathlib import Path
from typing import Any

import brotli
import pytest

from hashserve import Manifest, SettingError
from hashserve.builder import BuildSettings, build
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.sources.scanner import JsReferences
from hashserve.check import (
    DEFAULT_MAX_SIZES,
    RULES,
    CheckReport,
    CheckSettings,
    Level,
    check,
    checked_folder,
    contents,
    sarif,
)
from hashserve.check.findings import printable
from hashserve.check.fingerprint_proofs import DIGESTS
from hashserve.check.reports.text import text_lines
from hashserve.cli.main import main
from tests.support.building import few_frames, put

CSS = b"body { background: url(../img/dot.svg) }\n" * 30
DOT = b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>"
A = b"/* one of two that import each other */\n@import 'b.css';\n" + b"a { color: red }\n" * 30
B = b"@import url(a.css);\n@import url(b.css#itself);\n" + b"b { color: red }\n" * 30
SOURCE = {
    "css/app.css": CSS,
    "css/a.css": A,
    "css/b.css": B,
    "img/dot.svg": DOT,
    "js/main.mjs": b"import { f } from './part.mjs'\nf()\n//# sourceMappingURL=main.mjs.map\n",
    "js/part.mjs": b"export { g } from './main.mjs'\nexport function f() {}\n",
    "js/main.mjs.map": b"{}",
    "empty.txt": b"",
    "robots.txt": b"User-agent: *\n",
    ".well-known/security.txt": b"Contact: mailto:a@example.com\n",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean build with two circles, and two older releases with files of their own."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    for path, content in SOURCE.items():
        put(source, path, content)
    put(source, "css/once.css", CSS + b"/* the first release alone has it */")
    build(source, folder / "out", BuildSettings(codings=("br", "gzip", "zstd")))
    (source / "css/once.css").unlink()
    for turn in (b"1", b"2"):
        put(source, "css/a.css", A + b"/* " + turn + b" */")
        put(source, "img/dot.svg", DOT + b"<!-- " + turn + b" -->")
        build(source, folder / "out", BuildSettings(codings=("br", "gzip", "zstd")))
    return folder / "out"


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    """A copy of the clean build, to be damaged."""
    return Path(shutil.copytree(built, tmp_path / "out", symlinks=True))


def paths_of(out: Path) -> dict[str, str]:
    return dict(Manifest.load(out / "staticfiles.json").paths)


def found(report: CheckReport) -> list[tuple[str, str]]:
    return [(item.rule, item.path) for item in report.findings]


def checked(out: Path, **settings: Any) -> list[tuple[str, str]]:
    return found(check(out, CheckSettings(**settings)))


def rewrite_manifest(out: Path, edit: str, by: str) -> None:
    location = out / "staticfiles.json"
    text = location.read_text(encoding="utf-8")
    assert edit in text
    location.write_text(text.replace(edit, by), encoding="utf-8")


def plain_manifest(out: Path, paths: dict[str, str]) -> None:
    """Write a manifest as Django does, which tells no digests."""
    document = {"paths": paths, "version": "1.1", "hash": "0123456789ab"}
    put(out, "staticfiles.json", json.dumps(document).encode())


def fingerprinted(out: Path, path: str, content: bytes, token: str = "") -> str:
    """Put a file under both of its names; gives the fingerprinted one."""
    token = token or md5(content, usedforsecurity=False).hexdigest()[:12]
    name = Fingerprinter().insert(path, token)
    put(out, path, content)
    put(out, name, content)
    return name


# A clean build


def test_a_clean_build_with_circles_and_older_releases_has_no_findings(built: Path) -> None:
    report = check(built)
    assert report.findings == ()
    assert not report.is_failure(strict=True)
    assert report.releases == 3
    assert report.files >= 30
    assert report.variants > 20
    assert report.release == Manifest.load(built / "staticfiles.json").release


def test_a_source_file_that_gave_its_name_up_to_a_variant_is_no_fault(tmp_path: Path) -> None:
    put(tmp_path / "source", "css/app.css", DOT * 30)
    put(tmp_path / "source", "css/app.css.gz", gzip.compress(b"of another make" + DOT * 30))
    build(tmp_path / "source", tmp_path / "out")
    assert not [item for item in check(tmp_path / "out").findings if item.level is Level.ERROR]


@pytest.mark.parametrize("digest", DIGESTS)
def test_a_build_with_any_digest_is_clean(digest: str, tmp_path: Path) -> None:
    for path, content in SOURCE.items():
        put(tmp_path / "source", path, content)
    settings = BuildSettings(fingerprinter=Fingerprinter(digest=digest, length=20), codings=())
    build(tmp_path / "source", tmp_path / "out", settings)
    assert checked(tmp_path / "out") == []


def test_a_file_that_another_tool_fingerprinted_keeps_its_name_and_is_not_blamed(tmp_path: Path) -> None:
    for path, content in SOURCE.items():
        put(tmp_path / "source", path, content)
    put(tmp_path / "source", "js/vendor.0123456789ab.js", b"alert(1)\n")
    build(tmp_path / "source", tmp_path / "out", BuildSettings(already_hashed=("js/vendor.*",), codings=()))
    assert "js/vendor.0123456789ab.js" in Manifest.load(tmp_path / "out/staticfiles.json").files
    assert checked(tmp_path / "out") == []


@pytest.mark.parametrize("how", ["import-map", "off"])
def test_references_that_the_build_left_alone_are_not_blamed_if_the_check_is_told(
    how: Any, tmp_path: Path
) -> None:
    for path, content in SOURCE.items():
        put(tmp_path / "source", path, content)
    build(tmp_path / "source", tmp_path / "out", BuildSettings(js_references=how, codings=()))
    assert checked(tmp_path / "out", js_references=how) == []
    assert {rule for rule, _ in checked(tmp_path / "out")} == {"reference-unhashed"}


def test_what_is_damaged_changes_nothing_on_disk(out: Path) -> None:
    (out / paths_of(out)["css/app.css"]).write_bytes(b"")
    before = {path: path.lstat() for path in out.rglob("*")}
    check(out)
    assert {path: path.lstat() for path in out.rglob("*")}.keys() == before.keys()
    assert all(path.lstat().st_ctime_ns == status.st_ctime_ns for path, status in before.items())


# The manifest


def test_a_folder_without_a_manifest_is_an_error(out: Path) -> None:
    (out / "staticfiles.json").unlink()
    assert checked(out) == [("manifest-missing", "staticfiles.json")]


def test_a_broken_manifest_is_an_error_that_names_the_place(out: Path) -> None:
    put(out, "staticfiles.json", b'{"paths": {},\n "version": }')
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("manifest-broken", "staticfiles.json")
    assert "line 2" in finding.message


def test_a_manifest_that_is_wrong_as_a_whole_needs_no_location(out: Path) -> None:
    put(out, "staticfiles.json", b"[" * 100_000)
    assert checked(out) == [("manifest-broken", "staticfiles.json")]


def test_a_manifest_that_cannot_be_read_is_broken(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Manifest:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checked_folder, "load_manifest", refuse)
    assert checked(out) == [("manifest-broken", "staticfiles.json")]


def test_no_such_folder_is_a_misuse(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is not a folder"):
        check(tmp_path / "nothing")


# Listed files


def test_a_listed_file_that_is_gone_is_missing(out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    (out / path).unlink()
    (finding,) = check(out).findings
    assert (finding.rule, finding.path, finding.level) == ("file-missing", path, Level.ERROR)
    assert "the release in force" in finding.message


def test_a_file_of_an_older_release_that_is_gone_is_missing(out: Path) -> None:
    manifest = Manifest.load(out / "staticfiles.json")
    old = manifest.paths_of(manifest.releases[-1])["css/once.css"]
    (out / old).unlink()
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("file-missing", old)
    assert f"retained release {manifest.releases[-1].id}" in finding.message


@pytest.mark.parametrize("content", [b"User-agent: b\n", b"longer than it was\n"])
def test_a_listed_file_with_other_bytes_is_changed(content: bytes, out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    (out / path).write_bytes(content)
    assert checked(out) == [("file-changed", path)]


def test_a_path_that_the_manifest_lists_as_it_is_has_to_be_there(out: Path) -> None:
    plain_manifest(out, {"robots.txt": "robots.txt", "gone.txt": "gone.txt"})
    assert ("file-missing", "gone.txt") in checked(out)
    assert ("file-missing", "robots.txt") not in checked(out)


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of POSIX")
def test_a_file_that_nobody_may_read_is_unreadable_and_not_missing(out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    (out / path).chmod(0)
    assert checked(out) == [("file-unreadable", path)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of POSIX")
def test_a_variant_that_nobody_may_read_is_unreadable_and_not_missing(out: Path) -> None:
    path = paths_of(out)["css/app.css"] + ".br"
    (out / path).chmod(0)
    assert checked(out) == [("file-unreadable", path)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of POSIX")
def test_a_folder_that_nobody_may_enter_is_unreadable(out: Path) -> None:
    folder = out / "img"
    folder.chmod(0o600 if os.geteuid() == 0 else 0)
    try:
        assert ("file-unreadable", "img/") in checked(out)
    finally:
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_listed_is_unreadable(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path == os.fspath(out / "img"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert ("file-unreadable", "img/") in checked(out)


def test_files_that_cannot_be_read_are_each_told_of(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(location: str) -> list[bytes]:
        raise PermissionError(13, f"Permission denied: {location}")

    monkeypatch.setattr(contents, "read_chunks", refuse)
    path = paths_of(out)["css/app.css"]
    findings = checked(out)
    assert ("file-unreadable", path) in findings
    assert ("variant-broken", f"{path}.gz") in findings
    assert ("fingerprint-mismatch", path) not in findings


# Variants


@pytest.fixture
def app(out: Path) -> str:
    return paths_of(out)["css/app.css"]


def test_a_listed_variant_that_is_gone_is_missing(out: Path, app: str) -> None:
    (out / f"{app}.br").unlink()
    assert checked(out) == [("variant-missing", f"{app}.br")]


def test_the_variants_of_a_missing_file_are_held_against_the_manifest(out: Path, app: str) -> None:
    (out / app).unlink()
    assert checked(out) == [("file-missing", app)]


@pytest.mark.parametrize("suffix", [".br", ".gz", ".zst"])
def test_a_variant_that_is_cut_short_is_broken(suffix: str, out: Path, app: str) -> None:
    location = out / (app + suffix)
    location.write_bytes(location.read_bytes()[:-3])
    assert checked(out) == [("variant-broken", app + suffix)]


def test_a_variant_of_other_bytes_differs(out: Path, app: str) -> None:
    (out / f"{app}.br").write_bytes(brotli.compress(CSS))
    assert checked(out) == [("variant-differs", f"{app}.br")]


def test_a_variant_of_another_size_differs(out: Path, app: str) -> None:
    (out / f"{app}.gz").write_bytes(gzip.compress((out / app).read_bytes(), 0))
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("variant-differs", f"{app}.gz")
    assert "the manifest states" in finding.message


def test_a_variant_that_no_row_names_is_unlisted(out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    put(out, f"{path}.br", brotli.compress(SOURCE["robots.txt"]))
    assert checked(out) == [("variant-unlisted", f"{path}.br")]


@pytest.mark.parametrize("coded", [b"no brotli", brotli.compress(b"something else")])
def test_a_variant_of_an_unhashed_file_that_is_not_of_its_bytes_is_stale(coded: bytes, out: Path) -> None:
    (out / "css/app.css.br").write_bytes(coded)
    assert checked(out) == [("variant-stale", "css/app.css.br")]


def test_a_variant_of_an_unhashed_file_that_is_older_than_it_is_told_of(out: Path) -> None:
    os.utime(out / "css/app.css.br", (1_000_000_000, 1_000_000_000))
    assert checked(out) == [("variant-older", "css/app.css.br")]


def test_an_unhashed_file_that_lacks_a_variant_is_noted(out: Path) -> None:
    (out / "css/app.css.gz").unlink()
    assert checked(out) == [("unhashed-variant-missing", "css/app.css.gz")]


def test_a_source_file_that_is_called_like_a_variant_is_a_file_of_its_own(tmp_path: Path) -> None:
    put(tmp_path / "source", "data.txt", b"some text " * 100)
    put(tmp_path / "source", "data.txt.gz", gzip.compress(b"some text " * 100, mtime=0))
    put(tmp_path / "source", "other.txt.gz", gzip.compress(b"alone"))
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=("br",)))
    os.utime(tmp_path / "out/data.txt", (1_000_000_000, 1_000_000_000))
    assert checked(tmp_path / "out") == []
    put(tmp_path / "out", "data.txt.gz", gzip.compress(b"other"))
    assert ("variant-stale", "data.txt.gz") in checked(tmp_path / "out")


# Fingerprints


def test_a_fingerprint_that_is_not_the_content_s_is_an_error(out: Path) -> None:
    name = fingerprinted(out, "css/new.css", b"a { color: red }", "0123456789ab")
    right = fingerprinted(out, "css/right.css", b"a { color: blue }")
    plain_manifest(out, {"css/new.css": name, "css/right.css": right})
    assert [item for item in checked(out) if item[0] == "fingerprint-mismatch"] == [
        ("fingerprint-mismatch", name)
    ]


def test_a_wrong_fingerprint_of_a_file_without_a_copy_may_be_another_tool_s(out: Path) -> None:
    name = fingerprinted(out, "css/new.css", b"a { color: red }", "0123456789ab")
    (out / "css/new.css").unlink()
    plain_manifest(out, {"css/new.css": name, "robots.txt": "robots.txt"})
    assert "fingerprint-mismatch" not in {rule for rule, _ in checked(out)}


def test_a_changed_member_of_a_circle_refutes_the_fingerprints_of_all(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.css", A)
    put(tmp_path / "source", "b.css", B)
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=()))
    out = tmp_path / "out"
    paths = paths_of(out)
    plain_manifest(out, paths)
    assert checked(out) == [("manifest-without-digests", "staticfiles.json")]
    with (out / paths["a.css"]).open("ab") as stream:
        stream.write(b"/* edited */")
    wrong = [item for item in checked(out) if item[0] == "fingerprint-mismatch"]
    assert wrong == [("fingerprint-mismatch", path) for path in sorted(paths.values())]


def test_what_the_manifest_refutes_already_is_not_told_twice(out: Path) -> None:
    path = paths_of(out)["css/a.css"]
    with (out / path).open("ab") as stream:
        stream.write(b"/* edited */")
    assert checked(out) == [("file-changed", path)]


@pytest.mark.parametrize("content", [b"a {}", None])
def test_a_damaged_member_of_a_circle_says_nothing_about_the_others(content: bytes | None, out: Path) -> None:
    paths = paths_of(out)
    put(out, "css/c.css", b"c {}")
    if content is None:
        (out / paths["css/a.css"]).unlink()
    else:
        (out / paths["css/a.css"]).write_bytes(content)
    rule = "file-missing" if content is None else "file-changed"
    assert checked(out) == [(rule, paths["css/a.css"]), ("file-unlisted", "css/c.css")]


# References


def publish_css(out: Path, content: bytes) -> str:
    """Add a style sheet to the release in force; gives its fingerprinted path."""
    name = fingerprinted(out, "css/new.css", content)
    location = out / "staticfiles.json"
    document = json.loads(location.read_bytes())
    document["paths"]["css/new.css"] = name
    document["hashserve"]["files"][name] = None
    location.write_text(json.dumps(document), encoding="utf-8")
    return name


def test_a_reference_that_leads_nowhere_is_told_with_line_and_column(out: Path) -> None:
    name = publish_css(out, b"a { color: red }\nb { background: url(gone.png) }\n")
    report = check(out)
    assert ("reference-missing", name) in found(report)
    (finding,) = (item for item in report.findings if item.rule == "reference-missing")
    assert (finding.line, finding.column, finding.level) == (2, 21, Level.WARNING)
    assert finding.place == f"{name}:2:21"
    assert "'css/gone.png'" in finding.message


def test_a_source_map_that_is_not_there_is_a_note(out: Path) -> None:
    name = publish_css(out, b"a {}\n/*# sourceMappingURL=new.css.map */\n")
    assert ("source-map-missing", name) in checked(out)
    assert RULES["source-map-missing"].level is Level.NOTE


def test_a_reference_to_an_outdated_fingerprint_is_an_error(out: Path) -> None:
    name = publish_css(out, b"a { background: url(../img/dot.0123456789ab.svg) }\n")
    assert ("reference-outdated", name) in checked(out)


def test_a_reference_to_an_unhashed_name_is_not_immutable(out: Path) -> None:
    name = publish_css(out, b"a { background: url(/static/img/dot.svg) }\n")
    assert ("reference-unhashed", name) in checked(out)


def test_references_from_the_root_of_the_site_need_a_prefix(out: Path) -> None:
    name = fingerprinted(out, "new.css", b"a { background: url(/static/gone.svg) }\n")
    plain_manifest(out, {"new.css": name})
    assert "reference-missing" not in {rule for rule, _ in checked(out)}
    assert ("reference-missing", name) in checked(out, prefix="/static/")


def test_what_only_older_releases_refer_to_in_vain_is_past_mending(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.css", b"a { background: url(gone.svg) } /* 1 */")
    put(tmp_path / "source", "b.css", b"b {}")
    build(tmp_path / "source", tmp_path / "out")
    assert [rule for rule, _ in checked(tmp_path / "out")] == ["reference-missing"]
    put(tmp_path / "source", "a.css", b"a { color: red }")
    build(tmp_path / "source", tmp_path / "out")
    assert checked(tmp_path / "out") == []


def test_an_older_release_may_name_unhashed_files(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.mjs", b"import './b.mjs' // 1\n")
    put(tmp_path / "source", "b.mjs", b"export {}\n")
    build(tmp_path / "source", tmp_path / "out", BuildSettings(js_references="off"))
    put(tmp_path / "source", "a.mjs", b"import './b.mjs' // 2\n")
    build(tmp_path / "source", tmp_path / "out")
    assert checked(tmp_path / "out") == []


# Unhashed files, and files that nobody lists


def test_an_unhashed_file_that_is_gone_is_missing(out: Path) -> None:
    (out / "robots.txt").unlink()
    assert checked(out) == [("unhashed-missing", "robots.txt")]


def test_unhashed_files_that_are_all_left_out_are_not_missed(out: Path) -> None:
    for path in paths_of(out):
        for suffix in ("", ".br", ".gz", ".zst"):
            (out / (path + suffix)).unlink(missing_ok=True)
    assert "unhashed-missing" not in {rule for rule, _ in checked(out)}


def test_an_unhashed_file_with_other_bytes_differs(out: Path) -> None:
    put(out, "robots.txt", b"User-agent: b\n")
    assert checked(out) == [("unhashed-differs", "robots.txt")]


def test_a_file_that_no_release_lists_is_told_of(out: Path) -> None:
    put(out, "notes.html", b"<p>")
    assert checked(out) == [("file-unlisted", "notes.html")]


def test_a_file_that_is_referred_to_and_not_listed_is_told_with_who_refers_to_it(out: Path) -> None:
    put(out, "css/plain.png", b"png")
    name = publish_css(out, b"a { background: url(plain.png) }\n")
    report = check(out)
    assert ("file-unlisted", "css/plain.png") in found(report)
    assert any(name in item.message for item in report.findings if item.rule == "file-unlisted")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("img/dot.0123456789ab.svg", b"of a release that was dropped"),
        ("img/dot.0123456789ab.svg.br", b"a variant whose file is gone"),
        (f"gone.{md5(b'x').hexdigest()[:12]}.css", b"x"),
    ],
)
def test_a_fingerprinted_file_that_no_release_lists_is_a_leftover(
    name: str, content: bytes, out: Path
) -> None:
    put(out, name, content)
    assert checked(out) == [("leftover", name)]


@pytest.mark.parametrize("name", ["gone.0123456789ab.css", "gone-0123456789ab.css", "0123456789abcdef01.png"])
def test_a_name_that_only_looks_fingerprinted_makes_no_leftover(name: str, out: Path) -> None:
    put(out, name, b"of another tool")
    assert checked(out) == [("file-unlisted", name)]


@pytest.mark.parametrize("name", ["css/app.css~", "backup.BAK", "download.part"])
def test_copies_that_are_left_behind_are_told_of(name: str, out: Path) -> None:
    put(out, name, b"")
    assert checked(out) == [("temporary-file", name)]


@pytest.mark.parametrize("name", [".hashserve/temporary/.hashserve-x", "css/.hashserve-0a1b"])
def test_what_a_killed_build_left_is_told_of(name: str, out: Path) -> None:
    put(out, name, b"")
    assert checked(out) == [("temporary-file", name)]


@pytest.mark.parametrize("name", [".git/config", ".env", "css/.well-known/x", "css/a\\b.css"])
def test_names_that_are_never_served_are_told_of(name: str, out: Path) -> None:
    put(out, name, b"")
    place = ".git" if name.startswith(".git") else name.removesuffix("/x")
    assert checked(out) == [("never-served", place)]


@pytest.mark.parametrize("name", ["cache_manifest.json", "mix-manifest.json", "sub/mix-manifest.json"])
def test_a_source_file_that_is_called_like_a_manifest_is_a_file_like_others(
    name: str, tmp_path: Path
) -> None:
    put(tmp_path / "source", "a.txt", b"a")
    content = {"version": 1, "latest": {}, "digests": {}} if "cache" in name else {}
    put(tmp_path / "source", name, json.dumps(content).encode())
    build(tmp_path / "source", tmp_path / "out")
    assert check(tmp_path / "out").findings == ()
    (tmp_path / "out" / name).write_bytes(b"changed")
    assert [item.rule for item in check(tmp_path / "out").findings] == ["unhashed-differs"]


def test_another_tools_manifest_beside_ours_is_nobodys_file(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.txt", b"a")
    build(tmp_path / "source", tmp_path / "out")
    put(tmp_path / "out", "mix-manifest.json", b"{}")
    assert check(tmp_path / "out").findings == ()


def test_the_private_folder_may_be_absent(out: Path) -> None:
    shutil.rmtree(out / ".hashserve/temporary")
    assert checked(out) == []


def test_a_link_that_leaves_the_folder_is_an_error(out: Path, tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", b"secret")
    (out / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (out / "folder").symlink_to(tmp_path)
    assert checked(out) == [("link-outside", "folder"), ("link-outside", "secret.txt")]


def test_a_link_inside_of_the_folder_is_followed(out: Path) -> None:
    (out / "again.txt").symlink_to("robots.txt")
    assert checked(out) == [("file-unlisted", "again.txt")]


def test_a_listed_file_that_is_a_link_to_outside_is_told_of_once(out: Path, tmp_path: Path) -> None:
    path = paths_of(out)["robots.txt"]
    shutil.move(out / path, tmp_path / "elsewhere.txt")
    (out / path).symlink_to(tmp_path / "elsewhere.txt")
    plain_manifest(out, {**paths_of(out), "robots.txt": path, path: path})
    assert [item for item in checked(out) if item[1] == path] == [("link-outside", path)]


def test_a_path_listed_as_it_is_that_is_a_link_to_outside_is_told_of_once(out: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere.txt", b"")
    (out / "plain.txt").symlink_to(tmp_path / "elsewhere.txt")
    plain_manifest(out, {**paths_of(out), "plain.txt": "plain.txt"})
    assert [item for item in checked(out) if item[1] == "plain.txt"] == [("link-outside", "plain.txt")]


def test_what_is_no_file_is_told_of(out: Path) -> None:
    (out / "broken").symlink_to("nowhere")
    (out / "circle").symlink_to("circle")
    (out / "folder").symlink_to(".")
    os.mkfifo(out / "pipe")
    assert checked(out) == [("not-a-file", name) for name in ("broken", "circle", "folder", "pipe")]


def test_names_that_differ_in_case_only_are_told_of(out: Path) -> None:
    put(out, "Robots.txt", SOURCE["robots.txt"])
    if not (out / "robots.txt").samefile(out / "Robots.txt"):
        assert ("case-collision", "robots.txt") in checked(out)


# Sizes


def test_a_file_that_is_too_large_for_its_kind_is_told_of_by_what_is_sent(tmp_path: Path) -> None:
    put(tmp_path / "source", "small.js", b"//" + b"x" * 400_000)  # in gzip some hundred bytes
    put(tmp_path / "source", "large.js", b"//" + os.urandom(200_000).hex().encode())
    put(tmp_path / "source", "large.js.map", os.urandom(3_000_000))
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=("gzip",)))
    large = paths_of(tmp_path / "out")["large.js"]
    assert checked(tmp_path / "out", max_sizes={"script": 150_000}) == [("oversize", large)]
    assert checked(tmp_path / "out", max_sizes={"script": None}) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "document"),
        ("a.css", "style"),
        ("a.MJS", "script"),
        ("a.woff2", "font"),
        ("a.ttf", "font"),
        ("a.eot", "font"),
        ("a.svg", "image"),
        ("a.mp4", "media"),
        ("a.wasm", "other"),
        ("noextension", "other"),
    ],
)
def test_the_kind_of_a_file_follows_from_its_media_type(path: str, kind: str, tmp_path: Path) -> None:
    put(tmp_path / "source", path, b"xx")
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=()))
    assert [rule for rule, _ in checked(tmp_path / "out", max_sizes={kind: 1})] == ["oversize"]
    others = dict.fromkeys(DEFAULT_MAX_SIZES.keys() - {kind}, 1)
    assert checked(tmp_path / "out", max_sizes=others) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"max_sizes": {"scripts": 1}},
        {"max_sizes": {"script": -1}},
        {"prefix": "static"},
        {"js_references": "none"},
        {"threads": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: Any) -> None:
    with pytest.raises(SettingError):
        CheckSettings(**settings)


# Other tools' manifests


def test_a_bundler_s_folder_is_checked_as_far_as_its_manifest_tells(tmp_path: Path) -> None:
    manifest = {
        "main.js": {"file": "assets/main-DiwrgTda.js", "css": ["assets/main-Bx0qk2Mm.css"], "isEntry": True}
    }
    put(tmp_path, ".vite/manifest.json", json.dumps(manifest).encode())
    put(tmp_path, "index.html", b"<p>")
    put(tmp_path, "assets/main-DiwrgTda.js", b"alert(1)")
    assert checked(tmp_path) == [
        ("manifest-without-digests", ".vite/manifest.json"),
        ("file-missing", "assets/main-Bx0qk2Mm.css"),
    ]


def test_the_query_strings_of_laravel_mix_are_held_against_the_content(tmp_path: Path) -> None:
    right = md5(b"right").hexdigest()[:20]
    manifest = {"/a.js": f"/a.js?id={right}", "/b.js": f"/b.js?id={right}", "/c.js": f"/c.js?id={right}"}
    put(tmp_path, "mix-manifest.json", json.dumps(manifest).encode())
    put(tmp_path, "a.js", b"right")
    put(tmp_path, "b.js", b"wrong")
    assert checked(tmp_path) == [("query-mismatch", "b.js"), ("file-missing", "c.js")]


# The report


def test_every_rule_is_shown_by_a_test_and_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/checking.md").read_text(encoding="utf-8")
    tests = Path(__file__).read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"| `{rule.id}` | {rule.level.value} | {rule.description} |\n" in page
        assert f'"{rule.id}"' in tests
        assert rule.description.endswith(".")


def test_the_same_folder_gives_the_same_report_in_the_order_of_places(out: Path) -> None:
    for path in ("z.txt", "a.txt", "css/.env", "robots.txt"):
        put(out, path, b"x")
    first, second = check(out, CheckSettings(threads=1)), check(out, CheckSettings(threads=4))
    assert first == second
    places = [item.path for item in first.findings]
    assert places == sorted(places)
    assert len(places) == 4


def test_a_finding_says_where_what_and_the_remedy(out: Path) -> None:
    put(out, "notes.html", b"<p>")
    (finding,) = check(out).findings
    assert str(finding).startswith("notes.html: warning: no retained release lists it; run hashserve prune")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("é", "é"), ("a\nb\x1b[31m", "a\\nb\\x1b[31m"), ("\udcff", "\\xff"), ("\u202e", "\\u202e")],
)
def test_what_is_no_printable_character_is_escaped(text: str, expected: str) -> None:
    assert printable(text) == expected


def damaged(out: Path) -> str:
    """Do one thing of each level; gives the name of a style sheet with a reference that leads nowhere."""
    put(out, "img/dot.0123456789ab.svg", b"old")
    put(out, "robots.txt", b"x")
    return publish_css(out, b"a { background: url('go ne[1].png') }\n")


def test_the_report_as_sarif_has_what_the_standard_asks_for(out: Path) -> None:
    name = damaged(out)
    put(out, "no: scheme#é.txt", b"")
    log = json.loads(json.dumps(sarif(check(out))))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all("helpUri" not in rule and rule["shortDescription"]["text"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert ":" not in uri.partition("/")[0]
        assert not uri.startswith("/")
    regions = {
        item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: item["locations"][0][
            "physicalLocation"
        ].get("region")
        for item in run["results"]
    }
    assert regions[name] == {"startLine": 1, "startColumn": 22}
    assert regions["robots.txt"] is None
    assert "no%3A%20scheme%23%C3%A9.txt" in regions


def test_a_finding_keeps_its_identity_when_its_file_gets_another_fingerprint(out: Path) -> None:
    identities = set()
    for colour in (b"red", b"blue"):
        publish_css(out, b"a { background: url(gone.png); color: " + colour + b" }")
        results = sarif(check(out))["runs"][0]["results"]
        identities |= {
            item["partialFingerprints"]["finding/v1"]
            for item in results
            if item["ruleId"] == "reference-missing"
        }
    assert len(identities) == 1


# The page about it


def blocks(language: str) -> list[str]:
    page = (Path(__file__).parents[2] / "docs/checking.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_run_as_they_are_written(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out.rename(out.with_name("static")).parent)
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 2
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    assert json.loads(Path("report.sarif").read_bytes())["runs"]


def test_the_example_in_python_runs_as_it_is_written(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(out.rename(out.with_name("static")).parent)
    (block,) = blocks("python")
    exec(compile(block, "docs/checking.md", "exec"), {})
    assert capsys.readouterr().out.endswith("files, 0 errors\n")


# The command


def run(*arguments: object) -> int:
    return main(["check", *map(str, arguments)])


def test_a_clean_folder_exits_with_0(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(built, "--strict") == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_errors_exit_with_1_and_are_grouped_by_rule_the_worst_first(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = damaged(out)
    assert run(out) == 1
    text = capsys.readouterr().out
    assert text.index("[unhashed-differs]") < text.index("[reference-missing]") < text.index("[leftover]")
    assert f"  {name}:1:22: url() names" in text
    assert "  -> run hashserve prune to remove it" in text
    assert text.splitlines()[-1].endswith("1 error, 1 warning, 2 notes")


def test_warnings_exit_with_0_unless_strict(out: Path) -> None:
    put(out, "notes.html", b"<p>")
    assert run(out) == 0
    assert run(out, "--strict") == 1


def test_quiet_writes_errors_alone(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(out, "notes.html", b"<p>")
    assert run(out, "--quiet") == 0
    assert capsys.readouterr().out == ""
    put(out, "robots.txt", b"x")
    assert run(out, "--quiet") == 1
    assert "unhashed-differs" in capsys.readouterr().out


def test_no_such_folder_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nothing") == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["big", "script=", "1.5M", "=3"])
def test_a_limit_that_means_nothing_exits_with_2(value: str, built: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(built, "--max-size", value)
    assert stopped.value.code == 2


@pytest.mark.parametrize("value", ["scripts=3", "none=off"])
def test_a_kind_that_is_not_known_exits_with_2(value: str, built: Path) -> None:
    assert run(built, "--max-size", value) == 2


def test_limits_are_given_for_all_kinds_or_for_one(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(built, "--json", "--max-size", "1", "--max-size", "style=2kB", "--max-size", "script=off")
    findings = json.loads(capsys.readouterr().out)["findings"]
    kinds = {item["path"].rpartition(".")[2] for item in findings if item["rule"] == "oversize"}
    assert kinds == {"svg", "txt"}


def test_json_has_the_documented_members(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = damaged(out)
    assert run(out, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document.keys() == {
        "schema",
        "out",
        "release",
        "releases",
        "files",
        "variants",
        "bytes",
        "summary",
        "findings",
    }
    assert document["summary"] == {"error": 1, "warning": 1, "note": 2}
    by_path = {item["path"]: item for item in document["findings"]}
    assert by_path[name]["line"] == 1
    assert by_path["robots.txt"]["line"] is None
    assert by_path["robots.txt"].keys() == {"rule", "level", "path", "line", "column", "message", "remedy"}


def test_sarif_goes_to_a_file_beside_the_report_or_to_standard_output(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(out, "--sarif", tmp_path / "report.sarif") == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert run(out, "--sarif", "-") == 0
    assert capsys.readouterr().out == (tmp_path / "report.sarif").read_text(encoding="utf-8")


def test_sarif_that_cannot_be_written_is_a_failure(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(out, "--sarif", tmp_path / "no/such/folder.sarif") == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_long_list_is_cut_for_people(out: Path) -> None:
    for number in range(25):
        put(out, f"notes{number}.html", b"<p>")
    text = [line for _, line in text_lines(check(out), 0.1)]
    assert "  and 5 more; --json lists them all" in text
    assert sum("notes" in line for line in text) == 20


def test_a_terminal_gets_colours_where_rich_is_installed(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    put(out, "[bold]notes.html", b"<p>")
    run(out)
    coloured = capsys.readouterr().out
    assert "\x1b[" in coloured
    assert "[bold]notes.html" in coloured
    monkeypatch.setitem(sys.modules, "rich.console", None)
    run(out)
    assert "\x1b[" not in capsys.readouterr().out


def test_a_server_s_socket_is_not_read(out: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        previous = Path.cwd()
        os.chdir(out)  # the path of a socket is short
        try:
            server.bind("s")
        finally:
            os.chdir(previous)
        assert stat.S_ISSOCK((out / "s").stat().st_mode)
        assert checked(out) == [("not-a-file", "s")]


def test_what_a_leftover_refers_to_is_no_more_than_a_leftover_and_nobody_mends_it(
    tmp_path: Path,
) -> None:
    source, out = tmp_path / "made", tmp_path / "built"
    put(source, "a.css", b"a { background: url(b.png); mask: url(gone.png) }")
    put(source, "b.png", b"png")
    build(source, out)
    old = set(paths_of(out).values())
    put(source, "a.css", b"a { background: url(b.png) }")
    put(source, "b.png", b"png 2")
    build(source, out, BuildSettings(keep=1, keep_days=0))
    assert sorted(checked(out)) == sorted(("leftover", path) for path in old)


def test_no_depth_of_folders_takes_a_stack(tmp_path: Path) -> None:
    source, out = tmp_path / "made", tmp_path / "built"
    put(source, "d/" * 300 + "a.css", b"a {}")
    build(source, out)
    with few_frames():
        assert checked(out, threads=1) == []


@pytest.mark.parametrize("older", ["rewrite", "import-map", "off"])
@pytest.mark.parametrize("newer", ["rewrite", "import-map", "off"])
def test_circles_of_older_releases_are_proven_however_scripts_were_built_then(
    older: JsReferences, newer: JsReferences, tmp_path: Path
) -> None:
    source, out = tmp_path / "made", tmp_path / "built"
    put(source, "a.mjs", b"import './b.mjs'; new URL('./a.mjs', import.meta.url)")
    put(source, "b.mjs", b"import './a.mjs'")
    build(source, out, BuildSettings(js_references=older))
    put(source, "c.txt", b"")
    build(source, out, BuildSettings(js_references=newer))
    assert checked(out, js_references=newer) == []
