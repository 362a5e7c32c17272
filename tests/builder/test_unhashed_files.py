"""Files under their own names, and what is named as a variant of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import BuildError, HashServe
from hashserve.builder import BuildSettings, build
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
