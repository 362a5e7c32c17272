from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hashserve.manifest.importers
from hashserve.errors import ManifestError
from hashserve.manifest.importers import (
    from_mix,
    from_phoenix,
    from_propshaft,
    from_sprockets,
    from_vite,
    from_webpack,
    load_manifest,
)
from hashserve.manifest.model import Manifest, release_id, unsafe_path

Importer = Callable[[object, str], Manifest]

MD5 = "5d41402abc4b2a76b9719d911017c592"
OLD_MD5 = "7d793037a0760186574b0282f2f435e7"
SHA256 = "98e1338739274255c5701c94dcc13188bae0cba885e8b5f6596ce13e01a802ed"
BASE64 = "mOEzhzknQlXFcByU3MExiLrgy6iF6LX2WWzhPgGoAu0="

VITE = {
    "_shared-ByledO34.js": {
        "file": "assets/shared-ByledO34.js",
        "name": "shared",
        "css": ["assets/shared-K9x_q-LT.css"],
    },
    "_shared-K9x_q-LT.css": {"file": "assets/shared-K9x_q-LT.css", "src": "_shared-K9x_q-LT.css"},
    "logo.svg": {"file": "assets/logo-KUi-Kf8Z.svg", "src": "logo.svg"},
    "lazy.js": {"file": "assets/lazy-DBarRBqV.js", "name": "lazy", "src": "lazy.js", "isDynamicEntry": True},
    "pages/home.ts": {
        "file": "assets/home-FlIc6nNt.js",
        "name": "home",
        "src": "pages/home.ts",
        "isEntry": True,
        "imports": ["_shared-ByledO34.js"],
        "dynamicImports": ["lazy.js"],
        "css": ["assets/home-7QkZrW-m.css"],
        "assets": ["assets/logo-KUi-Kf8Z.svg"],
    },
}

PHOENIX = {
    "version": 1,
    "latest": {"css/app.css": f"css/app-{MD5}.css", "robots.txt": "robots.txt"},
    "digests": {
        f"css/app-{MD5}.css": {
            "logical_path": "css/app.css",
            "mtime": 63700000000,
            "size": 10,
            "digest": MD5,
            "sha512": "...",
        },
        f"css/app-{OLD_MD5}.css": {
            "logical_path": "css/app.css",
            "mtime": 63600000000,
            "size": 9,
            "digest": OLD_MD5,
            "sha512": "...",
        },
    },
}

SPROCKETS = {
    "files": {
        f"application-{SHA256}.js": {
            "logical_path": "application.js",
            "mtime": "2025-11-22T06:36:52+00:00",
            "size": 148,
            "digest": SHA256,
            "integrity": f"sha256-{BASE64}",
        },
        f"application-{MD5}.js": {
            "logical_path": "application.js",
            "mtime": "2024-11-22T06:36:52+00:00",
            "size": 140,
            "digest": MD5,
        },
    },
    "assets": {"application.js": f"application-{SHA256}.js"},
}

WEBPACK = {
    "main.css": "/static/css/main.254f8494.css",
    "main.js": "/static/js/main.6b8b69adc2771fb8d69f.js",
    "js/480.js": "/static/js/480.fe16af9c79a68c683b66.js",
    "logo.png": "/static/44f4ac0463c3ce7ca14b.png",
    "main.js.map": "/static/js/main.6b8b69adc2771fb8d69f.js.map",
    "index.html": "/static/index.html",
}


