from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.errors import ManifestError
from hashserve.manifest.model import Manifest
from hashserve.manifest.schema import FORMAT, unsafe_path
from tests.manifest.examples import DIGEST, FULL, ROW, TEXT, assert_usable, document, error_of, node_id
from tests.support.hypothesis_profile import ANY_TEXT, QUICK

OUTER_DAMAGE: list[tuple[object, str]] = [
    # the document, location
    ([], "top level"),
    ("1.1", "top level"),
    (None, "top level"),
    (1.5, "top level"),
    (True, "top level"),
    ({}, "version"),
    ({"version": "1.2", "paths": {}}, "version"),
    ({"version": 1.1, "paths": {}}, "version"),
    ({"version": ["1.1"], "paths": {}}, "version"),
    ({"version": None, "paths": {}}, "version"),
    ({"version": "1" * 10_000, "paths": {}}, "version"),
    ({"a.js": "a.0123456789ab.js"}, "version"),
    ({"version": "1.1"}, "paths"),
    ({"version": "1.1", "paths": []}, "paths"),
    ({"version": "1.1", "paths": {"a": 1}}, 'paths["a"]'),
    ({"version": "1.1", "paths": {"a": None}}, 'paths["a"]'),
    ({"version": "1.1", "paths": {"a": "b", "c": {}}}, 'paths["c"]'),
    ({"version": "1.1", "paths": {}, "hash": 1}, "hash"),
    ({"version": "1.1", "paths": {}, "hash": None}, "hash"),
    ({"version": "1.1", "paths": {}, "hash": "a\nb"}, "hash"),
    ({"version": "1.1", "paths": {}, "hash": "\ud800"}, "hash"),
    ({"version": "1.1", "paths": {}, "hashserve": []}, "hashserve"),
    ({"version": "1.1", "paths": {}, "hashserve": False}, "hashserve"),
    ({"version": "1.1", "paths": {}, "hashserve": {}}, "hashserve.format"),
]


@pytest.mark.parametrize(("written", "location"), OUTER_DAMAGE, ids=node_id)
def test_damage_outside_our_key_is_an_error_with_its_place(written: object, location: str) -> None:
    assert error_of(json.dumps(written)).location == location


UNSAFE = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/..",
    "a/../b",
    "./a",
    "a/./b",
    "a\\b",
    "..\\a",
    "a\0",
    "a\nb",
    "\n",
    "a\r",
    "a/\n/b",
    "\ud800",
    "a/\udfff",
]


@pytest.mark.parametrize("path", UNSAFE, ids=node_id)
@pytest.mark.parametrize("place", ["logical", "path", "row", "retained logical", "retained path"])
def test_a_path_that_could_leave_the_root_is_an_error(path: str, place: str) -> None:
    written = document()
    extra = written["hashserve"]
    if place == "logical":
        written["paths"][path], location = "logo.0123456789ab", "paths"
    elif place == "path":
        written["paths"]["b"], location = path, "paths"
    elif place == "row":
        extra["files"][path], location = ROW, "hashserve.files"
    elif place == "retained logical":
        extra["releases"][0]["paths"][path], location = None, "hashserve.releases[0].paths"
    else:
        extra["releases"][1]["paths"]["b"], location = path, "hashserve.releases[1].paths"
    error = error_of(json.dumps(written))
    assert error.location == f"{location}: {json.dumps(path)}"


@pytest.mark.parametrize(
    "path",
    ["...", "..a", "a..b", "a...", ".well-known/a", ".a", " ", "é", "a%2Fb", "\x7f", "c:a"],
    ids=node_id,
)
def test_an_unusual_but_safe_path_loads(path: str) -> None:
    assert Manifest.loads(json.dumps({"version": "1.1", "paths": {path: path}})).paths == {path: path}


def row_damage() -> Iterator[tuple[dict[str, Any], str]]:
    for row in [
        "",
        " ",
        f"1234 {DIGEST}",
        f"1234 {DIGEST} 301",
        f"{ROW} 5",
        f"{ROW} ",
        f" {ROW}",
        f"{ROW}\n",
        f"{ROW}\n{ROW}",  # two rows in one
        f"-1 {DIGEST} 0 0",
        f"+1 {DIGEST} 0 0",
        f"1.5 {DIGEST} 0 0",
        f"1_0 {DIGEST} 0 0",
        f"1e3 {DIGEST} 0 0",
        f"01 {DIGEST} 0 0",
        f"1 {DIGEST} 00 0",  # neither a size nor 0
        f"NaN {DIGEST} 0 0",
        f"\u0661 {DIGEST} 0 0",
        f"{'9' * 19} {DIGEST} 0 0",
        f"{'9' * 5000} {DIGEST} 0 0",
        f"1 {DIGEST} 0 {'9' * 19}",
        f"1 {DIGEST[:-1]} 0 0",
        f"1 {DIGEST[:-1]}== 0 0",
        f"1 {DIGEST[:-2]}-= 0 0",
        f"1 {'0' * 64} 0 0",
        f"1\t{DIGEST} 0 0",
        f"1  {DIGEST} 0 0",
        1234,
        [1234, DIGEST, 301, 402],
        True,
        {},
    ]:
        path = "css/app.55e7cbb9ba48.css"
        yield {"files": document()["hashserve"]["files"] | {path: row}}, f'hashserve.files["{path}"]'


