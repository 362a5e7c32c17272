from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hashserve.manifest.model
from hashserve.digests import digest_of
from hashserve.errors import ManifestError
from hashserve.http.codings import CODINGS
from hashserve.manifest.model import (
    FORMAT,
    MANIFEST_NAME,
    AssetRecord,
    Manifest,
    Release,
    format_row,
    release_id,
)
from tests.support.hypothesis_profile import ANY_TEXT, QUICK
from tests.support.trees import BuiltTree

DIGEST = digest_of([b"0123456789"])
ROW = f"1234 {DIGEST} 301 402"

FULL = Manifest(
    paths={
        "css/app.css": "css/app.55e7cbb9ba48.css",
        "é ü.txt": "é ü.0123456789ab.txt",
        "robots.txt": "robots.txt",
    },
    files={
        "css/app.55e7cbb9ba48.css": ROW,
        "css/app.0a1b2c3d4e5f.css": f"0 {DIGEST} 0 0",
        "é ü.0123456789ab.txt": f"999999999999999999 {DIGEST} 1 0",
        "logo.0123456789ab": None,
    },
    codings=("br", "gzip"),
    release="0123456789ab",
    created=1_763_791_920,
    prefix="/static/",
    media_types={"é ü.0123456789ab.txt": 'text/plain; charset="utf-8"'},
    releases=(
        Release(
            id="ba9876543210",
            created=1_763_705_520,
            changed={"css/app.css": "css/app.0a1b2c3d4e5f.css", "é ü.txt": None, "old.txt": "old.txt"},
        ),
        Release(id="", created=0, changed={}),
    ),
    queries={"robots.txt": "id=0123456789ab"},
)
TEXT = FULL.dumps()


def document(**changes: Any) -> dict[str, Any]:
    """Give what `FULL` is on disk, with changes to the key ``hashserve``; ... leaves one out."""
    written: dict[str, Any] = json.loads(TEXT)
    extra = written["hashserve"] | changes
    written["hashserve"] = {key: value for key, value in extra.items() if value is not ...}
    return written


def error_of(text: bytes | str) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        Manifest.loads(text, source="build/staticfiles.json")
    assert str(caught.value).startswith("build/staticfiles.json: ")
    assert len(str(caught.value)) < 1000
    return caught.value


# Round trips


def test_a_manifest_that_was_dumped_loads_as_it_was() -> None:
    assert Manifest.loads(TEXT) == FULL


def test_a_manifest_that_was_written_loads_as_it_was(tmp_path: Path) -> None:
    FULL.write(tmp_path / MANIFEST_NAME)
    assert Manifest.load(tmp_path / MANIFEST_NAME) == FULL
    assert (tmp_path / MANIFEST_NAME).read_bytes() == TEXT.encode()


def test_an_empty_manifest_makes_the_round_trip() -> None:
    assert Manifest.loads(Manifest(paths={}, files={}).dumps()) == Manifest(paths={}, files={})


def test_another_tools_manifest_makes_the_round_trip() -> None:
    plain = Manifest.loads('{"paths": {"a.js": "a.0123456789ab.js"}, "version": "1.0"}')
    assert plain.files == {"a.0123456789ab.js": None}
    assert Manifest.loads(plain.dumps()) == plain


SAFE_SEGMENTS = st.text(
    st.characters(exclude_characters="/\\\0\r\n", exclude_categories=["Cs"]), min_size=1, max_size=6
)
SAFE_PATHS = st.lists(
    SAFE_SEGMENTS.filter(lambda segment: segment not in (".", "..")), min_size=1, max_size=3
).map("/".join)
SIZES = st.integers(0, 10**18 - 1)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    codings = tuple(draw(st.permutations(list(CODINGS))))[: draw(st.integers(0, 3))]
    paths = draw(st.dictionaries(SAFE_PATHS, SAFE_PATHS, max_size=4))
    changed = draw(st.dictionaries(SAFE_PATHS, st.none() | SAFE_PATHS, max_size=3))
    records = (
        AssetRecord(
            path=path,
            size=draw(SIZES),
            sha256=digest_of([path.encode()]),
            variants={coding: draw(SIZES) for coding in codings},
        )
        for path in dict.fromkeys([*paths.values(), *changed.values()])
        if path is not None
    )
    rows = {record.path: format_row(record, codings) for record in records}
    return Manifest(
        paths=paths,
        files={path: draw(st.sampled_from([row, None])) for path, row in rows.items()},
        codings=codings,
        release=release_id(paths),
        created=draw(st.integers(0, 10**10)),
        prefix=draw(st.none() | st.just("/") | SAFE_PATHS.map("/{}/".format)),
        media_types=dict.fromkeys(paths.values(), "text/x-any; charset=latin-1"),
        releases=tuple(
            Release(id=f"{number:012x}", created=number, changed=changed)
            for number in range(draw(st.integers(0, 2)))
        ),
    )


