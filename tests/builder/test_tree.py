"""Which files a source holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashserve.builder.sources.tree import source_files
from tests.support.building import few_frames
from tests.support.files import put


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


def test_well_known_is_taken_in_at_the_top_alone(tmp_path: Path) -> None:
    for path in (".well-known/security.txt", "sub/.well-known/a", ".git/config"):
        put(tmp_path, path, b"")
    assert [file.logical_path for file in source_files([str(tmp_path)])] == [".well-known/security.txt"]


def test_of_several_roots_the_first_wins_and_the_others_files_are_told_of(tmp_path: Path) -> None:
    first, second = put(tmp_path / "1", "a", b"first"), put(tmp_path / "2", "a", b"second")
    put(tmp_path / "2", "b", b"")
    told: list[tuple[str, str]] = []
    found = source_files(
        [str(tmp_path / "1"), str(tmp_path / "2")], on_skip=lambda path, reason: told.append((path, reason))
    )
    assert [file.location for file in found] == [str(first), str(tmp_path / "2/b")]
    assert told == [(str(second), f"is left out: {first} has the same path and comes first")]


def test_one_folder_linked_twice_beside_itself_is_no_loop(tmp_path: Path) -> None:
    put(tmp_path, "real/a", b"")
    (tmp_path / "link").symlink_to("real")
    assert paths(tmp_path) == ["link/a", "real/a"]


def test_a_file_that_is_named_as_the_manifest_is_left_out_and_told_of(tmp_path: Path) -> None:
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


def test_a_link_to_a_device_is_told_from_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "device").symlink_to(os.devnull)
    (tmp_path / "broken").symlink_to("nowhere")
    told: list[tuple[str, str]] = []
    assert not source_files([str(tmp_path)], on_skip=lambda path, reason: told.append((path, reason)))
    assert told == [
        (str(tmp_path / "broken"), "is left out: this link leads nowhere"),
        (str(tmp_path / "device"), "is left out: it is not a regular file"),
    ]


def test_no_depth_of_folders_takes_a_stack(tmp_path: Path) -> None:
    deep = "d/" * 300 + "a.css"
    put(tmp_path, deep, b"")
    with few_frames():
        assert paths(tmp_path) == [deep]