NEW, OLD = "css/app.55e7cbb9ba48.css", "css/app.0a1b2c3d4e5f.css"
DELTA = f"225 0a1b2c3d4e5f {OLD}"


def delta_damage() -> Iterator[tuple[dict[str, Any], str]]:
    for deltas in ([], "x", 1, True, [[NEW, DELTA]]):
        yield {"deltas": deltas}, "hashserve.deltas"
    for path in ("nothing.css", "../app.css", "logo.0123456789ab", "", "\ud800"):
        yield {"deltas": {path: [DELTA]}}, f"hashserve.deltas[{json.dumps(path)}]"
    for rows in (
        None,
        DELTA,
        {},
        {"0": DELTA},
        [],
        [None],
        [[225, "0a1b2c3d4e5f", OLD]],
        [DELTA, DELTA],
        [DELTA, f"226 0a1b2c3d4e5f {OLD}"],
        [DELTA, f"225 0a1b2c3d4e5g {OLD}"],  # two deltas against one dictionary
        [DELTA, "225 0a1b2c3d4e5f é ü.0123456789ab.txt"],  # two deltas with one name
        [f"225 {number} {OLD}" for number in range(17)],
        [f"225 {number} {OLD}" for number in range(100_000)],
    ):
        yield {"deltas": {NEW: rows}}, f'hashserve.deltas["{NEW}"]'
    for size in ("0", "-1", "+1", "01", "1.5", "1e3", "1_0", "\u0661", "", "9" * 19, "9" * 5000):
        yield {"deltas": {NEW: [f"{size} 0a1b2c3d4e5f {OLD}"]}}, f'hashserve.deltas["{NEW}"]'
    for token in ("", " ", ".", "..", "../x", "a/b", "a.b", "a\\b", "é", "\0", "\n", "a\nb", "a" * 129):
        yield {"deltas": {NEW: [f"225 {token} {OLD}"]}}, f'hashserve.deltas["{NEW}"]'
    for dictionary in (
        "",
        NEW,  # itself
        "css/app.css",  # an unhashed file
        "css/app.ffffffffffff.css",  # no release has it
        "logo.0123456789ab",  # its digest is not known
        f"{OLD} ",
        f" {OLD}",
        f"{OLD}\n",
        f"./{OLD}",
        f"css/../{OLD}",
        f"../{OLD}",
        f"/{OLD}",
        "/etc/passwd",
        "\ud800",
    ):
        yield {"deltas": {NEW: [f"225 0a1b2c3d4e5f {dictionary}"]}}, f'hashserve.deltas["{NEW}"]'