@QUICK
@given(manifests())
def test_any_manifest_makes_the_round_trip(manifest: Manifest) -> None:
    text = manifest.dumps()
    loaded = Manifest.loads(text.encode())
    assert loaded == manifest
    assert loaded.dumps() == text
    for path in manifest.files:
        assert loaded.record(path) == manifest.record(path)


def test_the_same_manifest_gives_the_same_bytes_whatever_its_order() -> None:
    turned = Manifest(
        **{
            **{name: getattr(FULL, name) for name in Manifest._fields},
            "paths": {path: FULL.paths[path] for path in reversed([*FULL.paths])},
            "files": {path: FULL.files[path] for path in reversed([*FULL.files])},
        }
    )
    assert turned.dumps() == TEXT


def test_the_bytes_of_a_dumped_manifest_are_compact_sorted_and_utf_8() -> None:
    manifest = Manifest(
        paths={"é.js": "é.0123456789ab.js"},
        files={"é.0123456789ab.js": f"10 {DIGEST} 0"},
        codings=("br",),
        release=release_id({"é.js": "é.0123456789ab.js"}),
        created=1,
    )
    assert manifest.dumps() == (
        f'{{"hash": "a43d8b522c07", "hashserve": {{"columns":["size","sha256","br"],"created":1,'
        f'"files":{{"é.0123456789ab.js":"10 {DIGEST} 0"}},"format":1,"media_types":{{}},"releases":[]}}, '
        f'"paths": {{"é.js":"é.0123456789ab.js"}}, "version": "1.1"}}\n'
    )


# Records


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "css/app.55e7cbb9ba48.css",
            AssetRecord(
                path="css/app.55e7cbb9ba48.css", size=1234, sha256=DIGEST, variants={"br": 301, "gzip": 402}
            ),
        ),
        (
            "é ü.0123456789ab.txt",
            AssetRecord(
                path="é ü.0123456789ab.txt",
                size=10**18 - 1,
                sha256=DIGEST,
                variants={"br": 1},
                media_type='text/plain; charset="utf-8"',
            ),
        ),
        ("css/app.0a1b2c3d4e5f.css", AssetRecord(path="css/app.0a1b2c3d4e5f.css", size=0, sha256=DIGEST)),
        ("logo.0123456789ab", AssetRecord(path="logo.0123456789ab")),
        ("robots.txt", None),
        ("css/app.css", None),
        ("", None),
    ],
)
def test_a_record_is_what_the_row_says(path: str, expected: AssetRecord | None) -> None:
    assert FULL.record(path) == expected
    assert Manifest.loads(TEXT).record(path) == expected


def test_a_row_lists_the_size_of_each_coding_or_0() -> None:
    record = AssetRecord(path="a", size=10, sha256=DIGEST, variants={"gzip": 5})
    assert format_row(record, ("br", "gzip")) == f"10 {DIGEST} 0 5"
    assert format_row(record, ()) == f"10 {DIGEST}"


def test_the_paths_of_a_retained_release_are_whole() -> None:
    assert FULL.paths_of(FULL.releases[0]) == {
        "css/app.css": "css/app.0a1b2c3d4e5f.css",
        "robots.txt": "robots.txt",
        "old.txt": "old.txt",
    }
    assert FULL.paths_of(FULL.releases[1]) == FULL.paths


# Django

DJANGO = """
import json, sys
import django
from django.conf import settings

settings.configure(STATIC_ROOT=sys.argv[1], STATIC_URL="/static/", STATICFILES_DIRS=[sys.argv[2]],
                   INSTALLED_APPS=["django.contrib.staticfiles"],
                   STORAGES={"staticfiles": {"BACKEND":
                       "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}})
django.setup()
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command

before = [*staticfiles_storage.load_manifest(), staticfiles_storage.url("css/app.css")]
if sys.argv[3:] == ["collect"]:
    call_command("collectstatic", interactive=False, verbosity=0)
print(json.dumps(before))
"""


