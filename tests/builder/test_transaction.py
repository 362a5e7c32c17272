"""The change to the new release: paths change last and all together, or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashserve import BuildError, Manifest
from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.output.fsync import MIN_FILES_FOR_SYNCFS
from hashserve.digests import digest_of
from tests.support.building import contents, temporaries
from tests.support.files import put

A, B = b"a" * 100, b"b" * 100


def put_one(output: OutputFolder, path: str, content: bytes) -> None:
    output.put(path, [content], digest_of([content]))


def test_a_file_that_is_put_is_there_at_once_and_a_staged_one_after_publish(tmp_path: Path) -> None:
    put(tmp_path, "old", b"old")
    with open_output(str(tmp_path)) as output:
        put_one(output, "deep/er/a", A)
        output.stage("b", [B], digest_of([B]))
        output.stage_removal("old")
        output.stage_removal("never there")
        assert contents(tmp_path) == {"deep/er/a": A, "old": b"old"}
        output.publish(Manifest(paths={}, files={}))
        assert contents(tmp_path).keys() == {"deep/er/a", "b", "staticfiles.json"}
        assert output.files.holds("b", digest_of([B]))
    assert not temporaries(tmp_path)


def test_a_file_that_was_staged_and_not_published_leaves_nothing(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        output.stage("b", [B], digest_of([B]))
        assert temporaries(tmp_path)
    assert contents(tmp_path) == {}
    assert not temporaries(tmp_path)


def test_a_file_that_is_staged_twice_is_the_later_one_and_replaces_no_other(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        output.stage("a", [A], digest_of([A]))
        output.stage("a", [B], digest_of([B]))
        output.stage("b", [A], digest_of([A]))
        output.publish()
        assert contents(tmp_path) == {"a": B, "b": A}
    assert not temporaries(tmp_path)


def test_a_folder_in_the_place_of_a_variant_stays(tmp_path: Path) -> None:
    put(tmp_path, "a.br/x", b"of somebody")
    with open_output(str(tmp_path)) as output:
        output.stage_removal("a.br")
        output.publish()
    assert (tmp_path / "a.br/x").exists()


def test_a_rename_that_fails_is_reported_with_its_path(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        output.stage("a", [A], digest_of([A]))
        put(tmp_path, "a/x", b"made in the meantime")
        with pytest.raises(BuildError, match="/a: cannot be written: Is a directory"):
            output.publish()


def test_hundreds_of_files_are_published_as_few_are(tmp_path: Path) -> None:
    written = {f"folder-{number}/a": b"%d" % number for number in range(MIN_FILES_FOR_SYNCFS)}
    with open_output(str(tmp_path)) as output:
        for path, content in written.items():
            put_one(output, path, content)
            output.stage(f"other-{path}", [content], digest_of([content]))
        output.publish(Manifest(paths={}, files={}))
    found = contents(tmp_path)
    assert found.pop("staticfiles.json")
    assert found == written | {f"other-{path}": content for path, content in written.items()}


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is done to paths in the output, in order: each is put, removed or synced."""
    found: list[tuple[str, str]] = []

    def note(kind: str, location: str) -> None:
        found.append((kind, os.path.relpath(location, tmp_path)))

    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        note("sync", os.readlink(f"/proc/self/fd/{descriptor}"))
        real_fsync(descriptor)

    def noting(kind: str, change: Callable[..., None]) -> Callable[..., None]:
        def changing(*locations: Any, **options: Any) -> None:
            note(kind, locations[-1])
            change(*locations, **options)

        return changing

    monkeypatch.setattr(os, "fsync", fsync)
    for name, kind in (("replace", "put"), ("rename", "put"), ("unlink", "remove")):
        monkeypatch.setattr(os, name, noting(kind, getattr(os, name)))
    return found


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc names what is synced")
MANIFEST = ("put", "staticfiles.json")


@on_linux
def test_content_is_on_the_disk_before_a_path_changes(tmp_path: Path, events: list[tuple[str, str]]) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "folder/a", A)
        output.stage("folder/b", [B], digest_of([B]))
        del events[:]
        output.publish(Manifest(paths={}, files={}))
    synced = events[: events.index(("put", "folder/b"))]
    assert {("sync", "folder/a"), ("sync", "folder")} < set(synced)
    assert any(path.startswith(".hashserve/temporary/") for kind, path in synced if kind == "sync")


@on_linux
def test_new_names_and_removals_are_on_the_disk_before_the_manifest(
    tmp_path: Path, events: list[tuple[str, str]]
) -> None:
    put(tmp_path, "other/old", A)
    with open_output(str(tmp_path)) as output:
        output.stage("folder/b", [B], digest_of([B]))
        output.stage_removal("other/old")
        output.publish(Manifest(paths={}, files={}))
    for change, folder in ((("put", "folder/b"), "folder"), (("remove", "other/old"), "other")):
        assert ("sync", folder) in events[events.index(change) : events.index(MANIFEST)]


@on_linux
def test_a_folder_in_the_place_of_a_file_is_on_the_disk_before_the_manifest(
    tmp_path: Path, events: list[tuple[str, str]]
) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "deep/thing", A)
        output.save_state()
    with open_output(str(tmp_path)) as output:
        output.defer("deep/thing")
        put_one(output, "deep/thing/a", B)
        output.publish(Manifest(paths={}, files={}))
    assert ("sync", "deep") in events[events.index(("put", "deep/thing")) : events.index(MANIFEST)]
    assert contents(tmp_path).keys() == {"deep/thing/a", "staticfiles.json"}


@on_linux
def test_a_file_in_the_place_of_a_folder_is_put_after_the_manifest_and_then_is_on_the_disk(
    tmp_path: Path, events: list[tuple[str, str]]
) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "deep/thing/a", A)
        output.stage("deep/thing", [B], digest_of([B]))
        output.publish(Manifest(paths={}, files={}))
    last = events.index(("put", "deep/thing"))
    assert last > events.index(MANIFEST)
    assert ("sync", "deep") in events[last:]


def test_a_file_that_was_moved_away_is_not_one_that_a_build_made_any_more(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "thing/a", A)
        output.stage("thing", [B], digest_of([B]))
        output.publish(Manifest(paths={}, files={}))
        assert output.state.is_built("thing")
        assert not output.state.is_built("thing/a")
