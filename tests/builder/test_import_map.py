"""Import maps: scripts import by names that stay, and a leaf's change renames the leaf alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from hashserve import BuildError, SettingError
from hashserve.builder import BuildSettings, build
from hashserve.check import CheckSettings, Level, check
from hashserve.digests import digest_of
from hashserve.settings.build import JsReferences
from tests.support.building import manifest_of, snapshot
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    put(folder, "js/app.js", b"import { leaf } from './leaf.js';\nimport 'three';\nconsole.log(leaf);\n")
    put(folder, "js/leaf.js", b"export const leaf = new URL('../img/dot.svg', import.meta.url);\n")
    put(folder, "js/schön.mjs", b"export default 1;\n")
    put(folder, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    return folder


def settings(tmp_path: Path, **more: Any) -> BuildSettings:
    return BuildSettings(js_references="import-map", import_map=str(tmp_path / "map.json"), **more)


def read_map(tmp_path: Path) -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = json.loads((tmp_path / "map.json").read_text("utf-8"))
    return loaded


def test_a_change_of_a_leaf_renames_only_the_leaf(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(source, out, settings(tmp_path))
    before, old_map = manifest_of(out).paths, read_map(tmp_path)
    put(source, "js/leaf.js", b"export const leaf = 2;\n")
    build(source, out, settings(tmp_path))
    after, new_map = manifest_of(out).paths, read_map(tmp_path)
    assert {path for path in before if before[path] != after[path]} == {"js/leaf.js"}
    assert old_map["imports"]["/static/js/leaf.js"] != new_map["imports"]["/static/js/leaf.js"]


def test_specifiers_stay_as_written_and_urls_of_other_files_are_rewritten(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    build(source, out, settings(tmp_path))
    paths = manifest_of(out).paths
    assert (out / paths["js/app.js"]).read_bytes() == (source / "js/app.js").read_bytes()
    assert f"'../{paths['img/dot.svg']}'".encode() in (out / paths["js/leaf.js"]).read_bytes()


def test_the_map_is_what_a_browser_takes(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bare = {"three": "js/leaf.js", "alias": "js/app.js"}
    build(source, out, settings(tmp_path, import_map_bare=bare, prefix="/assets/"))
    loaded, paths = read_map(tmp_path), manifest_of(out).paths
    assert loaded.keys() == {"imports", "integrity"}
    scripts = {"js/app.js", "js/leaf.js", "js/schön.mjs"}
    keys = {unquote(key).removeprefix("/assets/") for key in loaded["imports"]}
    assert keys == scripts | bare.keys()
    assert "/assets/js/sch%C3%B6n.mjs" in loaded["imports"]
    for key, url in loaded["imports"].items():
        logical_path = bare.get(key) or unquote(key).removeprefix("/assets/")
        assert unquote(url) == f"/assets/{paths[logical_path]}"
        content = (out / paths[logical_path]).read_bytes()
        assert loaded["integrity"][url] == f"sha256-{digest_of([content])}"
    assert list(loaded["imports"]) == sorted(loaded["imports"])


def test_off_rewrites_style_sheets_but_no_scripts(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(source, "app.css", b"a { background: url(img/dot.svg) }")
    build(source, out, BuildSettings(js_references="off"))
    paths = manifest_of(out).paths
    for script in ("js/app.js", "js/leaf.js"):
        assert (out / paths[script]).read_bytes() == (source / script).read_bytes()
    assert paths["img/dot.svg"].encode() in (out / paths["app.css"]).read_bytes()


def test_scripts_that_are_left_alone_have_no_missing_references(source: Path, tmp_path: Path) -> None:
    put(source, "js/app.js", b"import './gone.js';\n")
    for number, mode in enumerate(("rewrite", "import-map", "off")):
        report = build(source, tmp_path / mode, BuildSettings(js_references=mode))  # type: ignore[arg-type]
        assert len(report.warnings) == (1 if number == 0 else 0)


def test_an_unchanged_map_is_not_written_again(source: Path, tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    chosen = BuildSettings(import_map=str(tmp_path / "maps/map.json"))
    build(source, tmp_path / "out", chosen)
    before = snapshot(tmp_path / "maps")
    build(source, tmp_path / "out", chosen)
    assert snapshot(tmp_path / "maps") == before


def test_a_map_that_cannot_be_written_publishes_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cannot be written: No such file or directory; check its folder"):
        build(source, tmp_path / "out", BuildSettings(import_map=str(tmp_path / "nowhere/map.json")))
    assert not (tmp_path / "out/staticfiles.json").exists()


@pytest.mark.parametrize("target", ["js/gone.js", "img/dot.svg", "other"])
def test_a_bare_specifier_has_to_stand_for_a_script_of_the_tree(
    source: Path, tmp_path: Path, target: str
) -> None:
    bare = {"other": "js/app.js", "three": target}
    with pytest.raises(SettingError, match="which is not a script of the source"):
        build(source, tmp_path / "out", settings(tmp_path, import_map_bare=bare))
    assert not (tmp_path / "out/js").exists()


def test_an_import_map_is_not_written_to_a_pipe(source: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BuildError, match="pipe: is not a regular file; choose another name for the import"):
        build(source, tmp_path / "out", BuildSettings(import_map=str(tmp_path / "pipe")))
    assert not (tmp_path / "out/staticfiles.json").exists()


@pytest.mark.parametrize(
    ("js_references", "is_rewritten"), [("rewrite", True), ("import-map", True), ("off", False)]
)
def test_the_urls_of_a_map_in_a_page_are_rewritten_though_specifiers_stay(
    source: Path, tmp_path: Path, js_references: JsReferences, is_rewritten: bool
) -> None:
    page = '<script type="importmap">{"imports": {"leaf": "./js/leaf.js"}}</script>\n'
    put(source, "index.html", page.encode())
    out = tmp_path / "out"
    build(source, out, BuildSettings(js_references=js_references, html=True))
    path = manifest_of(out).paths["js/leaf.js"] if is_rewritten else "js/leaf.js"
    assert (out / "index.html").read_text() == page.replace("js/leaf.js", path)
    assert not check(out, CheckSettings(js_references=js_references, html=True)).count(Level.WARNING)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A source with two pages' modules, a module that only they share, and classic scripts."""
    folder = tmp_path / "shop"
    put(folder, "js/cart.js", b"import './shared.js';\nimport 'lit';\nimport('./late.js');\n")
    put(folder, "js/help.js", b"import { a } from 'js/shared.js';\n")
    put(folder, "js/shared.js", b"export const a = 1;\n")
    put(folder, "js/late.js", b"console.log('late');\n")
    put(folder, "vendor/lit.js", b"export { html } from './html.js';\n")
    put(folder, "vendor/html.js", b"export const html = 1;\n")
    put(folder, "vendor/plain.mjs", b"console.log(1);\n")
    put(folder, "vendor/jquery.js", b"(function () { window.jQuery = 'import'; })();\n")
    put(folder, "vendor/dynamic.js", b"function load() { return import('../js/late.js'); }\n")
    return folder