def run_django(*arguments: str | Path) -> Any:
    command = [sys.executable, "-c", DJANGO, *map(str, arguments)]
    environ = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(command, check=True, capture_output=True, timeout=60, env=environ)
    return json.loads(done.stdout)


def test_django_reads_our_manifest_and_we_read_djangos(tmp_path: Path) -> None:
    root, source = tmp_path / "root", tmp_path / "source"
    root.mkdir()
    (source / "css").mkdir(parents=True)
    (source / "css" / "app.css").write_text("a { background: url(../é.txt) }")
    (source / "é.txt").write_text("é")
    FULL.write(root / MANIFEST_NAME)

    read = run_django(root, source, "collect")
    assert read == [dict(FULL.paths), FULL.release, "/static/css/app.55e7cbb9ba48.css"]

    theirs = Manifest.load(root / MANIFEST_NAME)
    assert theirs.paths.keys() == {"css/app.css", "é.txt"}
    assert all((root / path).is_file() for path in theirs.files)
    assert theirs.release == release_id(theirs.paths) != ""


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('{"paths": {"a.js": "a.0123456789ab.js", "b": "b"}, "version": "1.0"}', ""),
        ('{"paths": {"a.js": "a.0123456789ab.js", "b": "b"}, "version": "1.1", "hash": "f00"}', "f00"),
        ('{"paths": {"a.js": "a.0123456789ab.js", "b": "b"}, "version": "1.1", "hashserve": null}', ""),
    ],
)
def test_a_plain_django_manifest_of_either_version_loads(text: str, release: str) -> None:
    manifest = Manifest.loads(text)
    assert manifest.paths == {"a.js": "a.0123456789ab.js", "b": "b"}
    assert manifest.files == {"a.0123456789ab.js": None}, "what keeps its name is not immutable"
    assert manifest.release == release
    assert manifest.releases == ()
    assert manifest.prefix is None


def test_what_another_key_says_is_of_no_concern() -> None:
    assert Manifest.loads(json.dumps(document(later=[1]) | {"more": float("nan")})) == FULL


def test_of_a_key_that_is_there_twice_the_last_counts_as_for_django() -> None:
    text = '{"paths": {"a": "b", "a": "c"}, "version": "9", "version": "1.1"}'
    assert Manifest.loads(text).paths == json.loads(text)["paths"] == {"a": "c"}


def test_a_byte_order_mark_is_overlooked() -> None:
    assert Manifest.loads(b"\xef\xbb\xbf" + TEXT.encode()) == FULL


def test_optional_keys_may_be_left_out() -> None:
    text = json.dumps(document(media_types=..., queries=..., prefix=..., releases=...))
    manifest = Manifest.loads(text)
    assert (manifest.media_types, manifest.queries, manifest.prefix, manifest.releases) == ({}, {}, None, ())


def test_a_built_tree_has_a_manifest_that_loads(built: BuiltTree) -> None:
    assert Manifest.load(os.path.join(built.root, MANIFEST_NAME)) == built.manifest()


# Damage


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Manifest.load(tmp_path / "none.json")


def test_an_error_names_the_file_that_was_loaded(tmp_path: Path) -> None:
    path = tmp_path / "staticfiles.json"
    path.write_bytes(b"{]")
    with pytest.raises(ManifestError) as caught:
        Manifest.load(path)
    assert caught.value.path == str(path)
    assert str(caught.value).startswith(f"{path}: line 1, column 2: ")


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (b"", "line 1, column 1"),
        (b" \n ", "line 2, column 2"),
        (b"{", "line 1, column 2"),
        (b'{\n"paths": {},\n}', "line "),
        (TEXT.encode() + b"{}", "line 2, column 1"),
        (TEXT.encode().replace(b"\xc3\xa9", b"\xe9"), "byte "),  # Latin-1
        (b'{"paths": {"\xff": ""}}', "byte 12"),
        (b"\xff\xfe", "line 1"),  # the byte order mark of UTF-16, and nothing
        (b"\x80", "byte 0"),
        (b"\0" * 100, "line 1, column 1"),
        ("\ufeff{}", "line 1, column 1"),
        (b"[" * 200_000, ""),
        (b'{"a":' * 200_000, ""),
        (b'{"version": ' + b"9" * 5000 + b"}", ""),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_no_json_is_an_error_with_its_place(text: bytes | str, location: str) -> None:
    assert error_of(text).location.startswith(location)


