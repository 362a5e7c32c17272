"""The walk through a tree of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashserve.file_tree import walk_folders
from tests.support.building import few_frames
from tests.support.files import put


def paths(root: Path, *, follow_links: bool = False) -> list[str]:
    found = walk_folders(str(root), follow_links=follow_links)
    return [path + entry.name for path, entries in found for entry in entries]


def test_folders_come_before_their_content_in_the_order_of_names(tmp_path: Path) -> None:
    for path in ("b/z", "a/y/x", "c", "a/b"):
        put(tmp_path, path, b"")
    assert paths(tmp_path) == ["a", "b", "c", "a/b", "a/y", "a/y/x", "b/z"]


def test_a_folder_that_is_removed_from_the_entries_is_left_out(tmp_path: Path) -> None:
    for path in ("a/x", "b/y"):
        put(tmp_path, path, b"")
    found = []
    for path, entries in walk_folders(str(tmp_path)):
        entries[:] = [entry for entry in entries if entry.name != "a"]
        found += [path + entry.name for entry in entries]
    assert found == ["b", "b/y"]


def test_links_to_folders_are_followed_only_if_wanted(tmp_path: Path) -> None:
    put(tmp_path, "real/a", b"")
    (tmp_path / "link").symlink_to("real")
    assert paths(tmp_path) == ["link", "real", "real/a"]
    assert paths(tmp_path, follow_links=True) == ["link", "real", "link/a", "real/a"]


def test_a_link_back_to_a_folder_around_it_is_reported_and_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "sub/a", b"")
    (tmp_path / "sub/back").symlink_to("..")
    (tmp_path / "itself").symlink_to("itself")
    loops: list[str] = []
    found = [path for path, _ in walk_folders(str(tmp_path), follow_links=True, on_loop=loops.append)]
    assert (found, loops) == (["", "sub/"], [str(tmp_path / "sub/back")])


def test_an_unreadable_folder_is_reported_and_the_walk_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("a/x", "b/y"):
        put(tmp_path, path, b"")
    scandir, errors = os.scandir, list[OSError]()

    def refusing(location: str) -> object:
        if location.endswith("a"):
            raise PermissionError(13, "Permission denied", location)
        return scandir(location)

    monkeypatch.setattr(os, "scandir", refusing)
    found = [path for path, _ in walk_folders(str(tmp_path), on_error=errors.append)]
    assert found == ["", "b/"]
    assert [error.filename for error in errors] == [str(tmp_path / "a")]


def test_deep_folders_do_not_use_the_call_stack(tmp_path: Path) -> None:
    put(tmp_path, "d/" * 300 + "a", b"")
    with few_frames():
        assert paths(tmp_path)[-1] == "d/" * 300 + "a"
