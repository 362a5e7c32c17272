"""What builds remember between them: compact, written whole, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashserve.builder.output.memory import Memory, proof_of

PROOF = proof_of("digest", "identity", (1, 2, 3, 4))
OTHER = proof_of("digest", "identity", (1, 2, 3, 5))


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / "memory.json"


def save(memory: Memory, location: Path) -> None:
    memory.save(str(location.parent))


def test_what_is_remembered_is_there_the_next_time_if_it_was_asked_for(location: Path) -> None:
    memory = Memory(str(location))
    for path in ("a", "b"):
        memory.add_made(path)
        memory.add_proof(path, PROOF)
    save(memory, location)
    memory = Memory(str(location))
    assert memory.is_made("a")
    assert memory.is_proven("a", PROOF)
    assert not memory.is_proven("a", OTHER)
    memory.add_proof("a", PROOF)
    save(memory, location)
    assert not Memory(str(location)).is_proven("b", PROOF)
    assert Memory(str(location)).is_made("b")


@pytest.mark.parametrize(
    "other",
    [
        proof_of("other", "identity", (1, 2, 3, 4)),
        proof_of("digest", "br", (1, 2, 3, 4)),
        *(proof_of("digest", "identity", [*range(1, n), 9, *range(n + 1, 5)]) for n in range(1, 5)),
        proof_of("digest", "identity", (12, 3, 4)),
    ],
)
def test_a_proof_is_of_one_content_in_one_coding_in_one_file(other: str) -> None:
    assert proof_of("digest", "identity", (1, 2, 3, 4)) == PROOF
    assert other != PROOF


def test_what_is_proven_in_thousands_is_all_written_and_read(location: Path) -> None:
    memory = Memory(str(location))
    paths = [f'folder/"{number}" \N{SNOWMAN}\udcff' for number in range(2500)]
    for path in paths:
        memory.add_proof(path, PROOF)
        memory.add_made(f"{path}.made")
    save(memory, location)
    memory = Memory(str(location))
    assert all(memory.is_proven(path, PROOF) and memory.is_made(path) for path in paths)
    assert all(memory.is_made(f"{path}.made") for path in paths)
    assert not any(memory.is_proven(f"{path}.made", PROOF) for path in paths)
    document = json.loads(location.read_text("utf-8"))
    assert (len(document["made"]), len(document["proven"])) == (2500, 2500), "each path is written once"


def test_what_is_forgotten_is_gone(location: Path) -> None:
    memory = Memory(str(location))
    for path in ("a", "b"):
        memory.add_made(path)
        memory.add_proof(path, PROOF)
    memory.forget(["a", "never there"])
    assert not memory.is_made("a")
    assert not memory.is_proven("a", PROOF)
    memory.forget(["b"])
    assert memory.is_empty
    save(memory, location)
    assert Memory(str(location)).is_empty


def test_what_is_not_asked_for_may_be_kept_all_the_same(location: Path) -> None:
    memory = Memory(str(location))
    memory.add_proof("a", PROOF)
    save(memory, location)
    memory = Memory(str(location))
    memory.keep_recalled()
    memory.add_proof("b", PROOF)
    save(memory, location)
    assert Memory(str(location)).is_proven("a", PROOF)


def test_a_proof_takes_the_place_of_the_one_before(location: Path) -> None:
    memory = Memory(str(location))
    memory.add_proof("a", PROOF)
    save(memory, location)
    memory = Memory(str(location))
    memory.add_proof("a", OTHER)
    assert not memory.is_proven("a", PROOF)
    save(memory, location)
    assert Memory(str(location)).is_proven("a", OTHER)


def test_a_memory_with_nothing_new_is_not_written_again(location: Path) -> None:
    memory = Memory(str(location))
    memory.add_made("a")
    memory.add_proof("b", PROOF)
    save(memory, location)
    before = location.stat()
    memory = Memory(str(location))
    memory.add_made("a")
    memory.add_made("b")
    memory.add_proof("b", PROOF)
    memory.add_proof("b", PROOF)
    save(memory, location)
    assert (location.stat().st_ino, location.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"made": [1, "a"], "proven": {}}',
        '{"made": [], "proven": 1}',
        '{"made": [], "proven": {"a": ["digest", "identity", 1, 2, 3, 4]}}',
        "\udcff",
    ],
)
def test_a_damaged_memory_is_none(location: Path, text: str) -> None:
    location.write_bytes(text.encode("utf-8", "surrogateescape"))
    memory = Memory(str(location))
    assert memory.is_empty
    memory.add_made("a")
    save(memory, location)
    assert Memory(str(location)).is_made("a")


def test_a_memory_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path / "nowhere/memory.json"))
    memory.add_made("a")
    memory.save(str(tmp_path))
    assert not (tmp_path / "nowhere").exists()