@pytest.mark.parametrize("depth", [10, 100, 500, 900, 990, 1000, 5000])
@pytest.mark.parametrize("place", ["version", "paths", "hash", "hashserve"])
def test_deep_nesting_is_an_error_at_any_depth(depth: int, place: str) -> None:
    members = {"version": '"1.1"', "paths": "{}", place: "[" * depth + "]" * depth}
    error_of("{" + ",".join(f'"{key}":{value}' for key, value in members.items()) + "}")


OUTER_DAMAGE: list[tuple[object, str]] = [
    # what stands in the file, location
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
    ({"version": "1.1", "paths": {"a": 1}}, "paths['a']"),
    ({"version": "1.1", "paths": {"a": None}}, "paths['a']"),
    ({"version": "1.1", "paths": {"a": "b", "c": {}}}, "paths['c']"),
    ({"version": "1.1", "paths": {}, "hash": 1}, "hash"),
    ({"version": "1.1", "paths": {}, "hash": None}, "hash"),
    ({"version": "1.1", "paths": {}, "hash": "a\nb"}, "hash"),
    ({"version": "1.1", "paths": {}, "hash": "\ud800"}, "hash"),
    ({"version": "1.1", "paths": {}, "hashserve": []}, "hashserve"),
    ({"version": "1.1", "paths": {}, "hashserve": False}, "hashserve"),
    ({"version": "1.1", "paths": {}, "hashserve": {}}, "hashserve.format"),
]


@pytest.mark.parametrize(("written", "location"), OUTER_DAMAGE, ids=lambda value: repr(value)[:60])
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


@pytest.mark.parametrize("path", UNSAFE)
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
    assert error.location == f"{location}: {path!r}"


@pytest.mark.parametrize(
    "path", ["...", "..a", "a..b", "a...", ".well-known/a", ".a", " ", "é", "a%2Fb", "\x7f", "c:a"]
)
def test_a_path_that_is_only_odd_is_none_of_them(path: str) -> None:
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
        f"1 {DIGEST} 00 0",  # no size, and not 0 either
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
        yield {"files": document()["hashserve"]["files"] | {path: row}}, f"hashserve.files[{path!r}]"


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
    ({"columns": ["size", "sha256", "br"]}, "hashserve.files['"),
    ({"files": ...}, "hashserve.files"),
    ({"files": []}, "hashserve.files"),
    ({"files": {}}, "paths['css/app.css']"),
    ({"files": {"css/app.55e7cbb9ba48.css": ROW}}, "paths['é ü.txt']"),
    ({"media_types": []}, "hashserve.media_types"),
    ({"media_types": None}, "hashserve.media_types"),
    ({"media_types": {"a": 1}}, "hashserve.media_types['a']"),
    ({"media_types": {"a": ""}}, "hashserve.media_types['a']"),
    ({"media_types": {"a": "html"}}, "hashserve.media_types['a']"),
    ({"media_types": {"a": "text/html\r\nSet-Cookie: a=b"}}, "hashserve.media_types['a']"),
    ({"media_types": {"a": "text/html; charset=\u20ac"}}, "hashserve.media_types['a']"),
    ({"media_types": {"a": "text/\ud800"}}, "hashserve.media_types['a']"),
    ({"queries": []}, "hashserve.queries"),
    ({"queries": {"a": 1}}, "hashserve.queries['a']"),
    ({"queries": {"a": ""}}, "hashserve.queries['a']"),
    ({"queries": {"a": '"><script>'}}, "hashserve.queries['a']"),
    ({"queries": {"a": "%2"}}, "hashserve.queries['a']"),
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
    ({"skipped": "jpg"}, "hashserve.skipped"),
    ({"skipped": [1]}, "hashserve.skipped"),
    ({"media_types": {"\ud800": "text/css"}}, "hashserve.media_types: '\\ud800'"),
    ({"prefix": ""}, "hashserve.prefix"),
    ({"prefix": 1}, "hashserve.prefix"),
    ({"prefix": "static/"}, "hashserve.prefix"),
    ({"prefix": "/static"}, "hashserve.prefix"),
    ({"prefix": "//"}, "hashserve.prefix: ''"),
    ({"prefix": "/a//b/"}, "hashserve.prefix: 'a//b'"),
    ({"prefix": "/../"}, "hashserve.prefix: '..'"),
    ({"prefix": "/a\nb/"}, "hashserve.prefix: 'a\\nb'"),
    ({"prefix": "/\ud800/"}, "hashserve.prefix: '\\ud800'"),
    ({"releases": {}}, "hashserve.releases"),
    ({"releases": None}, "hashserve.releases"),
    ({"releases": [1]}, "hashserve.releases[0]"),
    ({"releases": [{}]}, "hashserve.releases[0].paths"),
    ({"releases": [{"paths": []}]}, "hashserve.releases[0].paths"),
    ({"releases": [{"paths": {"a": 1}}]}, "hashserve.releases[0].paths['a']"),
    ({"releases": [{"paths": {}}]}, "hashserve.releases[0].id"),
    ({"releases": [{"paths": {}, "id": None}]}, "hashserve.releases[0].id"),
    ({"releases": [{"paths": {}, "id": "\ud800"}]}, "hashserve.releases[0].id"),
    ({"releases": [{"paths": {}, "id": "a"}]}, "hashserve.releases[0].created"),
    ({"releases": [{"paths": {}, "id": "a", "created": "1"}]}, "hashserve.releases[0].created"),
    (
        {"releases": [{"paths": {"a": "a.0123456789ab"}, "id": "a", "created": 1}]},
        "hashserve.releases[0].paths['a']",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "location"), list(chain(EXTRA_DAMAGE, row_damage())), ids=lambda value: repr(value)[-60:]
)
def test_damage_inside_our_key_is_an_error_with_its_place(changes: dict[str, Any], location: str) -> None:
    error = error_of(json.dumps(document(**changes)))
    assert error.location == location or (location.endswith("['") and error.location.startswith(location))