def mapped(tmp_path: Path) -> set[str]:
    """Return the names in the map without the URLs."""
    return {name for name in read_map(tmp_path)["imports"] if not name.startswith("/static/")}


BARE = {"lit": "vendor/lit.js"}


@pytest.mark.parametrize("js_references", ["import-map", "rewrite", "off"])
def test_only_modules_are_in_the_map(shop: Path, tmp_path: Path, js_references: JsReferences) -> None:
    build(shop, tmp_path / "out", settings(tmp_path).replace(js_references=js_references))
    modules = {
        *("js/cart.js", "js/help.js", "js/shared.js", "js/late.js"),
        *("vendor/lit.js", "vendor/html.js", "vendor/plain.mjs"),
    }
    # A classic script that imports is no module, but needs the names of what it imports.
    assert mapped(tmp_path) - {"vendor/dynamic.js"} == modules
    assert manifest_of(tmp_path / "out").modules == {
        "js/cart.js": ["js/shared.js", "lit", "js/late.js"],
        "js/help.js": ["js/shared.js"],
        "js/late.js": [],
        "js/shared.js": [],
        "vendor/dynamic.js": ["js/late.js"],
        "vendor/html.js": [],
        "vendor/lit.js": ["vendor/html.js"],
        "vendor/plain.mjs": [],
    }


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["js/help.js"], {"js/help.js", "js/shared.js"}),
        (
            ["js/cart.js"],
            {"js/cart.js", "js/shared.js", "js/late.js", "lit", "vendor/lit.js", "vendor/html.js"},
        ),
        (["lit"], {"lit", "vendor/lit.js", "vendor/html.js"}),
        (["js/help.js", "vendor/jquery.js"], {"js/help.js", "js/shared.js", "vendor/jquery.js"}),
    ],
)
def test_entries_limit_the_map_to_what_they_import(
    shop: Path, tmp_path: Path, entries: list[str], expected: set[str]
) -> None:
    build(shop, tmp_path / "out", settings(tmp_path, import_map_bare=BARE, import_map_entries=entries))
    assert mapped(tmp_path) == expected


def test_an_entry_that_is_no_script_is_an_error(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"import_map_entries='js/gone\.js': is not a script"):
        build(shop, tmp_path / "out", settings(tmp_path, import_map_entries=["js/gone.js"]))