def write(folder: Path, name: str, document: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


# Vite


def test_vite_keys_name_their_files() -> None:
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
def test_a_vite_hash_that_reads_like_a_word_is_known_by_the_name_before_it(token: str) -> None:
    path = f"assets/main-{token}.js"
    assert path in from_vite({"src/main.ts": {"file": path, "name": "main", "src": "src/main.ts"}}, "m").files


def test_two_files_that_would_share_a_derived_name_get_none_and_stay_immutable() -> None:
    css = ["assets/index-AAAAbbb1.css", "assets/index-AAAAbbb2.css"]
    manifest = from_vite({"a.js": {"file": "a-DiwrgTda.js", "css": css}}, "m")
    assert manifest.paths == {"a.js": "a-DiwrgTda.js"}
    assert set(manifest.files) == {"a-DiwrgTda.js", *css}


def test_a_listed_file_that_is_all_fingerprint_has_no_name_and_is_immutable() -> None:
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


@pytest.mark.parametrize("key", ["../shared/a.js", "/a.js", "\0virtual:a.js", ""])
def test_a_key_outside_the_root_names_nothing_and_its_file_counts(key: str) -> None:
    manifest = from_vite({key: {"file": "assets/a-DiwrgTda.js", "src": key}}, "m")
    assert manifest.paths == {}
    assert list(manifest.files) == ["assets/a-DiwrgTda.js"]


# webpack


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


def test_a_folder_without_any_of_the_files_tells_nothing(tmp_path: Path) -> None:
    assert from_webpack(WEBPACK, "m", folder=str(tmp_path)) == from_webpack(WEBPACK, "m")


def test_folders_that_the_key_names_are_no_public_path() -> None:
    document = {"js/main.js": "/static/js/main.0123456789ab.js"}
    assert from_webpack(document, "m").paths == {"js/main.js": "js/main.0123456789ab.js"}


def test_a_key_with_the_base_path_loses_its_first_slash() -> None:
    assert from_webpack({"/main.js": "/main.0123456789ab.js"}, "m").paths == {
        "main.js": "main.0123456789ab.js"
    }


def test_values_of_webpack_assets_manifest_may_be_objects_and_entrypoints_are_passed_over() -> None:
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


def test_urls_of_other_hosts_and_pages_outside_the_root_stay_out(caplog: pytest.LogCaptureFixture) -> None:
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
    assert 'm.json: ["react.js"]: left out, since it is of another host' in caplog.text
    assert 'm.json: ["index.html"]: left out, since it leads out of the root' in caplog.text


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


# Phoenix, Propshaft, Sprockets


def test_phoenix_keeps_the_digests_of_older_releases_immutable() -> None:
    manifest = from_phoenix(PHOENIX, "m")
    assert manifest.paths == {"css/app.css": f"css/app-{MD5}.css", "robots.txt": "robots.txt"}
    assert manifest.files == {f"css/app-{MD5}.css": None, f"css/app-{OLD_MD5}.css": None}


@pytest.mark.parametrize(
    "document",
    [
        {"app.js": "app-0a1b2c3d.js", "x/LICENSE": "x/LICENSE-deadbeef", "a.txt": "a.txt"},
        {
            "app.js": {"digested_path": "app-0a1b2c3d.js", "integrity": "sha384-..."},
            "x/LICENSE": {"digested_path": "x/LICENSE-deadbeef"},
            "a.txt": {"digested_path": "a.txt", "integrity": None},
        },
    ],
)
def test_both_forms_of_propshafts_manifest_mean_the_same(document: dict[str, Any]) -> None:
    manifest = from_propshaft(document, "m")
    assert manifest.paths == {
        "app.js": "app-0a1b2c3d.js",
        "x/LICENSE": "x/LICENSE-deadbeef",
        "a.txt": "a.txt",
    }
    assert manifest.files == {"app-0a1b2c3d.js": None, "x/LICENSE-deadbeef": None}


@pytest.mark.parametrize(
    ("logical", "path", "immutable"),
    [
        ("app.js", "app-deadbeef.js", True),
        ("app.js.map", "app-0a1b2c3d.js.map", True),
        ("a-b.js", f"a-b-{SHA256}.js", True),
        ("chunk-ABCDEFG.digested.js", "chunk-ABCDEFG.digested.js", True),
        ("app.js", "app.js", False),
        ("app.js", "app-document.js", False),
        ("app.js", "other-0a1b2c3d.js", False),
        ("app.js", "app-0a1b2c3d.css", False),
        ("app.js", "app-0a1b2c.js", False),
        ("application.js", "app.js", False),
        ("app.js", "app_0a1b2c3d.js", False),
    ],
)
def test_a_name_is_held_to_the_logical_path_with_a_digest_in_it(
    logical: str, path: str, immutable: bool
) -> None:
    manifest = from_propshaft({logical: path}, "m")
    assert manifest.paths == {logical: path}
    assert (path in manifest.files) is immutable


def test_sprockets_tells_size_and_digest_and_keeps_older_files() -> None:
    manifest = from_sprockets(SPROCKETS, "m")
    assert manifest.paths == {"application.js": f"application-{SHA256}.js"}
    assert manifest.files == {f"application-{SHA256}.js": f"148 {BASE64}", f"application-{MD5}.js": None}
    record = manifest.record(f"application-{SHA256}.js")
    assert record is not None
    assert (record.size, record.sha256) == (148, BASE64)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"size": 1},
        {"integrity": f"sha256-{BASE64}"},
        {"size": 1, "integrity": "sha384-" + "A" * 64},
        {"size": 1, "integrity": "sha256-AAAA"},
        {"size": 1, "integrity": None},
    ],
)
def test_sprockets_files_without_size_and_sha256_have_neither(entry: dict[str, Any]) -> None:
    document = {"files": {f"a-{MD5}.js": {"logical_path": "a.js", **entry}}, "assets": {}}
    assert from_sprockets(document, "m").files == {f"a-{MD5}.js": None}


