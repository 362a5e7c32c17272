from __future__ import annotations

from typing import Any

import pytest

from hashserve.manifest.importers.vite import from_vite
from hashserve.manifest.model import release_id
from tests.manifest.examples import node_id
from tests.manifest.importers.examples import VITE


def test_the_keys_of_vite_are_logical_paths() -> None:
    paths = from_vite(VITE, "m").paths
    assert paths["pages/home.ts"] == "assets/home-FlIc6nNt.js"
    assert paths["lazy.js"] == "assets/lazy-DBarRBqV.js"
    assert paths["logo.svg"] == "assets/logo-KUi-Kf8Z.svg"


def test_vite_css_and_shared_chunks_are_named_without_their_fingerprint() -> None:
    paths = from_vite(VITE, "m").paths
    assert paths["assets/home.css"] == "assets/home-7QkZrW-m.css"
    assert paths["assets/shared.js"] == "assets/shared-ByledO34.js"
    assert paths["assets/shared.css"] == "assets/shared-K9x_q-LT.css"
    assert not any(key.startswith("_") for key in paths)
    assert "assets/logo.svg" not in paths, "it has a key"


def test_every_file_that_vite_lists_is_immutable() -> None:
    manifest = from_vite(VITE, "m")
    assert dict(manifest.files) == dict.fromkeys(
        [
            "assets/shared-ByledO34.js",
            "assets/shared-K9x_q-LT.css",
            "assets/logo-KUi-Kf8Z.svg",
            "assets/lazy-DBarRBqV.js",
            "assets/home-FlIc6nNt.js",
            "assets/home-7QkZrW-m.css",
        ]
    )
    assert manifest.release == release_id(manifest.paths)


@pytest.mark.parametrize(
    "entry",
    [
        {"file": "assets/my-document.js", "name": "my-document", "src": "src/main.js"},
        {"file": "assets/page-HomePage.js", "name": "page-HomePage", "src": "src/main.js"},
        {"file": "assets/page-HomePage.js", "src": "src/page-HomePage.ts"},
        {"file": "assets/main.js"},
        {"file": "assets/main.js", "css": ["assets/main.css"], "assets": ["assets/app-icon-128.png"]},
    ],
)
def test_a_vite_build_without_hashes_has_nothing_immutable(entry: dict[str, Any]) -> None:
    manifest = from_vite({"src/main.js": entry}, "m")
    assert manifest.files == {}
    assert manifest.paths == {"src/main.js": entry["file"]}


def test_a_listed_asset_that_is_known_to_have_no_hash_is_not_immutable() -> None:
    manifest = from_vite(
        {
            "a.js": {"file": "a-DiwrgTda.js", "assets": ["x-HomePage.svg"]},
            "x-HomePage.svg": {"file": "x-HomePage.svg", "src": "x-HomePage.svg"},
        },
        "m",
    )
    assert list(manifest.files) == ["a-DiwrgTda.js"]


@pytest.mark.parametrize("token", ["abcdefgh", "ABCDEFGH", "20240112", "Abcdefgh"])
def test_a_vite_hash_that_reads_like_a_word_is_recognised_after_the_plain_name(token: str) -> None:
    path = f"assets/main-{token}.js"
    assert path in from_vite({"src/main.ts": {"file": path, "name": "main", "src": "src/main.ts"}}, "m").files


def test_two_files_that_would_share_a_derived_name_have_none_and_stay_immutable() -> None:
    css = ["assets/index-AAAAbbb1.css", "assets/index-AAAAbbb2.css"]
    manifest = from_vite({"a.js": {"file": "a-DiwrgTda.js", "css": css}}, "m")
    assert manifest.paths == {"a.js": "a-DiwrgTda.js"}
    assert set(manifest.files) == {"a-DiwrgTda.js", *css}


def test_a_listed_file_whose_name_is_only_a_fingerprint_has_no_logical_path() -> None:
    path = "assets/44f4ac0463c3ce7ca14b.png"
    manifest = from_vite({"a.js": {"file": "a.js", "assets": [path]}}, "m")
    assert manifest.paths == {"a.js": "a.js"}
    assert manifest.files == {path: None}


def test_a_key_wins_over_a_derived_name() -> None:
    document = {
        "style.css": {"file": "x/style-DiwrgTda.css"},
        "a.js": {"file": "a-DiwrgTda.js", "css": ["style-DiwrgTdb.css"]},
    }
    assert from_vite(document, "m").paths["style.css"] == "x/style-DiwrgTda.css"


@pytest.mark.parametrize("key", ["../shared/a.js", "/a.js", "\0virtual:a.js", ""], ids=node_id)
def test_a_key_outside_the_root_is_ignored_and_its_file_is_listed(key: str) -> None:
    manifest = from_vite({key: {"file": "assets/a-DiwrgTda.js", "src": key}}, "m")
    assert manifest.paths == {}
    assert list(manifest.files) == ["assets/a-DiwrgTda.js"]
