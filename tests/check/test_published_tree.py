"""Entries of a folder that no server sends."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from hashserve.builder import build
from hashserve.check import check
from tests.support.files import put
from tests.support.published_folder import checked, paths_of, plain_manifest


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of POSIX")
def test_a_file_that_nobody_may_read_is_unreadable_and_not_missing(out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    (out / path).chmod(0)
    assert checked(out) == [("file-unreadable", path)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of POSIX")
def test_a_variant_that_nobody_may_read_is_unreadable_and_not_missing(out: Path) -> None:
    path = paths_of(out)["css/app.css"] + ".br"
    (out / path).chmod(0)
    assert checked(out) == [("file-unreadable", path)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions of POSIX")
def test_a_folder_that_nobody_may_enter_is_unreadable(out: Path) -> None:
    folder = out / "img"
    folder.chmod(0o600 if os.geteuid() == 0 else 0)
    try:
        assert ("file-unreadable", "img/") in checked(out)
    finally:
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_listed_is_unreadable(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path == os.fspath(out / "img"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert ("file-unreadable", "img/") in checked(out)


@pytest.mark.parametrize("name", [".hashserve/temporary/.hashserve-x", "css/.hashserve-0a1b"])
def test_temporary_files_of_a_killed_build_are_reported(name: str, out: Path) -> None:
    put(out, name, b"")
    assert checked(out) == [("temporary-file", name)]


@pytest.mark.parametrize("name", [".git/config", ".env", "css/.well-known/x", "css/a\\b.css"])
def test_names_that_are_never_served_are_reported(name: str, out: Path) -> None:
    put(out, name, b"")
    place = ".git" if name.startswith(".git") else name.removesuffix("/x")
    assert checked(out) == [("never-served", place)]


@pytest.mark.parametrize("name", ["cache_manifest.json", "mix-manifest.json", "sub/mix-manifest.json"])
def test_a_source_file_with_the_name_of_a_manifest_is_an_ordinary_file(name: str, tmp_path: Path) -> None:
    put(tmp_path / "source", "a.txt", b"a")
    content = {"version": 1, "latest": {}, "digests": {}} if "cache" in name else {}
    put(tmp_path / "source", name, json.dumps(content).encode())
    build(tmp_path / "source", tmp_path / "out")
    assert check(tmp_path / "out").findings == ()
    (tmp_path / "out" / name).write_bytes(b"changed")
    assert [item.rule for item in check(tmp_path / "out").findings] == ["unhashed-differs"]


def test_another_tools_manifest_next_to_ours_is_not_reported(tmp_path: Path) -> None:
    put(tmp_path / "source", "a.txt", b"a")
    build(tmp_path / "source", tmp_path / "out")
    put(tmp_path / "out", "mix-manifest.json", b"{}")
    assert check(tmp_path / "out").findings == ()


def test_the_private_folder_may_be_absent(out: Path) -> None:
    shutil.rmtree(out / ".hashserve/temporary")
    assert checked(out) == []


def test_a_link_that_leaves_the_folder_is_an_error(out: Path, tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", b"secret")
    (out / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (out / "folder").symlink_to(tmp_path)
    assert checked(out) == [("link-outside", "folder"), ("link-outside", "secret.txt")]


def test_a_link_inside_of_the_folder_is_followed(out: Path) -> None:
    (out / "again.txt").symlink_to("robots.txt")
    assert checked(out) == [("file-unlisted", "again.txt")]


def test_a_listed_file_that_is_a_link_to_outside_is_reported_once(out: Path, tmp_path: Path) -> None:
    path = paths_of(out)["robots.txt"]
    shutil.move(out / path, tmp_path / "elsewhere.txt")
    (out / path).symlink_to(tmp_path / "elsewhere.txt")
    plain_manifest(out, {**paths_of(out), "robots.txt": path, path: path})
    assert [item for item in checked(out) if item[1] == path] == [("link-outside", path)]


def test_a_plain_file_that_is_a_link_to_outside_is_reported_once(out: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere.txt", b"")
    (out / "plain.txt").symlink_to(tmp_path / "elsewhere.txt")
    plain_manifest(out, {**paths_of(out), "plain.txt": "plain.txt"})
    assert [item for item in checked(out) if item[1] == "plain.txt"] == [("link-outside", "plain.txt")]


def test_broken_links_loops_and_pipes_are_not_files(out: Path) -> None:
    (out / "broken").symlink_to("nowhere")
    (out / "circle").symlink_to("circle")
    (out / "folder").symlink_to(".")
    os.mkfifo(out / "pipe")
    assert checked(out) == [("not-a-file", name) for name in ("broken", "circle", "folder", "pipe")]


def test_a_socket_is_not_read(out: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        previous = Path.cwd()
        os.chdir(out)  # the path of a socket is short
        try:
            server.bind("s")
        finally:
            os.chdir(previous)
        assert stat.S_ISSOCK((out / "s").stat().st_mode)
        assert checked(out) == [("not-a-file", "s")]
