from __future__ import annotations

import errno
import itertools
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.digests import digest_of
from hashserve.errors import ManifestError
from hashserve.http.codings import CODINGS
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import (
    AssetRecord,
    DeltaRecord,
    Manifest,
    Release,
    file_of_delta,
    format_delta_row,
    format_row,
    release_id,
)
from hashserve.manifest.schema import Unhashed
from tests.manifest.examples import DIGEST, FULL, TEXT, document, node_id
from tests.support.hypothesis_profile import QUICK
from tests.support.trees import BuiltTree

# Round trips


def test_a_dumped_manifest_loads_as_the_same_manifest() -> None:
    assert Manifest.loads(TEXT) == FULL


def test_a_written_manifest_loads_as_the_same_manifest(tmp_path: Path) -> None:
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
    files = {path: draw(st.sampled_from([row, None])) for path, row in rows.items()}
    listed = [path for path, row in files.items() if row is not None]
    return Manifest(
        paths=paths,
        files=files,
        codings=codings,
        release=release_id(paths),
        created=draw(st.integers(0, 10**10)),
        prefix=draw(st.none() | st.just("/") | SAFE_PATHS.map("/{}/".format)),
        media_types=dict.fromkeys(paths.values(), "text/x-any; charset=latin-1"),
        unhashed=draw(st.sampled_from(get_args(Unhashed))),
        skipped=draw(st.none() | st.just(()) | st.just(("jpg",))),
        unhashed_files=draw(st.none() | st.sampled_from([{}, rows])),
        leave_references=draw(st.sampled_from([(), ("vendor/*",)])),
        deltas=draw(st.none() | st.just({}) | st.just(dict(_deltas_in_turn(listed)))),
        releases=tuple(
            Release(id=f"{number:012x}", created=number, changed=changed)
            for number in range(draw(st.integers(0, 2)))
        ),
    )