def test_a_manifest_that_is_cut_off_anywhere_is_an_error() -> None:
    encoded = TEXT.encode()
    for length in range(len(encoded) - 1):
        error_of(encoded[:length])
    assert Manifest.loads(encoded[:-1]) == FULL  # nothing but the line's end is missing


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


def assert_usable(manifest: Manifest) -> None:
    assert Manifest.loads(manifest.dumps().encode()) == manifest
    for path in manifest.files:
        assert manifest.record(path) is not None
    for release in manifest.releases:
        manifest.paths_of(release)
    for logical, path in manifest.paths.items():
        assert path == logical or path in manifest.files


# Writing


def names_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_writing_replaces_the_manifest_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST_NAME
    Manifest(paths={}, files={}).write(path)
    FULL.write(os.fspath(path))
    assert Manifest.load(path) == FULL
    assert names_in(tmp_path) == [MANIFEST_NAME]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_a_web_servers_user_can_read_what_was_written(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        FULL.write(tmp_path / MANIFEST_NAME)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / MANIFEST_NAME).stat().st_mode) == 0o644


def test_a_manifest_that_cannot_be_encoded_leaves_the_old_one(tmp_path: Path) -> None:
    FULL.write(tmp_path / MANIFEST_NAME)
    with pytest.raises(UnicodeEncodeError):
        Manifest(paths={"\ud800": "a"}, files={}).write(tmp_path / MANIFEST_NAME)
    assert Manifest.load(tmp_path / MANIFEST_NAME) == FULL
    assert names_in(tmp_path) == [MANIFEST_NAME]


def test_a_rename_that_fails_leaves_the_old_manifest(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).mkdir()
    with pytest.raises(OSError) as caught:
        FULL.write(tmp_path / MANIFEST_NAME)
    assert caught.value.errno == errno.EISDIR
    assert names_in(tmp_path) == [MANIFEST_NAME]


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FULL.write(tmp_path / "none" / MANIFEST_NAME)


# Safe paths


@QUICK
@given(st.lists(st.sampled_from(["a", "b/c", "é", *UNSAFE]) | ANY_TEXT, max_size=5))
def test_the_first_unsafe_of_many_paths_is_found(paths: list[str]) -> None:
    expected = next((path for path in paths if not is_safe(path)), None)
    assert hashserve.manifest.model.unsafe_path(iter(paths)) == expected


def is_safe(path: str) -> bool:
    if any(character in "\0\r\n\\" or "\ud800" <= character <= "\udfff" for character in path):
        return False
    return all(segment not in ("", ".", "..") for segment in path.split("/"))


def test_what_is_no_regular_file_is_no_manifest_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        Manifest.load(tmp_path / "fifo")
    with pytest.raises(IsADirectoryError):
        Manifest.load(tmp_path)
