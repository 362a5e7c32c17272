"""What a bundler fingerprinted keeps its name without being told, if that is proven; else it is reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import BuildSettings, build
from hashserve.builder.bundlers import proven_names
from hashserve.builder.sources.opened import RealRoots, read_source
from hashserve.check import check
from tests.builder.bundlers.test_name_proofs import IMAGE, PROVEN
from tests.support.building import manifest_of, wrong_files
from tests.support.files import put

VITE = b"document.createElement(`link`).relList.supports(`modulepreload`);"
PAGE = b"""<!doctype html><script type="module" crossorigin src="/assets/index-C_rL51Fj.js"></script>
<link rel="stylesheet" crossorigin href="/assets/index-C57SwvBZ.css">"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


def kept_in(source: Path, out: Path) -> set[str]:
    """Build, and return the files that keep the names that they have in the source."""
    build(source, out)
    assert not wrong_files(out)
    paths = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    return paths & manifest_of(out).files.keys()


def findings(source: Path, out: Path) -> list[str]:
    return [str(finding) for finding in build(source, out).warnings if finding.kind == "bundler-name"]


def put_vite(source: Path) -> None:
    """Write what Vite writes without a manifest: chunks, a worker and what it imports, styles."""
    put(source, "index.html", PAGE)
    mapped = b'const d=["assets/lazy-Ww_2NiiX.js","assets/lazy-xwbrHUwT.css","assets/other-Dxhcson1.js"];'
    worker = b'new Worker(new URL("/assets/worker-DIVfehkQ.js",import.meta.url));'
    put(source, "assets/index-C_rL51Fj.js", mapped + VITE + worker + b"import(`./other-Dxhcson1.js`);")
    put(source, "assets/index-C57SwvBZ.css", b"body{background:url(/assets/logo-DSyvffGb.png)}")
    put(source, "assets/lazy-Ww_2NiiX.js", b'import{t as e}from"./shared-ByledO34.js";')
    put(source, "assets/lazy-xwbrHUwT.css", b".lazy{color:red}")
    put(source, "assets/other-Dxhcson1.js", b"export{}")
    put(source, "assets/shared-ByledO34.js", b"export{}")
    put(source, "assets/worker-DIVfehkQ.js", b"import(`./wlazy-wyen2y2l.js`);")
    put(source, "assets/wlazy-wyen2y2l.js", b"export{}")
    put(source, "assets/logo-DSyvffGb.png", IMAGE)


def test_all_of_a_vite_app_without_a_manifest_is_kept_with_its_workers(source: Path, tmp_path: Path) -> None:
    put_vite(source)
    assert kept_in(source, tmp_path / "out") == {
        path.relative_to(source).as_posix() for path in source.glob("assets/*")
    }
    assert manifest_of(tmp_path / "out").paths["assets/other.js"] == "assets/other-Dxhcson1.js"
    assert findings(source, tmp_path / "out") == []


def test_the_page_keeps_its_name_though_a_manifest_found_by_content_has_it_as_a_key(
    source: Path, tmp_path: Path
) -> None:
    put_vite(source)
    entry = {"file": "assets/index-C_rL51Fj.js", "src": "index.html", "isEntry": True}
    put(source, "names.json", json.dumps({"index.html": entry}).encode())
    build(source, tmp_path / "out")
    paths = manifest_of(tmp_path / "out").paths
    assert paths["index.html"].endswith(".html")
    assert paths["assets/index.js"] == "assets/index-C_rL51Fj.js"


def test_what_a_manifests_worker_imports_is_kept_though_no_manifest_lists_it(
    source: Path, tmp_path: Path
) -> None:
    put_vite(source)
    entry = {"file": "assets/index-C_rL51Fj.js", "isEntry": True, "assets": ["assets/worker-DIVfehkQ.js"]}
    put(source, ".vite/manifest.json", json.dumps({"index.html": entry}).encode())
    assert "assets/wlazy-wyen2y2l.js" in kept_in(source, tmp_path / "out")


def test_names_that_the_content_proves_are_kept(source: Path, tmp_path: Path) -> None:
    for path, content in PROVEN:
        put(source, path, content)
    assert kept_in(source, tmp_path / "out") == {path for path, _ in PROVEN}


def test_a_digest_that_looks_like_a_number_is_tried_next_to_proven_ones(source: Path, tmp_path: Path) -> None:
    put(source, "a.82497776.css", b"content 13")
    put(source, "b.12345678.css", b"content 13")
    assert kept_in(source, tmp_path / "alone") == set()
    put(source, *PROVEN[0])
    assert kept_in(source, tmp_path / "out") == {"a.82497776.css", PROVEN[0][0]}