def test_an_asset_of_sprockets_without_a_file_entry_counts_too() -> None:
    assert from_sprockets({"files": {}, "assets": {"a.js": f"a-{MD5}.js"}}, "m").files == {
        f"a-{MD5}.js": None
    }


# Laravel Mix


@pytest.mark.parametrize(
    ("query", "encoded"),
    [
        ("id=0123&x=%20", "id=0123&x=%20"),
        ('id=1"><script>', "id=1%22%3E%3Cscript%3E"),
        ("[id]=1 %zz", "%5Bid%5D=1%20%25zz"),
        ("é\ud800", "%C3%A9?"),
        ("a\r\nb", "a%0D%0Ab"),
    ],
)
def test_a_query_is_one_when_it_is_written_into_a_page(query: str, encoded: str) -> None:
    manifest = from_mix({"/js/app.js": f"/js/app.js?{query}"}, "m")
    assert manifest.queries == {"js/app.js": encoded}
    assert Manifest.loads(manifest.dumps()).queries == manifest.queries


def test_mix_versions_files_by_their_query() -> None:
    document = {
        "/js/app.js": f"/js/app.js?id={MD5}",
        "/css/app.css": "/css/app.css",
        "/js/chunk.0a1b2c3d.js": "/js/chunk.0a1b2c3d.js?id=1",
        "/js/hot.js": "//localhost:8080/js/hot.js",
    }
    manifest = from_mix(document, "m")
    assert manifest.paths == {
        "js/app.js": "js/app.js",
        "css/app.css": "css/app.css",
        "js/chunk.0a1b2c3d.js": "js/chunk.0a1b2c3d.js",
    }
    assert manifest.queries == {"js/app.js": f"id={MD5}", "js/chunk.0a1b2c3d.js": "id=1"}
    assert manifest.files == {"js/chunk.0a1b2c3d.js": None}


# What is wrong, and where


