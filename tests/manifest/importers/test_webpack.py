from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hashserve.manifest.importers.webpack import from_webpack
from tests.manifest.importers.examples import WEBPACK, touch


@pytest.mark.parametrize(
    "prefix", ["/static/", "auto/", "", "/", "https://cdn.example.com/x/y/", "//cdn.example.com/", "/a/b/c/"]
)
def test_the_public_path_of_webpack_is_cut_off(prefix: str) -> None:
    document = {key: value.replace("/static/", prefix) for key, value in WEBPACK.items()}
    manifest = from_webpack(document, "m")
    assert manifest.paths == {key: value.replace("/static/", "") for key, value in WEBPACK.items()}
    assert set(manifest.files) == set(manifest.paths.values()) - {"index.html"}


def test_folders_that_only_look_like_a_public_path_stay_when_the_files_are_there(tmp_path: Path) -> None:
    document = {"main.js": "/js/main.0123456789ab.js", "x.js": "/js/x.0123456789ab.js"}
    assert from_webpack(document, "m").paths["main.js"] == "main.0123456789ab.js"
    touch(tmp_path, "js/x.0123456789ab.js")
    assert from_webpack(document, "m", folder=str(tmp_path)).paths["main.js"] == "js/main.0123456789ab.js"


def test_a_folder_without_any_of_the_files_changes_nothing(tmp_path: Path) -> None:
    assert from_webpack(WEBPACK, "m", folder=str(tmp_path)) == from_webpack(WEBPACK, "m")


def test_folders_that_the_key_names_too_are_not_part_of_the_public_path() -> None:
    document = {"js/main.js": "/static/js/main.0123456789ab.js"}
    assert from_webpack(document, "m").paths == {"js/main.js": "js/main.0123456789ab.js"}


def test_a_key_with_the_base_path_loses_its_first_slash() -> None:
    assert from_webpack({"/main.js": "/main.0123456789ab.js"}, "m").paths == {
        "main.js": "main.0123456789ab.js"
    }


def test_values_of_webpack_assets_manifest_may_be_objects_and_entrypoints_are_ignored() -> None:
    document = {
        "entrypoints": {"main": {"assets": {"js": ["/static/main.0123456789ab.js"]}}},
        "main.js": {"src": "/static/main.0123456789ab.js", "integrity": "sha256-..."},
    }
    assert from_webpack(document, "m").paths == {"main.js": "main.0123456789ab.js"}


def test_a_create_react_app_manifest_has_its_files_under_files() -> None:
    document = {
        "files": {
            "main.js": "/static/js/main.0a1b2c3d.js",
            "static/media/logo.svg": "/static/media/logo.44f4ac0463c3ce7ca14b.svg",
            "index.html": "/index.html",
        },
        "entrypoints": ["static/js/main.0a1b2c3d.js"],
    }
    assert from_webpack(document, "m").paths == {
        key: value.removeprefix("/")
        for key, value in document["files"].items()  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize(
    ("path", "immutable"),
    [
        ("480.28513651.css", True),  # seen in a real build: eight decimal digits
        ("js/480.fe16af9c.js", True),
        ("js/480-fe16af9c.js", True),
        ("photo-28513651.jpg", False),
        ("page-HomePage.js", False),
        ("report.20240112.pdf", False),
        ("app-icon-128.png", False),
        ("index.html", False),
    ],
)
def test_a_file_whose_key_is_its_own_name_is_immutable_only_beyond_doubt(path: str, immutable: bool) -> None:
    manifest = from_webpack({path: f"/static/{path}", "main.js": "/static/main.js"}, "m")
    assert (path in manifest.files) is immutable
    assert (path in manifest.paths) is not immutable


def test_urls_of_other_hosts_and_pages_outside_the_root_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hashserve")
    document = {
        "main.js": "/static/main.0123456789ab.js",
        "main.css": "/static/main.0123456789ab.css",
        "react.js": "https://unpkg.example/react.0123456789ab.js",
        "pixel": "data:image/gif;base64,R0lGOD//",
        "index.html": "/static/../templates/index.html",
    }
    manifest = from_webpack(document, "m.json")
    assert set(manifest.files) == {"main.0123456789ab.js", "main.0123456789ab.css"}
    assert set(manifest.paths) == {"main.js", "main.css"}
    assert 'm.json: ["react.js"]: ignored, because it is on another host' in caplog.text
    assert 'm.json: ["index.html"]: ignored, because it leads out of the root' in caplog.text


def test_a_seed_without_the_public_path_stays_as_it_is() -> None:
    document = {**WEBPACK, "favicon": "favicon.ico"}
    assert from_webpack(document, "m").paths["favicon"] == "favicon.ico"


def test_a_query_is_kept_as_the_version_of_the_logical_path() -> None:
    manifest = from_webpack({"main.js": "/main.js?0123456789ab#x"}, "m")
    assert (manifest.paths, manifest.queries) == ({"main.js": "main.js"}, {"main.js": "0123456789ab"})
    assert manifest.files == {}


@pytest.mark.parametrize("document", [{}, {"a.js": ""}, {"a.js": "/"}, {"a.js": "../a.js"}])
def test_a_webpack_manifest_without_any_file_of_the_root_is_empty(document: dict[str, str]) -> None:
    assert from_webpack(document, "m").paths == {}
