"""Files under their own names, and what is named as a variant of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hashserve import BuildError, HashServe
from hashserve.builder import BuildReport, BuildSettings, build
from hashserve.builder.pipeline import build_files
from hashserve.builder.sources.tree import SourceFile
from hashserve.manifest.schema import Unhashed
from tests.support.building import contents, manifest_of, put_texts, snapshot, wrong_files
from tests.support.client import request, wrapped_application
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_texts(tmp_path / "source")


def test_a_stale_variant_in_the_source_does_not_replace_the_real_one(source: Path, out: Path) -> None:
    put(source, "a.txt.gz", b"not even gzip")
    report = build(source, out)
    assert [finding.kind for finding in report.warnings] == ["variant-name"]
    server = HashServe(wrapped_application, root=out)
    assert request(server, "/static/a.txt", accept_encoding="gzip")["Content-Encoding"] == "gzip"
    assert request(server, f"/static/{manifest_of(out).paths['a.txt.gz']}").body == b"not even gzip"
    assert not wrong_files(out)
    before = snapshot(out)
    build(source, out)
    assert snapshot(out) == before


def test_a_right_variant_in_the_source_is_not_reported(source: Path, out: Path) -> None:
    build(source, out)
    put(source, "a.txt.gz", (out / "a.txt.gz").read_bytes())
    assert build(source, out).warnings == []


def test_a_variant_named_file_is_published_where_there_is_no_variant(source: Path, out: Path) -> None:
    put(source, "tiny.txt", b"tiny")
    put(source, "tiny.txt.gz", b"not gzip")
    build(source, out)
    assert (out / "tiny.txt.gz").read_bytes() == b"not gzip"


def test_precompressed_files_beside_a_bundlers_own_do_not_displace_the_variants_of_the_manifest(
    source: Path, out: Path
) -> None:
    put(source, "assets/app-DiwrgTda.js", b"export const number = 1;\n" * 40)
    put(source, "assets/app-DiwrgTda.js.gz", b"stale")
    build(source, out, BuildSettings(already_hashed=("assets/*",)))
    assert manifest_of(out).paths["assets/app.js"] == "assets/app-DiwrgTda.js"
    assert not wrong_files(out)


def test_a_variant_of_an_unhashed_file_is_removed_when_it_is_no_longer_worth_it(
    source: Path, out: Path
) -> None:
    build(source, out)
    assert (out / "css/app.css.br").exists()
    put(source, "css/app.css", b"a {}")
    build(source, out)
    assert not (out / "css/app.css.br").exists()
    assert not (out / "css/app.css.gz").exists()
    server = HashServe(lambda environ, start_response: [], root=out)
    assert request(server, "/static/css/app.css", accept_encoding="br").body == b"a {}"


def test_the_unhashed_files_of_a_build_that_fails_late_are_those_of_the_release_in_force(
    source: Path, out: Path, tmp_path: Path
) -> None:
    build(source, out)
    before = contents(out)
    put(source, "css/app.css", b"a { color: red }")
    with pytest.raises(BuildError, match="cannot be written"):
        build(source, out, BuildSettings(import_map=str(tmp_path / "nowhere/map.json")))
    assert {path: contents(out)[path] for path in before} == before


# Files that a framework has collected in the output


def build_collected(out: Path, unhashed: Unhashed, *paths: str) -> BuildReport:
    """Build files of the output, as a framework does that has put them there."""
    files = [SourceFile(logical_path=path, location=str(out / path)) for path in sorted(paths)]
    return build_files(files, out, BuildSettings(), kept={}, unhashed=unhashed)[0]


def test_the_variants_of_an_original_are_not_made_where_the_source_has_one(out: Path) -> None:
    put_texts(out)
    coded = gzip.compress((out / "css/app.css").read_bytes(), 1)
    put(out, "css/app.css.gz", coded)
    report = build_collected(out, "original", "a.txt", "css/app.css", "css/app.css.gz", "img/dot.svg")
    assert (out / "css/app.css.gz").read_bytes() == coded
    assert not (out / "css/app.css.br").exists()
    assert (out / "a.txt.br").exists()
    # It decodes to the original, and not to the fingerprinted file with its rewritten references.
    assert [finding.kind for finding in report.warnings] == ["variant-name"]


def test_the_variants_of_an_original_that_is_no_longer_worth_them_are_removed(out: Path) -> None:
    put_texts(out)
    build_collected(out, "original", "css/app.css", "img/dot.svg")
    assert (out / "css/app.css.br").exists()
    put(out, "css/app.css", b"body { background: url(../img/dot.svg) }\n")
    build_collected(out, "original", "css/app.css", "img/dot.svg")
    assert not (out / "css/app.css.br").exists()
    assert not wrong_files(out)


def test_without_unhashed_files_a_name_of_a_variant_is_removed_and_not_reported(out: Path) -> None:
    put(put_texts(out), "a.txt.gz", b"not gzip")
    assert build_collected(out, "none", "a.txt", "a.txt.gz").warnings == []
    assert not (out / "a.txt").exists()
    assert not (out / "a.txt.gz").exists()
    assert not wrong_files(out)
