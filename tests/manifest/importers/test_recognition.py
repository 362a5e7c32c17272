from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hashserve.errors import ManifestError
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.importers.mix import from_mix
from hashserve.manifest.importers.phoenix import from_phoenix
from hashserve.manifest.importers.propshaft import from_propshaft
from hashserve.manifest.importers.sprockets import from_sprockets
from hashserve.manifest.importers.vite import from_vite
from hashserve.manifest.importers.webpack import from_webpack
from hashserve.manifest.model import Manifest
from tests.manifest.importers.examples import MD5, PHOENIX, SPROCKETS, VITE, WEBPACK, write

Importer = Callable[[object, str], Manifest]

RECOGNISED = [
    (".vite/manifest.json", VITE, from_vite),
    ("manifest.json", VITE, from_vite),
    (".vite/manifest.json", {}, from_vite),
    ("cache_manifest.json", PHOENIX, from_phoenix),
    ("other.json", PHOENIX, from_phoenix),
    (".manifest.json", {"app.js": "app-0a1b2c3d.js"}, from_propshaft),
    (".manifest.json", {}, from_propshaft),
    ("other.json", {"app.js": {"digested_path": "app-0a1b2c3d.js"}}, from_propshaft),
    (f".sprockets-manifest-{MD5}.json", SPROCKETS, from_sprockets),
    ("manifest.json", SPROCKETS, from_sprockets),
    ("mix-manifest.json", {"/js/app.js": "/js/app.js?id=1"}, from_mix),
    ("mix-manifest.json", {}, from_mix),
    ("other.json", {"/js/app.js": "/js/app.js"}, from_mix),
    ("manifest.json", WEBPACK, from_webpack),
    ("manifest.json", {"main": "/static/main.0123456789ab.js"}, from_webpack),
    ("manifest.json", {"main.js": {"src": "main.js"}}, from_webpack),
    ("asset-manifest.json", {"files": {"main.js": "/main.js"}, "entrypoints": ["main.js"]}, from_webpack),
]


@pytest.mark.parametrize(("name", "document", "importer"), RECOGNISED)
def test_a_manifest_is_recognised_by_its_structure_or_else_its_name(
    tmp_path: Path, name: str, document: object, importer: Importer
) -> None:
    assert load_manifest(write(tmp_path, name, document)) == importer(document, name)


def test_a_manifest_named_for_a_tool_must_have_its_form(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"assets: expected an object"):
        load_manifest(write(tmp_path, f".sprockets-manifest-{MD5}.json", {"files": {}}))


@pytest.mark.parametrize("name", ["staticfiles.json", "manifest.json"])
def test_the_paths_of_hashserves_and_djangos_own_manifest_stay_as_they_are(tmp_path: Path, name: str) -> None:
    document = {"paths": {"a.css": "a.0123456789ab.css"}, "version": "1.1", "hash": "x"}
    path = write(tmp_path, f"sub/{name}", document)
    assert load_manifest(path, root=tmp_path) == Manifest.loads(json.dumps(document))


@pytest.mark.parametrize(
    "document",
    [
        {"name": "My app", "icons": [{"src": "icon.png", "type": "image/png"}], "display": "standalone"},
        {"short_name": "app", "start_url": "/index.html"},
        {"manifest_version": 3, "name": "extension", "version": "1"},
    ],
)
def test_a_web_app_manifest_is_not_taken_for_one_of_a_build(tmp_path: Path, document: object) -> None:
    path = write(tmp_path, "manifest.json", document)
    with pytest.raises(ManifestError, match=r"manifest of a web app.*\.vite/manifest\.json") as caught:
        load_manifest(path)
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    "document",
    [
        [],
        "x",
        None,
        {},
        {"name": "x"},
        {"a": 1},
        {"hello": "Bonjour"},
        {"a.js": "b.css"},
        {"name": "x", "main": "index.js", "files": ["dist"]},
        {"entrypoints": {"main": {"js": ["a.js"]}}},
        {"files": {}},
    ],
)
def test_any_other_json_is_an_error_that_lists_the_known_tools(tmp_path: Path, document: object) -> None:
    with pytest.raises(
        ManifestError, match=r"top level: .*Vite.*Phoenix, Propshaft, Sprockets and Laravel Mix"
    ):
        load_manifest(write(tmp_path, "manifest.json", document))
