from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.errors import ManifestError
from hashserve.manifest.importers.mix import from_mix
from hashserve.manifest.importers.phoenix import from_phoenix
from hashserve.manifest.importers.propshaft import from_propshaft
from hashserve.manifest.importers.sprockets import from_sprockets
from hashserve.manifest.importers.vite import from_vite
from hashserve.manifest.importers.webpack import from_webpack
from hashserve.manifest.model import Manifest
from hashserve.manifest.schema import unsafe_path

Importer = Callable[[object, str], Manifest]

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
def test_any_json_is_a_manifest_of_safe_paths_or_a_manifest_error(
    importer: Importer, document: object
) -> None:
    try:
        manifest = importer(document, "m")
    except ManifestError:
        return
    assert unsafe_path([*manifest.paths, *manifest.paths.values(), *manifest.files]) is None
    assert manifest.queries.keys() <= manifest.paths.keys()


@pytest.mark.parametrize(
    ("importer", "document"),
    [
        (
            from_vite,
            {"a": {"file": ".env-0123abcd.js"}, "b": {"file": "b.js", "css": [".b/a-0123abcd.css"]}},
        ),
        (from_webpack, {".htaccess": "/.htaccess", "a.js": "/x/.git/a.0123456789abcdef.js"}),
        (from_phoenix, {"version": 1, "latest": {"a": ".a-0123456789abcdef0123456789abcdef"}, "digests": {}}),
        (from_propshaft, {".a.js": {"digested_path": ".a-0a1b2c3d.js", "integrity": "x"}}),
        (from_sprockets, {"files": {}, "assets": {"a": ".a-0123456789abcdef0123456789abcdef"}}),
        (from_mix, {"/.env": "/.env?id=0123456789abcdef0123"}),
    ],
)
def test_a_path_that_no_server_answers_for_is_left_out(importer: Importer, document: Any) -> None:
    manifest = importer(document, "manifest.json")
    assert [
        path for path in (*manifest.files, *manifest.paths.values()) if "." in path[0] or "/." in path
    ] == []