EXTRA_DAMAGE: list[tuple[dict[str, Any], str]] = [
    # changes to the key "hashserve", location
    ({"format": ...}, "hashserve.format"),
    ({"format": FORMAT + 1}, "hashserve.format"),
    ({"format": "1"}, "hashserve.format"),
    ({"format": float("nan")}, "hashserve.format"),
    ({"format": [[]] * 10_000}, "hashserve.format"),
    ({"columns": ...}, "hashserve.columns"),
    ({"columns": {}}, "hashserve.columns"),
    ({"columns": []}, "hashserve.columns"),
    ({"columns": ["sha256", "size"]}, "hashserve.columns"),
    ({"columns": ["size", "sha256", "deflate"]}, "hashserve.columns"),
    ({"columns": ["size", "sha256", "identity"]}, "hashserve.columns"),
    ({"columns": ["size", "sha256", "br", "br"]}, "hashserve.columns"),
    ({"columns": ["size", "sha256", ["br"]]}, "hashserve.columns"),
    ({"columns": ["size", "sha256", "x" * 10_000]}, "hashserve.columns"),
    ({"columns": ["size", "sha256", "br"]}, 'hashserve.files["css/app.0a1b2c3d4e5f.css"]'),
    ({"files": ...}, "hashserve.files"),
    ({"files": []}, "hashserve.files"),
    ({"files": {}}, "paths[\"css/app.css\"]"),
    ({"files": {"css/app.55e7cbb9ba48.css": ROW}}, "paths[\"é ü.txt\"]"),
    ({"media_types": []}, "hashserve.media_types"),
    ({"media_types": None}, "hashserve.media_types"),
    ({"media_types": {"a": 1}}, "hashserve.media_types[\"a\"]"),
    ({"media_types": {"a": ""}}, "hashserve.media_types[\"a\"]"),
    ({"media_types": {"a": "html"}}, "hashserve.media_types[\"a\"]"),
    ({"media_types": {"a": "text/html\r\nSet-Cookie: a=b"}}, "hashserve.media_types[\"a\"]"),
    ({"media_types": {"a": "text/html; charset=\u20ac"}}, "hashserve.media_types[\"a\"]"),
    ({"media_types": {"a": "text/\ud800"}}, "hashserve.media_types[\"a\"]"),
    ({"queries": []}, "hashserve.queries"),
    ({"queries": {"a": 1}}, "hashserve.queries[\"a\"]"),
    ({"queries": {"a": ""}}, "hashserve.queries[\"a\"]"),
    ({"queries": {"a": '"><script>'}}, "hashserve.queries[\"a\"]"),
    ({"queries": {"a": "%2"}}, "hashserve.queries[\"a\"]"),
    ({"created": ...}, "hashserve.created"),
    ({"created": -1}, "hashserve.created"),
    ({"created": 1.5}, "hashserve.created"),
    ({"created": True}, "hashserve.created"),
    ({"created": "1"}, "hashserve.created"),
    ({"created": float("nan")}, "hashserve.created"),
    ({"created": float("inf")}, "hashserve.created"),
    ({"created": 10**400}, "hashserve.created"),
    ({"created": 253_402_300_800}, "hashserve.created"),
    ({"unhashed": "some"}, "hashserve.unhashed"),
    ({"unhashed": []}, "hashserve.unhashed"),
    ({"unhashed_files": []}, "hashserve.unhashed_files"),
    ({"unhashed_files": {"a.js": None}}, 'hashserve.unhashed_files["a.js"]'),
    ({"unhashed_files": {"a.js": "1 2"}}, 'hashserve.unhashed_files["a.js"]'),
    ({"unhashed_files": {"../a.js": ROW}}, 'hashserve.unhashed_files: "../a.js"'),
    ({"leave_references": "*.css"}, "hashserve.leave_references"),
    ({"leave_references": ["*.css", 1]}, "hashserve.leave_references[1]"),
    ({"skipped": "jpg"}, "hashserve.skipped"),
    ({"skipped": ["jpg", 1]}, "hashserve.skipped[1]"),
    ({"skipped": ["\n"]}, "hashserve.skipped[0]"),
    ({"media_types": {"\ud800": "text/css"}}, 'hashserve.media_types: "\\ud800"'),
    ({"prefix": ""}, "hashserve.prefix"),
    ({"prefix": 1}, "hashserve.prefix"),
    ({"prefix": "static/"}, "hashserve.prefix"),
    ({"prefix": "/static"}, "hashserve.prefix"),
    ({"prefix": "//"}, 'hashserve.prefix: ""'),
    ({"prefix": "/a//b/"}, 'hashserve.prefix: "a//b"'),
    ({"prefix": "/../"}, 'hashserve.prefix: ".."'),
    ({"prefix": "/a\nb/"}, 'hashserve.prefix: "a\\nb"'),
    ({"prefix": "/\ud800/"}, 'hashserve.prefix: "\\ud800"'),
    ({"releases": {}}, "hashserve.releases"),
    ({"releases": None}, "hashserve.releases"),
    ({"releases": [1]}, "hashserve.releases[0]"),
    ({"releases": [{}]}, "hashserve.releases[0].paths"),
    ({"releases": [{"paths": []}]}, "hashserve.releases[0].paths"),
    ({"releases": [{"paths": {"a": 1}}]}, "hashserve.releases[0].paths[\"a\"]"),
    ({"releases": [{"paths": {}}]}, "hashserve.releases[0].id"),
    ({"releases": [{"paths": {}, "id": None}]}, "hashserve.releases[0].id"),
    ({"releases": [{"paths": {}, "id": "\ud800"}]}, "hashserve.releases[0].id"),
    ({"releases": [{"paths": {}, "id": "a"}]}, "hashserve.releases[0].created"),
    ({"releases": [{"paths": {}, "id": "a", "created": "1"}]}, "hashserve.releases[0].created"),
    (
        {"releases": [{"paths": {"a": "a.0123456789ab"}, "id": "a", "created": 1}]},
        "hashserve.releases[0].paths[\"a\"]",
    ),
]  # fmt: skip
ALL_DAMAGE = [*EXTRA_DAMAGE, *row_damage(), *delta_damage()]


