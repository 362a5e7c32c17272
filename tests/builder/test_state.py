"""The build state: it is saved completely, and a build never fails for want of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashserve.builder.output.state import BuildState, stamp_of

STAMP = stamp_of("digest", "identity", (1, 2, 3, 4))
OTHER = stamp_of("digest", "identity", (1, 2, 3, 5))


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def save(state: BuildState, location: Path) -> None:
    state.save(str(location.parent))


def test_a_stamp_is_there_the_next_time_if_it_was_used(location: Path) -> None:
    state = BuildState(str(location))
    for path in ("a", "b"):
        state.add_built(path)
        state.add_verified(path, STAMP)
    save(state, location)
    state = BuildState(str(location))
    assert state.is_built("a")
    assert state.is_verified("a", STAMP)
    assert not state.is_verified("a", OTHER)
    state.add_verified("a", STAMP)
    save(state, location)
    assert not BuildState(str(location)).is_verified("b", STAMP)
    assert BuildState(str(location)).is_built("b")


@pytest.mark.parametrize(
    "other",
    [
        stamp_of("other", "identity", (1, 2, 3, 4)),
        stamp_of("digest", "br", (1, 2, 3, 4)),
        *(stamp_of("digest", "identity", [*range(1, n), 9, *range(n + 1, 5)]) for n in range(1, 5)),
        stamp_of("digest", "identity", (12, 3, 4)),
    ],
)
def test_a_stamp_is_that_of_one_content_in_one_coding_in_one_file(other: str) -> None:
    assert stamp_of("digest", "identity", (1, 2, 3, 4)) == STAMP
    assert other != STAMP


def test_thousands_of_stamps_are_all_written_and_read(location: Path) -> None:
    state = BuildState(str(location))
    paths = [f'folder/"{number}" \N{SNOWMAN}\udcff' for number in range(2500)]
    for path in paths:
        state.add_verified(path, STAMP)
        state.add_built(f"{path}.built")
    save(state, location)
    state = BuildState(str(location))
    assert all(state.is_verified(path, STAMP) and state.is_built(path) for path in paths)
    assert all(state.is_built(f"{path}.built") for path in paths)
    assert not any(state.is_verified(f"{path}.built", STAMP) for path in paths)
    document = json.loads(location.read_text("utf-8"))
    assert (len(document["built"]), len(document["verified"])) == (2500, 2500), "each path is written once"


def test_a_rejected_delta_is_known_for_its_contents_as_long_as_builds_ask_for_it(location: Path) -> None:
    state = BuildState(str(location))
    state.add_rejected_delta("new", "old", 300)
    save(state, location)
    state = BuildState(str(location))
    assert state.size_of_rejected_delta("new", "old") == 300
    assert state.size_of_rejected_delta("old", "new") is None
    save(state, location)
    state = BuildState(str(location))
    save(state, location)
    assert BuildState(str(location)).size_of_rejected_delta("new", "old") is None


def test_a_rejected_delta_that_nobody_asked_for_can_be_kept(location: Path) -> None:
    state = BuildState(str(location))
    state.add_rejected_delta("new", "old", 300)
    save(state, location)
    state = BuildState(str(location))
    state.keep_loaded()
    save(state, location)
    assert BuildState(str(location)).size_of_rejected_delta("new", "old") == 300


def test_a_forgotten_file_is_gone(location: Path) -> None:
    state = BuildState(str(location))
    for path in ("a", "b"):
        state.add_built(path)
        state.add_verified(path, STAMP)
    state.forget(["a", "never there"])
    assert not state.is_built("a")
    assert not state.is_verified("a", STAMP)
    state.forget(["b"])
    assert state.is_empty
    save(state, location)
    assert BuildState(str(location)).is_empty


def test_a_stamp_that_was_not_used_can_be_kept(location: Path) -> None:
    state = BuildState(str(location))
    state.add_verified("a", STAMP)
    save(state, location)
    state = BuildState(str(location))
    state.keep_loaded()
    state.add_verified("b", STAMP)
    save(state, location)
    assert BuildState(str(location)).is_verified("a", STAMP)


def test_a_new_stamp_replaces_the_old_one(location: Path) -> None:
    state = BuildState(str(location))
    state.add_verified("a", STAMP)
    save(state, location)
    state = BuildState(str(location))
    state.add_verified("a", OTHER)
    assert not state.is_verified("a", STAMP)
    save(state, location)
    assert BuildState(str(location)).is_verified("a", OTHER)


def test_a_state_without_a_change_is_not_written_again(location: Path) -> None:
    state = BuildState(str(location))
    state.add_built("a")
    state.add_verified("b", STAMP)
    save(state, location)
    before = location.stat()
    state = BuildState(str(location))
    state.add_built("a")
    state.add_built("b")
    state.add_verified("b", STAMP)
    state.add_verified("b", STAMP)
    save(state, location)
    assert (location.stat().st_ino, location.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"built": [1, "a"], "verified": {}}',
        '{"built": [], "verified": 1}',
        '{"built": [], "verified": {"a": ["digest", "identity", 1, 2, 3, 4]}}',
        '{"built": [], "verified": {}, "rejected": [1]}',
        '{"built": [], "verified": {}, "rejected": {"a": "1"}}',
        "\udcff",
    ],
)
def test_a_damaged_state_counts_as_empty(location: Path, text: str) -> None:
    location.write_bytes(text.encode("utf-8", "surrogateescape"))
    state = BuildState(str(location))
    assert state.is_empty
    state.add_built("a")
    save(state, location)
    assert BuildState(str(location)).is_built("a")


def test_the_files_of_earlier_builds_count_as_built_and_not_as_verified(location: Path) -> None:
    location.with_name("memory.json").write_text(json.dumps({"made": ["a"], "proven": {"b": STAMP}}), "utf-8")
    state = BuildState(str(location))
    assert state.is_built("a")
    assert state.is_built("b")
    assert not state.is_verified("b", STAMP)
    state.add_verified("c", STAMP)
    save(state, location)
    location.with_name("memory.json").unlink()
    assert BuildState(str(location)).is_built("b")


@pytest.mark.parametrize("text", ["{", "[]", '{"made": []}', '{"made": 1, "proven": {}}'])
def test_a_damaged_state_of_earlier_builds_counts_as_empty(location: Path, text: str) -> None:
    location.with_name("memory.json").write_text(text, "utf-8")
    assert BuildState(str(location)).is_empty


def test_a_state_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    state = BuildState(str(tmp_path / "nowhere/state.json"))
    state.add_built("a")
    state.save(str(tmp_path))
    assert not (tmp_path / "nowhere").exists()