def _deltas_in_turn(paths: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield a delta of each path against the next one, with any characters in its name."""
    for dictionary, path in itertools.pairwise(paths):
        yield path, [format_delta_row(1, "0-_Za", dictionary)]


@QUICK
@given(manifests())
def test_any_manifest_makes_the_round_trip(manifest: Manifest) -> None:
    text = manifest.dumps()
    loaded = Manifest.loads(text.encode())
    assert loaded == manifest
    assert loaded.dumps() == text
    for path in manifest.files:
        assert loaded.record(path) == manifest.record(path)
        assert loaded.deltas_of(path) == manifest.deltas_of(path)


def test_the_same_manifest_in_any_order_has_the_same_bytes() -> None:
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
    ids=node_id,
)
def test_a_record_states_what_its_row_states(path: str, expected: AssetRecord | None) -> None:
    assert FULL.record(path) == expected
    assert Manifest.loads(TEXT).record(path) == expected


def test_earlier_versions_find_all_that_they_know_in_a_manifest_with_deltas() -> None:
    """They leave unknown keys of ``hashserve`` alone, and refuse another format."""
    with_deltas, without = (json.loads(each.dumps()) for each in (FULL, FULL._replace(deltas=None)))
    assert with_deltas["hashserve"].pop("deltas")
    assert with_deltas == without
    assert without["hashserve"]["format"] == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("css/app.55e7cbb9ba48.css.0a1b2c3d4e5f.dcz", "css/app.55e7cbb9ba48.css"),
        ("assets/index-CqOJx3yz.js.Bx1-_oO9.dcz", "assets/index-CqOJx3yz.js"),
        ("css/app.css.dcz", "css/app"),
        ("app.dcz", None),
        ("css/app.css.a b.dcz", None),
        ("css/app.css.x/y.dcz", None),
        ("css/app.css.x.dcz.br", None),
    ],
)
def test_the_file_of_a_delta_is_in_its_name(path: str, expected: str | None) -> None:
    assert file_of_delta(path) == expected
    if expected is not None:
        token = path.removeprefix(f"{expected}.").removesuffix(".dcz")
        assert DeltaRecord(expected, token, "old.css", DIGEST, 1).path == path


def test_a_record_of_a_delta_states_its_dictionary_and_the_digest_of_that() -> None:
    new, old = "css/app.55e7cbb9ba48.css", "css/app.0a1b2c3d4e5f.css"
    (found,) = FULL.deltas_of(new)
    assert found == DeltaRecord(new, "0a1b2c3d4e5f", old, DIGEST, 225)
    assert found.path == "css/app.55e7cbb9ba48.css.0a1b2c3d4e5f.dcz"
    assert FULL.deltas_of(old) == FULL._replace(deltas=None).deltas_of(new) == []


def test_a_record_without_a_row_states_its_media_type() -> None:
    manifest = Manifest(paths={}, files={"a": None}, media_types={"a": "text/css"})
    assert manifest.record("a") == AssetRecord(path="a", media_type="text/css")


def test_a_row_with_too_few_columns_is_an_error_and_no_record() -> None:
    with pytest.raises(ValueError, match="zip"):
        Manifest(paths={}, files={"a": f"1 {DIGEST} 2"}, codings=("br", "gzip")).record("a")


def test_a_row_lists_the_size_of_each_coding_or_0() -> None:
    record = AssetRecord(path="a", size=10, sha256=DIGEST, variants={"gzip": 5})
    assert format_row(record, ("br", "gzip")) == f"10 {DIGEST} 0 5"
    assert format_row(record, ()) == f"10 {DIGEST}"


def test_the_paths_of_a_retained_release_include_unchanged_ones() -> None:
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


def test_unknown_keys_are_ignored() -> None:
    assert Manifest.loads(json.dumps(document(later=[1]) | {"more": float("nan")})) == FULL


def test_the_last_of_two_equal_keys_counts_as_for_django() -> None:
    text = '{"paths": {"a": "b", "a": "c"}, "version": "9", "version": "1.1"}'
    assert Manifest.loads(text).paths == json.loads(text)["paths"] == {"a": "c"}


def test_a_byte_order_mark_is_ignored() -> None:
    assert Manifest.loads(b"\xef\xbb\xbf" + TEXT.encode()) == FULL


def test_optional_keys_may_be_left_out() -> None:
    optional = [
        *("media_types", "queries", "prefix", "releases", "unhashed", "skipped"),
        *("unhashed_files", "leave_references"),
    ]
    manifest = Manifest.loads(json.dumps(document(**dict.fromkeys(optional, ...))))
    defaults = Manifest(paths={}, files={})
    assert [getattr(manifest, name) for name in optional] == [getattr(defaults, name) for name in optional]


def test_a_built_tree_has_a_manifest_that_loads(built: BuiltTree) -> None:
    assert Manifest.load(os.path.join(built.root, MANIFEST_NAME)) == built.manifest()


# Loading


def test_loading_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Manifest.load(tmp_path / "none.json")


def test_an_error_names_the_file_that_was_loaded(tmp_path: Path) -> None:
    path = tmp_path / "staticfiles.json"
    path.write_bytes(b"{]")
    with pytest.raises(ManifestError) as caught:
        Manifest.load(path)
    assert caught.value.path == str(path)
    assert str(caught.value).startswith(f"{path}: line 1, column 2: ")
    path.write_bytes(b"{}")
    with pytest.raises(ManifestError) as caught:
        Manifest.load(path)
    assert caught.value.path == str(path)
    with pytest.raises(ManifestError) as caught:
        Manifest.loads("{}")
    assert caught.value.path == "<manifest>"
    with pytest.raises(ManifestError) as caught:
        Manifest.of({})
    assert caught.value.path == "<manifest>"


# Writing


def names_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_writing_replaces_the_manifest_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST_NAME
    Manifest(paths={}, files={}).write(path)
    FULL.write(os.fspath(path))
    assert Manifest.load(path) == FULL
    assert names_in(tmp_path) == [MANIFEST_NAME]


def test_a_written_manifest_reaches_the_disk_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(stat.S_ISDIR(os.fstat(number).st_mode)))
    FULL.write(tmp_path / MANIFEST_NAME)
    assert synced == [False, True], "first the file, then its folder"


@pytest.mark.parametrize(("given", "mode"), [(None, 0o640), (0o644, 0o644)])
def test_a_manifest_has_the_given_mode_or_follows_the_umask(
    tmp_path: Path, given: int | None, mode: int
) -> None:
    before = os.umask(0o027)
    try:
        FULL.write(tmp_path / MANIFEST_NAME, mode=given)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / MANIFEST_NAME).stat().st_mode) == mode


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


def test_writing_into_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FULL.write(tmp_path / "none" / MANIFEST_NAME)
