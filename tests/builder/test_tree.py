"""Which files a source holds, and which names are refused or reported."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from hashserve import HashServe, SourceError
from hashserve.builder import build
from hashserve.builder.output.files import OutputFiles
from hashserve.builder.sources.tree import source_files
from hashserve.check import check
from hashserve.url_paths import is_servable
from tests.support.building import TEXT, contents, few_frames, manifest_of, put_texts, wrong_files
from tests.support.client import APPLICATION_BODY, request, wrapped_application
from tests.support.files import put
from tests.support.parts import missing


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_texts(tmp_path / "source")


def paths(root: Path, *patterns: str) -> list[str]:
    return [file.logical_path for file in source_files([str(root)], ignore=patterns)]


def test_files_come_in_the_order_of_their_logical_paths(tmp_path: Path) -> None:
    for path in ("b/z", "b.txt", "a", "B", "b/a/c"):
        put(tmp_path, path, b"")
    assert paths(tmp_path) == ["B", "a", "b.txt", "b/a/c", "b/z"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.map", ["a.js", "sub/a.js"]),
        ("sub", ["a.js", "a.js.map"]),
        ("sub/", ["a.js", "a.js.map"]),
        ("sub/*", ["a.js", "a.js.map"]),
        ("sub/*.map", ["a.js", "a.js.map", "sub/a.js"]),
        ("A.JS", ["a.js", "a.js.map", "sub/a.js", "sub/a.js.map"]),
        ("[!s]*.js", ["a.js.map", "sub/a.js.map"]),
    ],
)
def test_patterns_are_of_names_or_with_a_slash_of_paths(
    tmp_path: Path, pattern: str, left: list[str]
) -> None:
    for path in ("a.js", "a.js.map", "sub/a.js", "sub/a.js.map"):
        put(tmp_path, path, b"")
    assert paths(tmp_path, pattern) == left


def test_well_known_is_read_only_at_the_top_of_a_root(tmp_path: Path) -> None:
    for path in (".well-known/security.txt", "sub/.well-known/a", ".git/config"):
        put(tmp_path, path, b"")
    assert [file.logical_path for file in source_files([str(tmp_path)])] == [".well-known/security.txt"]


def test_of_several_roots_the_first_wins_and_the_files_of_the_others_are_reported(tmp_path: Path) -> None:
    first, second = put(tmp_path / "1", "a", b"first"), put(tmp_path / "2", "a", b"second")
    put(tmp_path / "2", "b", b"")
    told: list[tuple[str, str]] = []
    found = source_files(
        [str(tmp_path / "1"), str(tmp_path / "2")], on_skip=lambda path, reason: told.append((path, reason))
    )
    assert [file.location for file in found] == [str(first), str(tmp_path / "2/b")]
    assert told == [(str(second), f"is left out: {first} has the same path and comes first")]


def test_a_link_to_a_folder_next_to_it_is_not_a_loop(tmp_path: Path) -> None:
    put(tmp_path, "real/a", b"")
    (tmp_path / "link").symlink_to("real")
    assert paths(tmp_path) == ["link/a", "real/a"]


def test_a_file_with_the_name_of_the_manifest_is_left_out_and_reported(tmp_path: Path) -> None:
    location = put(tmp_path, "staticfiles.json", b"{}")
    put(tmp_path, "sub/staticfiles.json", b"{}")
    told: list[tuple[str, str]] = []
    found = source_files([str(tmp_path)], on_skip=lambda path, reason: told.append((path, reason)))
    assert [file.logical_path for file in found] == ["sub/staticfiles.json"]
    assert told == [
        (
            str(location),
            "is left out: it has the name of the manifest that the build writes; rename it, or ignore it",
        )
    ]
    assert paths(tmp_path, "staticfiles.json") == []


def test_a_link_to_a_device_and_a_broken_link_are_reported_with_their_reasons(tmp_path: Path) -> None:
    (tmp_path / "device").symlink_to(os.devnull)
    (tmp_path / "broken").symlink_to("nowhere")
    told: list[tuple[str, str]] = []
    assert not source_files([str(tmp_path)], on_skip=lambda path, reason: told.append((path, reason)))
    assert told == [
        (str(tmp_path / "broken"), "is left out: this link leads nowhere"),
        (str(tmp_path / "device"), "is left out: it is not a regular file"),
    ]


def test_deep_folders_do_not_use_the_call_stack(tmp_path: Path) -> None:
    deep = "d/" * 300 + "a.css"
    put(tmp_path, deep, b"")
    with few_frames():
        assert paths(tmp_path) == [deep]


# Names


def test_names_that_differ_in_case_only_are_reported_and_published(source: Path, out: Path) -> None:
    put(source, "CSS/App.css", b"other {}")
    report = build(source, out)
    assert [finding.kind for finding in report.warnings] == ["case"]
    assert (out / "CSS/App.css").read_bytes() == b"other {}"
    assert not wrong_files(out)


def test_names_that_differ_in_case_only_are_refused_where_one_would_be_lost(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutputFiles, "folds_case", True)
    put(source, "A.txt", b"other")
    with pytest.raises(SourceError, match="cannot hold both"):
        build(source, out)


def test_names_in_both_unicode_forms_are_kept_apart_reported_and_served(tmp_path: Path, out: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.txt") for form in ("NFC", "NFD"))
    put(tmp_path / "source", composed, b"composed")
    put(tmp_path / "source", decomposed, b"decomposed")
    if len(os.listdir(tmp_path / "source")) < 2:
        missing("a file system that keeps the forms of Unicode apart")
    report = build(tmp_path / "source", out)
    assert "Unicode form" in report.warnings[0].message
    server = HashServe(wrapped_application, root=out)
    assert request(server, f"/static/{manifest_of(out).paths[composed]}").body == b"composed"
    assert request(server, f"/static/{manifest_of(out).paths[decomposed]}").body == b"decomposed"


@pytest.mark.parametrize("name", ["c:x.txt", "a%2Fb.txt", "a%5cb.txt", "C:/a.txt"])
def test_a_name_that_no_server_answers_for_is_reported_by_the_rule_of_the_check(
    source: Path, out: Path, name: str
) -> None:
    put(source, name, TEXT)
    assert [(item.kind, item.path) for item in build(source, out).warnings] == [
        ("never-served", str(source / name))
    ]
    assert not is_servable(name)
    assert "never-served" in {item.rule for item in check(out).findings}
    reply = request(HashServe(wrapped_application, root=out), f"/static/{name}".replace("%", "%25"))
    assert reply.body == APPLICATION_BODY


def test_a_name_too_long_to_be_fingerprinted_is_named_before_anything_is_written(
    source: Path, out: Path
) -> None:
    put(source, "n" * 251 + ".txt", TEXT)
    with pytest.raises(SourceError, match="has a name of over 238 bytes; shorten it"):
        build(source, out)
    assert not contents(out)


def test_the_longest_name_that_can_be_fingerprinted_is(source: Path, out: Path) -> None:
    name = "é" * 117 + ".txt"
    put(source, name, TEXT)
    build(source, out)
    assert (out / f"{manifest_of(out).paths[name]}.br").exists()
    assert not wrong_files(out)
