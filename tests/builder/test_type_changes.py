"""A file where a retained release has a folder, and a folder where it has a file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from hashserve import BuildError, HashServe, SourceError
from hashserve.builder import BuildSettings, build
from hashserve.check import Level, check
from tests.support.building import RULES, contents, manifest_of, snapshot, temporaries, wrong_files
from tests.support.client import request, wrapped_application
from tests.support.files import put

TEXT = b"text that can be compressed, and is long enough for it\n" * 20

TURNS = pytest.mark.parametrize(
    ("first", "second"), [("thing", "thing/a.txt"), ("thing/a.txt", "thing"), ("thing/deep/a.txt", "thing")]
)


def source_with(tmp_path: Path, name: str, *paths: str) -> Path:
    """Make a source with these files, and one that is always there."""
    for path in ("always.txt", *paths):
        put(tmp_path / name, path, TEXT + path.encode())
    return tmp_path / name


@TURNS
def test_the_new_release_has_the_name_and_the_files_that_the_old_one_loses_are_reported(
    tmp_path: Path, out: Path, first: str, second: str
) -> None:
    build(source_with(tmp_path, "old", first), out)
    before = manifest_of(out)
    report = build(source_with(tmp_path, "new", second), out)
    after = manifest_of(out)
    assert [item.kind for item in report.findings] == ["lost"]
    assert report.findings[0].path == (first if first == "thing" else before.paths[first])
    assert (out / second).read_bytes() == TEXT + second.encode()
    assert after.paths.keys() == {"always.txt", second}
    [old] = after.releases
    kept = after.paths_of(old)
    assert kept == {path: name for path, name in before.paths.items() if name in after.files}
    assert ("thing" in kept) == (first == "thing"), "the fingerprinted form of a file is in nobody's way"
    assert not wrong_files(out)
    assert not temporaries(out)
    assert check(out).count(Level.ERROR) == 0


@TURNS
def test_the_build_after_that_writes_nothing(tmp_path: Path, out: Path, first: str, second: str) -> None:
    build(source_with(tmp_path, "old", first), out)
    new = source_with(tmp_path, "new", second)
    build(new, out)
    before = contents(out)
    assert build(new, out).written == 0
    assert contents(out) == before


@TURNS
def test_a_lost_build_state_changes_nothing(tmp_path: Path, out: Path, first: str, second: str) -> None:
    build(source_with(tmp_path, "old", first), out)
    (out / ".hashserve/state.json").unlink()
    build(source_with(tmp_path, "new", second), out)
    assert (out / second).read_bytes() == TEXT + second.encode()


@pytest.mark.parametrize(
    ("first", "second"), [("0123456789abcdef", "0123456789abcdef/a.txt"), ("a/b.txt", "a"), ("a/b", "a")]
)
def test_a_kept_file_of_the_old_release_is_moved_away_too(
    tmp_path: Path, out: Path, first: str, second: str
) -> None:
    settings = BuildSettings(already_hashed=("0123456789abcdef", "a", "a/*"))
    build(source_with(tmp_path, "old", first), out, settings)
    assert first in manifest_of(out).files
    report = build(source_with(tmp_path, "new", second), out, settings)
    assert {(item.kind, item.path) for item in report.findings} == {("lost", first)}
    assert first not in manifest_of(out).files
    assert (out / second).read_bytes() == TEXT + second.encode()
    assert not wrong_files(out)


@TURNS
def test_a_file_that_no_build_made_is_never_moved_away(
    tmp_path: Path, out: Path, first: str, second: str
) -> None:
    build(source_with(tmp_path, "old"), out)
    put(out, first, b"of somebody")
    before = snapshot(out)
    with pytest.raises(BuildError, match="no build made it; move it out of the output"):
        build(source_with(tmp_path, "new", second), out)
    assert {path: snapshot(out).get(path) for path in before} == before
    assert not temporaries(out)


def test_a_link_counts_as_made_by_no_build(tmp_path: Path, out: Path) -> None:
    build(source_with(tmp_path, "old", "thing/a.txt"), out)
    (out / "thing/link").symlink_to(tmp_path / "old", target_is_directory=True)
    with pytest.raises(BuildError, match="no build made it"):
        build(source_with(tmp_path, "new", "thing"), out)
    assert not wrong_files(out)


def test_a_file_and_a_folder_of_one_name_in_two_sources_are_refused(tmp_path: Path, out: Path) -> None:
    sources = [source_with(tmp_path, "one", "thing"), source_with(tmp_path, "two", "thing/a.txt")]
    with pytest.raises(SourceError, match="thing: is a file and a folder in the output; rename"):
        build(sources, out)


def test_a_folder_that_is_named_as_a_variant_is_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(SourceError, match=r"thing\.br: is a file and a folder"):
        build(source_with(tmp_path, "one", "thing", "thing.br/a.txt"), out)


class Killed(BaseException):
    """The process was killed, as far as the build can tell."""


def kill_after(patched: pytest.MonkeyPatch, steps: int) -> list[int]:
    """Have the build stop as if killed after so many changes of names; counts them."""
    done = [0]

    def counted(change: object) -> object:
        def changing(*arguments: object, **options: object) -> None:
            if done[0] >= steps:
                raise Killed
            done[0] += 1
            change(*arguments, **options)  # type: ignore[operator]

        return changing

    for name in ("replace", "rename", "unlink"):
        patched.setattr(os, name, counted(getattr(os, name)))
    return done


@pytest.mark.parametrize("second", ["", "/file.txt"])
def test_a_build_that_is_killed_anywhere_leaves_no_manifest_that_lists_a_delta_that_is_not_there(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    """The new release has a file, or a folder, of the very name that a delta has."""
    for number in range(3):
        put(tmp_path / "source", "a.css", b"/* %d */\n" % number + RULES)
        if number < 2:
            build(tmp_path / "source", out)
    [delta] = [delta for path in manifest_of(out).deltas or () for delta in manifest_of(out).deltas_of(path)]
    put(tmp_path / "source", delta.path + second, TEXT)
    steps = 0
    while True:
        with monkeypatch.context() as patched:
            done = kill_after(patched, steps)
            with suppress(Killed):
                build(tmp_path / "source", out)
        assert not wrong_files(out), steps
        if done[0] < steps:
            break
        steps += 1
    assert steps > 10
    assert (out / (delta.path + second)).read_bytes() == TEXT
    assert manifest_of(out).deltas
    assert not temporaries(out)


def served(out: Path, path: str) -> bytes:
    """Ask a server that starts now for a path."""
    return request(HashServe(wrapped_application, root=out, prefix="/static/"), f"/static/{path}").body


@pytest.mark.parametrize(
    ("first", "second"), [("thing", "thing/a.txt"), ("thing/a.txt", "thing"), ("a", "a/b.txt"), ("a/b", "a")]
)
def test_a_build_that_is_killed_anywhere_leaves_no_manifest_that_lists_a_missing_file(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    settings = BuildSettings(already_hashed=("a", "a/*"))
    new = source_with(tmp_path, "new", second)
    build(source_with(tmp_path, "old", first), out, settings)
    old, steps = manifest_of(out), 0
    while True:
        with monkeypatch.context() as patched:
            done = kill_after(patched, steps)
            with suppress(Killed):
                build(new, out, settings)
        assert not wrong_files(out), steps
        manifest = manifest_of(out)
        in_force_is_old = manifest.release == old.release
        if in_force_is_old and first == "thing/a.txt":
            assert manifest == old, "nothing but an unhashed name of the new release is in its way"
            assert served(out, first) == TEXT + first.encode()
        if done[0] < steps:
            break
        steps += 1
    assert not in_force_is_old
    assert steps > 10
    assert served(out, second) == TEXT + second.encode()
    assert not temporaries(out)
