"""Rules about fingerprints: proven, refuted, undecided."""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path

import pytest

from hashserve import Manifest
from hashserve.builder import BuildSettings, build
from hashserve.check.fingerprint_proofs import DIGESTS
from hashserve.settings.build import JsReferences
from tests.support.building import manifest_of
from tests.support.files import put
from tests.support.published_folder import (
    CIRCLE_A,
    CIRCLE_B,
    SOURCE,
    checked,
    fingerprinted,
    paths_of,
    plain_manifest,
)


@pytest.mark.parametrize("digest", DIGESTS)
def test_a_build_with_any_digest_is_clean(digest: str, tmp_path: Path) -> None:
    for path, content in SOURCE.items():
        put(tmp_path / "source", path, content)
    settings = BuildSettings(digest=digest, digest_length=20, codings=())
    build(tmp_path / "source", tmp_path / "out", settings)
    assert checked(tmp_path / "out") == []


def test_a_name_that_another_tool_fingerprinted_is_not_reported(tmp_path: Path) -> None:
    for path, content in SOURCE.items():
        put(tmp_path / "source", path, content)
    put(tmp_path / "source", "js/vendor.0123456789ab.js", b"alert(1)\n")
    build(tmp_path / "source", tmp_path / "out", BuildSettings(already_hashed=("js/vendor.*",), codings=()))
    assert "js/vendor.0123456789ab.js" in Manifest.load(tmp_path / "out/staticfiles.json").files
    assert checked(tmp_path / "out") == []


def test_a_fingerprint_of_other_content_is_an_error(out: Path) -> None:
    name = fingerprinted(out, "css/new.css", b"a { color: red }", "0123456789ab")
    right = fingerprinted(out, "css/right.css", b"a { color: blue }")
    plain_manifest(out, {"css/new.css": name, "css/right.css": right})
    assert [item for item in checked(out) if item[0] == "fingerprint-mismatch"] == [
        ("fingerprint-mismatch", name)
    ]


def test_a_wrong_fingerprint_without_an_unhashed_copy_is_undecided(out: Path) -> None:
    name = fingerprinted(out, "css/new.css", b"a { color: red }", "0123456789ab")
    (out / "css/new.css").unlink()
    plain_manifest(out, {"css/new.css": name, "robots.txt": "robots.txt"})
    assert "fingerprint-mismatch" not in {rule for rule, _ in checked(out)}


def test_a_changed_member_of_a_circle_refutes_the_fingerprints_of_all(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.css", CIRCLE_A)
    put(tmp_path / "source", "b.css", CIRCLE_B)
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=()))
    out = tmp_path / "out"
    paths = paths_of(out)
    plain_manifest(out, paths)
    assert checked(out) == [("manifest-without-digests", "staticfiles.json")]
    with (out / paths["a.css"]).open("ab") as stream:
        stream.write(b"/* edited */")
    wrong = [item for item in checked(out) if item[0] == "fingerprint-mismatch"]
    assert wrong == [("fingerprint-mismatch", path) for path in sorted(paths.values())]


def test_a_changed_file_has_no_finding_about_its_fingerprint(out: Path) -> None:
    path = paths_of(out)["css/a.css"]
    with (out / path).open("ab") as stream:
        stream.write(b"/* edited */")
    assert checked(out) == [("file-changed", path)]


@pytest.mark.parametrize("content", [b"a {}", None])
def test_a_damaged_member_of_a_circle_leaves_the_others_undecided(content: bytes | None, out: Path) -> None:
    paths = paths_of(out)
    put(out, "css/c.css", b"c {}")
    if content is None:
        (out / paths["css/a.css"]).unlink()
    else:
        (out / paths["css/a.css"]).write_bytes(content)
    rule = "file-missing" if content is None else "file-changed"
    assert checked(out) == [(rule, paths["css/a.css"]), ("file-unlisted", "css/c.css")]


def test_the_query_strings_of_laravel_mix_are_compared_with_the_content(tmp_path: Path) -> None:
    right = md5(b"right").hexdigest()[:20]
    manifest = {"/a.js": f"/a.js?id={right}", "/b.js": f"/b.js?id={right}", "/c.js": f"/c.js?id={right}"}
    put(tmp_path, "mix-manifest.json", json.dumps(manifest).encode())
    put(tmp_path, "a.js", b"right")
    put(tmp_path, "b.js", b"wrong")
    assert checked(tmp_path) == [("query-mismatch", "b.js"), ("file-missing", "c.js")]


@pytest.mark.parametrize("older", ["rewrite", "import-map", "off"])
@pytest.mark.parametrize("newer", ["rewrite", "import-map", "off"])
def test_circles_of_older_releases_are_proven_with_any_js_references(
    older: JsReferences, newer: JsReferences, tmp_path: Path
) -> None:
    source, out = tmp_path / "made", tmp_path / "built"
    put(source, "a.mjs", b"import './b.mjs'; new URL('./a.mjs', import.meta.url)")
    put(source, "b.mjs", b"import './a.mjs'")
    build(source, out, BuildSettings(js_references=older))
    put(source, "c.txt", b"")
    build(source, out, BuildSettings(js_references=newer))
    assert checked(out, js_references=newer) == []


def test_circles_of_older_releases_are_proven_although_the_references_of_a_member_are_left_now(
    tmp_path: Path,
) -> None:
    source, out = tmp_path / "made", tmp_path / "built"
    put(source, "a.mjs", b"import './b.mjs'")
    put(source, "b.mjs", b"import './a.mjs'")
    build(source, out)
    build(source, out, leave_references=["a.*"])
    assert len(manifest_of(out).releases) == 1
    assert checked(out) == []
    build(source, out)
    assert checked(out) == []