WRONG: list[tuple[Importer, Any, str]] = [
    (from_vite, [], "top level"),
    (from_vite, {"src/main.js": "x"}, '["src/main.js"]'),
    (from_vite, {"src/main.js": {}}, '["src/main.js"].file'),
    (from_vite, {"src/main.js": {"file": ["x"]}}, '["src/main.js"].file'),
    (from_vite, {"src/main.js": {"file": "../x.js"}}, '["src/main.js"].file'),
    (from_vite, {"é": {"file": "/x.js"}}, '["é"].file'),
    (from_vite, {"a": {"file": "x.js", "name": 1}}, '["a"].name'),
    (from_vite, {"a": {"file": "x.js", "src": 1}}, '["a"].src'),
    (from_vite, {"a": {"file": "x.js", "css": "x.css"}}, '["a"].css'),
    (from_vite, {"a": {"file": "x.js", "css": ["x.css", 1]}}, '["a"].css[1]'),
    (from_vite, {"a": {"file": "x.js", "assets": ["a/../x.png"]}}, '["a"].assets[0]'),
    (from_webpack, None, "top level"),
    (from_webpack, {"a.js": 1}, '["a.js"]'),
    (from_webpack, {"a.js": {"src": 1}}, '["a.js"].src'),
    (from_webpack, {"files": {"a.js": []}}, 'files["a.js"]'),
    (from_phoenix, "", "top level"),
    (from_phoenix, {"version": 2}, "version"),
    (from_phoenix, {"version": 1}, "digests"),
    (from_phoenix, {"version": 1, "digests": {}}, "latest"),
    (from_phoenix, {"version": 1, "digests": {"a": 1}}, 'digests["a"]'),
    (from_phoenix, {"version": 1, "digests": {"a": {}}}, 'digests["a"].logical_path'),
    (from_phoenix, {"version": 1, "digests": {"../a": {"logical_path": "a"}}}, 'digests["../a"]'),
    (from_phoenix, {"version": 1, "digests": {}, "latest": {"a": "a//b"}}, 'latest["a"]'),
    (from_propshaft, 1, "top level"),
    (from_propshaft, {"a.js": 1}, '["a.js"]'),
    (from_propshaft, {"a.js": {"integrity": "x"}}, '["a.js"].digested_path'),
    (from_propshaft, {"a.js": "https://cdn.example.com/a.js"}, '["a.js"]'),
    (from_sprockets, True, "top level"),
    (from_sprockets, {"assets": {}}, "files"),
    (from_sprockets, {"files": {}}, "assets"),
    (from_sprockets, {"files": {"a": []}}, 'files["a"]'),
    (from_sprockets, {"files": {"a": {}}}, 'files["a"].logical_path'),
    (from_sprockets, {"files": {"a": {"logical_path": "a", "size": "1"}}}, 'files["a"].size'),
    (from_sprockets, {"files": {"a": {"logical_path": "a", "size": -1}}}, 'files["a"].size'),
    (from_sprockets, {"files": {"a": {"logical_path": "a", "integrity": 1}}}, 'files["a"].integrity'),
    (from_sprockets, {"files": {}, "assets": {"a": "a\0"}}, 'assets["a"]'),
    (from_mix, 1.5, "top level"),
    (from_mix, {"/a.js": {}}, '["/a.js"]'),
    (from_mix, {"/a.js": "/../a.js"}, '["/a.js"]'),
]  # fmt: skip


@pytest.mark.parametrize(("importer", "document", "location"), WRONG)
def test_an_error_names_the_file_and_the_place_in_it(
    importer: Importer, document: object, location: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        importer(document, "public/m.json")
    assert str(caught.value).startswith(f"public/m.json: {location}: ")


json_documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["a-DiwrgTda.js", "/a/b.js", "//x", "../x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "file",
                    "files",
                    "assets",
                    "src",
                    "css",
                    "digests",
                    "latest",
                    "version",
                    "/a",
                    "logical_path",
                ]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "importer", [from_mix, from_phoenix, from_propshaft, from_sprockets, from_vite, from_webpack]
)
@given(document=json_documents)
def test_any_json_gives_a_manifest_of_safe_paths_or_a_manifest_error(
    importer: Importer, document: object
) -> None:
    try:
        manifest = importer(document, "m")
    except ManifestError:
        return
    assert unsafe_path([*manifest.paths, *manifest.paths.values(), *manifest.files]) is None
    assert manifest.queries.keys() <= manifest.paths.keys()