ENTRY = {"file": "assets/app-DR-PG0Cu.js", "src": "src/app.js", "isEntry": True}
MANIFESTS = {
    "vue/.vite/manifest.json": {"src/app.js": ENTRY},
    "vue/manifest.json": {"src/app.js": ENTRY},
    "vue/names.json": {"src/app.js": ENTRY},
    "vue/assets.json": {"app.js": "/static/vue/assets/app-DR-PG0Cu.js"},
    "vue/asset-manifest.json": {"files": {"app.js": "/assets/app-DR-PG0Cu.js"}, "entrypoints": []},
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_found_in_any_folder_under_any_name(name: str, source: Path, tmp_path: Path) -> None:
    put(source, "vue/assets/app-DR-PG0Cu.js", b"export {}")
    put(source, name, json.dumps(MANIFESTS[name]).encode())
    assert kept_in(source, tmp_path / "out") == {"vue/assets/app-DR-PG0Cu.js"}


# What proves nothing


def test_the_copies_that_another_build_made_next_to_its_originals_are_made_again(
    source: Path, tmp_path: Path
) -> None:
    """A source that is the output of a build, or of Django's ``collectstatic``."""
    put(source, "a.098f6bcd4621.txt", b"test")
    put(source, "a.txt", b"test")
    put(source, "b.js", b"let b")
    put(source, "b.0a1b2c3d4e5f.js", b"let b")
    out = tmp_path / "out"
    assert findings(source, out) == findings(source, out) == []
    assert manifest_of(out).paths["a.txt"] == "a.098f6bcd4621.txt"
    assert manifest_of(out).paths["a.098f6bcd4621.txt"] != "a.098f6bcd4621.txt"
    assert check(out).findings == ()


DATA = {
    "variants of a script": {"app.js": "js/app-Html5App.js"},
    "levels of a game": {"first": {"isEntry": True, "file": "js/app-Html5App.js"}},
    "a web app": {"name": "x", "icons": [{"src": "img/hero-4x4truck.png"}], "app.js": "js/app-Html5App.js"},
    "data of an app": {"hero.png": "img/hero-4x4truck.png"},
    "one that lists other files": {"app.js": "js/app-Html5App.js", "b.js": "js/b-C_rL51Fj.js"},
    "a list": ["js/app-Html5App.js"],
}


@pytest.mark.parametrize("kind", DATA)
def test_other_json_is_no_manifest(kind: str, source: Path, tmp_path: Path) -> None:
    put(source, "js/app-Html5App.js", b"export {}")
    put(source, "img/hero-4x4truck.png", IMAGE)
    put(source, "data.json", json.dumps(DATA[kind]).encode())
    assert kept_in(source, tmp_path / "out") == set()


def test_a_page_that_a_person_wrote_keeps_no_name(source: Path, tmp_path: Path) -> None:
    """The names are of Vite's form, but words; the scripts are loaded as modules, with CORS."""
    put(
        source,
        "index.html",
        b"<script type=module crossorigin src=js/app-Html5App.js></script>"
        b"<script type=module crossorigin src=js/three-3dviewer.js></script>"
        b"<script type=module src=js/index-HomePage.js></script>"
        b"<script type=module crossorigin src=js/index-MyWidget.js></script>",
    )
    for name in ("app-Html5App", "three-3dviewer", "index-HomePage", "index-MyWidget"):
        put(source, f"js/{name}.js", b"export {}")
    assert kept_in(source, tmp_path / "out") == set()


def test_an_entry_of_vite_without_a_hash_proves_nothing(source: Path, tmp_path: Path) -> None:
    put(source, "index.html", PAGE.replace(b"index-C_rL51Fj", b"three-3DViewer"))
    put(source, "assets/three-3DViewer.js", VITE + b'import("./page-HomePage.js")')
    put(source, "assets/page-HomePage.js", b"export {}")
    assert kept_in(source, tmp_path / "out") == set()


def test_a_name_without_a_folder_that_a_proven_script_names_is_kept_only_if_it_is_random(
    source: Path, tmp_path: Path
) -> None:
    """A chunk names another one in a folder (``./other.js``); an application requests any name."""
    put_vite(source)
    put(source, "assets/shared-ByledO34.js", b'fetch("data-HomePage.js");fetch("data-b7X0qk2M.js")')
    put(source, "assets/data-HomePage.js", b"export {}")
    put(source, "assets/data-b7X0qk2M.js", b"export {}")
    assert {name for name in kept_in(source, tmp_path / "out") if "/data-" in name} == {
        "assets/data-b7X0qk2M.js"
    }


def test_stable_names_in_the_folder_of_a_framework_are_fingerprinted(source: Path, tmp_path: Path) -> None:
    """Astro and Nuxt can be told to write no token: then other content comes under the same name."""
    for name in ("_astro/critical-styles.css", "_astro/Checkout.css", "_nuxt/chapter1.css"):
        put(source, name, b"a{b:c}")
    assert kept_in(source, tmp_path / "out") == set()


def test_an_image_that_a_proven_script_names_is_kept_only_for_its_content(
    source: Path, tmp_path: Path
) -> None:
    put_vite(source)
    put(source, "assets/index-C_rL51Fj.js", VITE + b'"/assets/photo-b7X0qk2m.jpg"')
    put(source, "assets/photo-b7X0qk2m.jpg", IMAGE)  # copied from Vite's public folder
    assert "assets/photo-b7X0qk2m.jpg" not in kept_in(source, tmp_path / "out")


def test_a_script_that_a_proven_script_names_by_its_whole_path_is_not_kept_if_it_may_be_a_word(
    source: Path, tmp_path: Path
) -> None:
    put_vite(source)
    put(source, "assets/index-C_rL51Fj.js", VITE + b's.src="/assets/pdf-ViewerJs.js"')
    put(source, "assets/pdf-ViewerJs.js", b"let viewer")  # copied from Vite's public folder
    assert "assets/pdf-ViewerJs.js" not in kept_in(source, tmp_path / "out")


def test_a_name_that_changed_its_content_once_is_never_kept_by_its_looks(
    source: Path, tmp_path: Path
) -> None:
    put_vite(source)
    out = tmp_path / "out"
    assert "assets/other-Dxhcson1.js" in kept_in(source, out)
    put(source, "assets/other-Dxhcson1.js", b"export const changed = 1;")
    assert "assets/other-Dxhcson1.js" not in kept_in(source, out)


def test_a_file_of_any_size_has_the_same_name_in_the_next_build(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proven_names, "LARGEST_READ", 100)
    put(source, "_next/static/media/film.b1xdWy2f.mp4", bytes(101))
    for _ in range(2):
        build(source, out)
        assert manifest_of(out).paths["_next/static/media/film.mp4"] == "_next/static/media/film.b1xdWy2f.mp4"


def test_a_file_that_is_too_large_to_read_has_no_proof(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proven_names, "LARGEST_READ", 100)
    put(source, "film.d41d8cd98f00b204.mp4", bytes(101))  # the MD5 of nothing
    assert kept_in(source, out) == set()


def test_what_is_beyond_the_limit_of_hashed_bytes_has_the_same_name_in_the_next_build(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proven_names, "MOST_HASHED", 250)
    for number in range(4):
        content = b"%100d" % number
        put(source, f"{number}.{hashlib.md5(content).hexdigest()[:12]}.bin", content)
    assert len(kept_in(source, out)) == 2
    paths = manifest_of(out).paths
    build(source, out)
    assert manifest_of(out).paths == paths


def test_a_script_that_many_pages_load_is_not_read_for_each(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_vite(source)
    for number in range(20):
        put(source, f"{number}.html", PAGE)
    read: list[str] = []

    def counted(location: str, real_roots: RealRoots | None) -> Iterator[bytes]:
        read.append(Path(location).name)
        return read_source(location, real_roots)

    monkeypatch.setattr(proven_names, "read_source", counted)
    build(source, out)
    assert read.count("index-C_rL51Fj.js") < 5


def test_a_link_that_leads_nowhere_and_has_the_name_of_a_manifest_stops_no_build(
    source: Path, out: Path
) -> None:
    put(source, "js/app.0123456789ab.js", b"x")
    (source / "js/.sprockets-manifest-0a1b.json").symlink_to("gone")
    assert kept_in(source, out) == set()


def test_names_that_look_fingerprinted_are_reported_with_the_remedy_that_works(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    put(source, "dist/main-DaXkKPwL.js", b'import "./shared-BRACD5DP.js"')
    put(source, "dist/shared-BRACD5DP.js", b"export {}")
    (said,) = findings(source, out)
    assert said.startswith(f"{source / 'dist/main-DaXkKPwL.js'}: its name looks fingerprinted by a bundler")
    assert '"dist/shared-BRACD5DP.js"' in said
    assert "No later release has deltas against such names." in said
    assert '(--already-hashed: "dist/*-????????.*")' in said
    assert said.endswith("accept this (--accept: bundler-name)")
    with pytest.raises(BuildError, match="gets a second fingerprint"):
        build(source, tmp_path / "strict", BuildSettings(strict=True))
    report = build(source, out, BuildSettings(already_hashed=["dist/*-????????.*"], strict=True))
    assert report.warnings == []
    assert "dist/main-DaXkKPwL.js" in manifest_of(out).files


def test_a_remedy_never_matches_files_that_look_otherwise(source: Path, tmp_path: Path) -> None:
    put(source, "main-DaXkKPwL.js", b"1")
    put(source, "my-calendar.pdf.txt", b"2")
    put(source, "a-calendar.html", b"3")
    (said,) = findings(source, tmp_path / "out")
    assert '(--already-hashed: "main-DaXkKPwL.js")' in said


@pytest.mark.parametrize(
    "name", ["jquery-3.7.1.min.js", "i18n-messages.js", "fr-calendar.css", "a-4x4truck.js"]
)
def test_ordinary_names_are_not_reported(name: str, source: Path, tmp_path: Path) -> None:
    put(source, name, b"x")
    assert findings(source, tmp_path / "out") == []


def test_a_broken_manifest_of_a_bundler_is_reported_if_its_folder_needs_one(
    source: Path, tmp_path: Path
) -> None:
    put(source, "vue/assets/app-C_rL51Fj.js", b"export {}")
    put(source, "vue/.vite/manifest.json", b"{")
    kinds = [finding.kind for finding in build(source, tmp_path / "out").warnings]
    assert kinds.count("bundler-manifest") == 1
