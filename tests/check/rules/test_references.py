"""Rules about references."""

from __future__ import annotations

from pathlib import Path

from hashserve.builder import BuildSettings, build
from hashserve.check import RULES, Level, check
from tests.support.building import manifest_of
from tests.support.files import put
from tests.support.published_folder import (
    checked,
    fingerprinted,
    found,
    paths_of,
    plain_manifest,
    publish_css,
)


def test_a_reference_that_leads_nowhere_is_reported_with_line_and_column(out: Path) -> None:
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


def test_a_reference_to_an_unhashed_name_is_reported(out: Path) -> None:
    name = publish_css(out, b"a { background: url(/static/img/dot.svg) }\n")
    assert ("reference-unhashed", name) in checked(out)


def test_references_from_the_root_of_the_site_need_a_prefix(out: Path) -> None:
    name = fingerprinted(out, "new.css", b"a { background: url(/static/gone.svg) }\n")
    plain_manifest(out, {"new.css": name})
    assert "reference-missing" not in {rule for rule, _ in checked(out)}
    assert ("reference-missing", name) in checked(out, prefix="/static/")


def test_missing_references_of_older_releases_are_not_reported(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.css", b"a { background: url(gone.svg) } /* 1 */")
    put(tmp_path / "source", "b.css", b"b {}")
    build(tmp_path / "source", tmp_path / "out")
    assert [rule for rule, _ in checked(tmp_path / "out")] == ["reference-missing"]
    put(tmp_path / "source", "a.css", b"a { color: red }")
    build(tmp_path / "source", tmp_path / "out")
    assert checked(tmp_path / "out") == []


def test_references_that_the_build_left_as_they_are_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "source", "vendor/a.css", b"a { background: url(dot.svg), url(gone.svg) }")
    put(tmp_path / "source", "vendor/dot.svg", b"<svg/>")
    put(tmp_path / "source", "b.css", b"a { background: url(gone.svg) }")
    report = build(tmp_path / "source", tmp_path / "out", leave_references=["vendor/*.css"])
    assert len(report.findings) == 1
    assert checked(tmp_path / "out") == [("reference-missing", paths_of(tmp_path / "out")["b.css"])]
    build(tmp_path / "source", tmp_path / "out")  # and now they are
    assert len(checked(tmp_path / "out")) == 2


def test_an_older_release_may_name_unhashed_files(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.mjs", b"import './b.mjs' // 1\n")
    put(tmp_path / "source", "b.mjs", b"export {}\n")
    build(tmp_path / "source", tmp_path / "out", BuildSettings(js_references="off"))
    put(tmp_path / "source", "a.mjs", b"import './b.mjs' // 2\n")
    build(tmp_path / "source", tmp_path / "out")
    assert checked(tmp_path / "out") == []


def test_references_of_leftovers_do_not_count(
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


def test_a_bundlers_file_that_refers_to_an_unhashed_file_is_a_note(tmp_path: Path) -> None:
    put(tmp_path, "source/app.0123456789ab.js", b'new URL("./logo.svg", import.meta.url);')
    put(tmp_path, "source/logo.svg", b"<svg/>")
    build(tmp_path / "source", tmp_path / "out", BuildSettings(already_hashed=["app.*.js"]))
    assert ("bundler-reference", "app.0123456789ab.js") in checked(tmp_path / "out")
    assert not check(tmp_path / "out").is_failure(strict=True)


def test_the_source_map_of_a_bundlers_file_is_not_fingerprinted_and_no_finding(tmp_path: Path) -> None:
    put(tmp_path, "source/app-C_rL51Fj.js", b"let a;\n//# sourceMappingURL=app-C_rL51Fj.js.map\n")
    put(tmp_path, "source/app-C_rL51Fj.js.map", b'{"version":3}')
    build(tmp_path / "source", tmp_path / "out", BuildSettings(already_hashed=["app-*.js"]))
    assert checked(tmp_path / "out") == []
    paths = {path.name for path in (tmp_path / "out").glob("*.map")}
    assert paths == {"app-C_rL51Fj.js.map"}, "no second fingerprint"
    assert "app-C_rL51Fj.js.map" not in manifest_of(tmp_path / "out").files, "a map may change under its name"
