"""The output folder: files whole, names late, nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashserve import BuildError, Manifest
from hashserve.build.memory import Memory
from hashserve.build.output import Output
from hashserve.build.report import BuildReport
from hashserve.digests import digest_of
from tests.building import contents, put, snapshot, temporaries

A, B = b"a" * 100, b"b" * 100


def put_one(output: Output, path: str, content: bytes) -> None:
    output.put(path, [content], digest_of([content]))


def test_what_is_put_is_there_at_once_and_what_is_staged_when_it_is_published(tmp_path: Path) -> None:
    put(tmp_path, "old", b"old")
    with Output(str(tmp_path)) as output:
        put_one(output, "deep/er/a", A)
        output.stage("b", [B], digest_of([B]))
        output.stage_removal("old")
        output.stage_removal("never there")
        assert contents(tmp_path) == {"deep/er/a": A, "old": b"old"}
        output.publish(Manifest(paths={}, files={}))
        assert contents(tmp_path).keys() == {"deep/er/a", "b", "staticfiles.json"}
        assert output.holds("b", digest_of([B]))
    assert not temporaries(tmp_path)


def test_what_was_staged_and_never_published_leaves_nothing(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        output.stage("b", [B], digest_of([B]))
        assert temporaries(tmp_path)
    assert contents(tmp_path) == {}
    assert not temporaries(tmp_path)


def test_what_a_killed_build_left_is_swept(tmp_path: Path) -> None:
    put(tmp_path, ".hashserve/temporary/.hashserve-x", b"half")
    with Output(str(tmp_path)):
        assert not temporaries(tmp_path)


def test_a_folder_among_the_temporary_files_is_named(tmp_path: Path) -> None:
    put(tmp_path, ".hashserve/temporary/folder/x", b"of somebody")
    with pytest.raises(BuildError, match="temporary/folder: cannot be written"), Output(str(tmp_path)):
        pass


def test_what_is_there_is_counted_and_not_touched(tmp_path: Path) -> None:
    report = BuildReport()
    with Output(str(tmp_path), report) as output:
        put_one(output, "a", A)
        before = snapshot(tmp_path)
        put_one(output, "a", A)
        output.stage("a", [A], digest_of([A]))
        output.publish()
    assert {path: before[path] for path in ("a",)} == {"a": snapshot(tmp_path)["a"]}
    assert (report.written, report.reused) == (1, 2)


def test_a_variant_that_is_older_than_its_source_is_written_again(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        put_one(output, "a", A)
        put_one(output, "a.br", B)
        assert output.has("a.br", digest_of([B]), newer_than="a")
        assert output.has("a.br", digest_of([B]), newer_than="gone")
        os.utime(tmp_path / "a.br", (1, 1))
        assert not output.has("a.br", digest_of([B]), newer_than="a")
        output.stage("a.br", [B], digest_of([B]), newer_than="a")
        output.publish()
        assert output.has("a.br", digest_of([B]), newer_than="a")
        output.stage("a", [B], digest_of([B]))
        assert not output.has("a.br", digest_of([B]), newer_than="a")


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "a", b"of somebody")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(tmp_path / "elsewhere/a")
    with Output(str(tmp_path / "out")) as output:
        put_one(output, "a", A)
    assert not (tmp_path / "out/a").is_symlink()
    assert (tmp_path / "elsewhere/a").read_bytes() == b"of somebody"


def test_a_folder_in_the_place_of_a_variant_stays(tmp_path: Path) -> None:
    put(tmp_path, "a.br/x", b"of somebody")
    with Output(str(tmp_path)) as output:
        output.stage_removal("a.br")
        output.publish()
    assert (tmp_path / "a.br/x").exists()


def test_a_name_that_cannot_be_given_is_a_failure_with_its_place(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        output.stage("a", [A], digest_of([A]))
        put(tmp_path, "a/x", b"made in the meantime")
        with pytest.raises(BuildError, match="/a: cannot be written: Is a directory"):
            output.publish()


def test_damage_is_seen_although_the_file_was_proven_before(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        put_one(output, "a", A)
        output.memory.save(output.temporary_folder)
    (tmp_path / "a").write_bytes(B)
    with Output(str(tmp_path)) as output:
        assert not output.holds("a", digest_of([A]))
        assert output.holds("a", digest_of([B]))
        assert output.digest("a", "br") is None
        assert output.digest("gone") is None
        assert output.size("gone") is None


def test_names_have_a_length_that_the_file_system_or_else_a_rule_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output(str(tmp_path))
    assert output.longest_name == os.pathconf(tmp_path, "PC_NAME_MAX")
    monkeypatch.delattr(os, "pathconf")
    assert output.longest_name == 255


# What is remembered

PROOF: list[object] = ["digest", "identity", 1, 2, 3, 4]


def test_what_is_remembered_is_there_the_next_time_if_it_was_asked_for(tmp_path: Path) -> None:
    location = str(tmp_path / "memory.json")
    memory = Memory(location)
    for path in ("a", "b"):
        memory.add_made(path)
        memory.add_proof(path, PROOF)
    memory.save(str(tmp_path))
    memory = Memory(location)
    assert memory.is_made("a")
    assert memory.is_proven("a", PROOF)
    assert not memory.is_proven("a", [*PROOF, 5])
    memory.add_proof("a", PROOF)
    memory.save(str(tmp_path))
    assert not Memory(location).is_proven("b", PROOF)
    assert Memory(location).is_made("b")


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path / "memory.json"))
    memory.add_made("a")
    memory.add_proof("a", PROOF)
    memory.forget(["a", "never there"])
    assert not memory.is_made("a")
    assert not memory.is_proven("a", PROOF)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"made": [1, "a"], "proven": {}}', '{"made": [], "proven": 1}', "\udcff"]
)
def test_a_damaged_memory_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    memory = Memory(str(tmp_path / "memory.json"))
    memory.add_made("a")
    memory.save(str(tmp_path))
    assert Memory(str(tmp_path / "memory.json")).is_made("a")


def test_a_memory_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path / "nowhere/memory.json"))
    memory.add_made("a")
    memory.save(str(tmp_path))
    assert not (tmp_path / "nowhere").exists()