# Recognition


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


def test_a_manifest_named_for_a_tool_is_held_to_its_form(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"assets: expected an object"):
        load_manifest(write(tmp_path, f".sprockets-manifest-{MD5}.json", {"files": {}}))


@pytest.mark.parametrize("name", ["staticfiles.json", "manifest.json"])
def test_hashserves_and_djangos_own_manifest_is_read_as_it_is(tmp_path: Path, name: str) -> None:
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
def test_a_web_app_manifest_is_told_from_a_build_manifest(tmp_path: Path, document: object) -> None:
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
def test_any_other_json_is_refused_with_the_known_formats(tmp_path: Path, document: object) -> None:
    with pytest.raises(
        ManifestError, match=r"top level: .*Vite.*Phoenix, Propshaft, Sprockets or Laravel Mix"
    ):
        load_manifest(write(tmp_path, "manifest.json", document))


def test_text_that_is_not_json_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"a":\n ]')
    with pytest.raises(ManifestError, match="line 2, column 2"):
        load_manifest(path)


@pytest.mark.parametrize("name", ["staticfiles.json", "manifest.json"])
def test_a_missing_manifest_is_an_os_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        load_manifest(tmp_path / name)


# Roots


def test_paths_start_at_the_root_above_the_manifest(tmp_path: Path) -> None:
    path = write(tmp_path, "dist/app/.vite/manifest.json", {"a.js": {"file": "assets/a-DiwrgTda.js"}})
    manifest = load_manifest(path, root=tmp_path)
    assert manifest.paths == {"dist/app/a.js": "dist/app/assets/a-DiwrgTda.js"}
    assert manifest.files == {"dist/app/assets/a-DiwrgTda.js": None}
    assert manifest.release == release_id(manifest.paths)


def test_queries_start_at_the_root_too(tmp_path: Path) -> None:
    path = write(tmp_path, "build/mix-manifest.json", {"/a.js": "/a.js?id=1"})
    assert load_manifest(path, root=tmp_path).queries == {"build/a.js": "id=1"}


def test_paths_of_a_manifest_in_the_root_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, ".vite/manifest.json", VITE)
    assert load_manifest(path, root=tmp_path) == from_vite(VITE, "m")


def test_a_manifest_outside_the_root_speaks_of_the_root(tmp_path: Path) -> None:
    path = write(tmp_path, "meta/manifest.json", {"a.js": "/x/js/a.0123456789ab.js"})
    touch(tmp_path, "static/js/a.0123456789ab.js")
    manifest = load_manifest(path, root=tmp_path / "static")
    assert manifest.paths == {"a.js": "js/a.0123456789ab.js"}


def test_webpacks_public_path_may_name_the_folder_below_the_root(tmp_path: Path) -> None:
    path = write(tmp_path, "dist/manifest.json", {"a.js": "/static/dist/js/a.0123456789ab.js"})
    touch(tmp_path, "dist/js/a.0123456789ab.js")
    assert load_manifest(path, root=tmp_path).paths == {"dist/a.js": "dist/js/a.0123456789ab.js"}


def test_a_relative_path_is_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "static/dist/.vite/manifest.json", {"a.js": {"file": "a-DiwrgTda.js"}})
    monkeypatch.chdir(tmp_path)
    manifest = load_manifest("static/dist/.vite/manifest.json", root="static")
    assert manifest.paths == {"dist/a.js": "dist/a-DiwrgTda.js"}


def test_the_module_exports_its_public_names() -> None:
    assert set(hashserve.manifest.importers.__all__) == {
        name
        for name, value in vars(hashserve.manifest.importers).items()
        if getattr(value, "__module__", "") == "hashserve.manifest.importers" and not name.startswith("_")
    }