@pytest.mark.parametrize(("changes", "location"), ALL_DAMAGE, ids=node_id)
def test_damage_inside_our_key_is_an_error_with_its_place(changes: dict[str, Any], location: str) -> None:
    assert error_of(json.dumps(document(**changes))).location == location


def test_a_manifest_that_is_cut_off_anywhere_is_an_error() -> None:
    encoded = TEXT.encode()
    for length in range(len(encoded) - 1):
        error_of(encoded[:length])
    assert Manifest.loads(encoded[:-1]) == FULL  # only the end of the line is missing


@QUICK
@given(st.data())
def test_any_damage_to_the_bytes_is_a_manifest_error_or_leaves_a_usable_manifest(data: st.DataObject) -> None:
    encoded = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(encoded)))
        encoded[start : start + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b'"', b",", b"{", b"0", b"null", b"\\ud800", b"NaN", b"\xff", b"\n"])
        )
    try:
        manifest = Manifest.loads(bytes(encoded))
    except ManifestError:
        return
    assert_usable(manifest)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
JSON = st.recursive(
    LEAVES | st.sampled_from([ROW, "1.1", "a", "a/b"]),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(ANY_TEXT | st.just("a"), some, max_size=3),
    max_leaves=6,
)


@QUICK
@given(value=JSON, key=st.sampled_from([*document(), *document()["hashserve"]]))
def test_any_json_in_any_place_is_a_manifest_error_or_a_usable_manifest(value: object, key: str) -> None:
    written = document()
    place = written if key in written else written["hashserve"]
    place[key] = value
    for item in (value, written):
        try:
            manifest = Manifest.loads(json.dumps(item))
        except ManifestError:
            continue
        assert_usable(manifest)


# Safe paths


@QUICK
@given(st.lists(st.sampled_from(["a", "b/c", "é", *UNSAFE]) | ANY_TEXT, max_size=5))
def test_the_first_unsafe_of_many_paths_is_found(paths: list[str]) -> None:
    expected = next((path for path in paths if not is_safe(path)), None)
    assert unsafe_path(iter(paths)) == expected


def is_safe(path: str) -> bool:
    if any(character in "\0\r\n\\" or "\ud800" <= character <= "\udfff" for character in path):
        return False
    return all(segment not in ("", ".", "..") for segment in path.split("/"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"columns": ["size", "sha256", "x"]}, 'expected content codings (br, gzip, zstd), found "x"'),
        ({"columns": ["size", "sha256", "br", "br"]}, 'expected each content coding once, found "br" twice'),
        ({"created": "1"}, 'expected whole seconds since 1970, found "1"'),
        ({"unhashed": ["none"]}, 'expected one of "rewritten", "original", "none", found a list'),
        ({"media_types": {"a": None}}, "expected a media type, found nothing"),
        ({"media_types": {"a": "html"}}, 'expected a media type, found "html"'),
        ({"queries": {"a": "é"}}, 'expected a query string, found "é"'),
        ({"queries": []}, "expected an object, found a list"),
        ({"releases": {}}, "expected a list, found an object"),
        ({"releases": [{"paths": {"a": 1}}]}, "expected a string, found 1"),
        ({"releases": [{"paths": {}, "id": 5}]}, "expected printable text, found 5"),
        ({"prefix": "static"}, 'expected a path that starts and ends with /, found "static"'),
        ({"prefix": "/../"}, "is not a relative path inside the root"),
        ({"skipped": "jpg"}, 'expected a list, found "jpg"'),
        ({"columns": {}}, 'expected a list that starts with "size", "sha256"'),
        ({"files": {}}, '"css/app.55e7cbb9ba48.css" has no row in hashserve.files'),
        (
            {"files": {"a": "1"}},
            'expected "SIZE SHA256 SIZE-OF-BR SIZE-OF-GZIP", found "1"',
        ),
        (
            {"format": 2},
            "expected 1, found 2; if a newer hashserve wrote this file, install that version here",
        ),
    ],
)
def test_an_error_says_what_was_expected_and_what_was_found(changes: dict[str, Any], problem: str) -> None:
    assert error_of(json.dumps(document(**changes))).problem == problem


def test_a_file_that_is_no_manifest_is_an_error_that_says_what_to_do() -> None:
    assert str(error_of("{}")) == (
        'build/staticfiles.json: version: expected "1.0" or "1.1", found nothing; '
        "check that hashserve or Django wrote this file, and build again"
    )
    assert error_of('{"version": "2"}').problem.startswith('expected "1.0" or "1.1", found "2"; ')
