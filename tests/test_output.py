"""The output folder: files whole, names late, nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import brotli
import pytest

from hashserve import BuildError, Manifest
from hashserve.build.durability import MANY
from hashserve.build.output import BLOCK_SIZE, Output, read_chunks
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


def test_a_folder_that_a_killed_build_had_moved_away_is_swept_too(tmp_path: Path) -> None:
    put(tmp_path, ".hashserve/temporary/displaced-0/deep/x", b"of an old release")
    with Output(str(tmp_path)):
        assert not temporaries(tmp_path)


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


def test_a_variant_that_is_a_link_is_as_old_as_what_it_leads_to(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "b", B)
    with Output(str(tmp_path / "out")) as output:
        put_one(output, "a", A)
        (tmp_path / "out/a.br").symlink_to(tmp_path / "elsewhere/b")
        assert output.has("a.br", digest_of([B]), newer_than="a") is False
        os.utime(tmp_path / "out/a", (1, 1))
        assert output.has("a.br", digest_of([B]), newer_than="a")


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


def test_a_damaged_variant_with_the_old_name_is_seen_beside_a_proven_file(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        put_one(output, "a", A)
        output.put("a.br", [brotli.compress(A)], digest_of([A]), "br")
        assert output.holds("a.br", digest_of([A]), "br")
        (tmp_path / "a.br").write_bytes(brotli.compress(B))
        assert not output.holds("a.br", digest_of([A]), "br")


def test_a_file_that_is_staged_twice_is_the_later_one_and_takes_no_other_s_place(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        output.stage("a", [A], digest_of([A]))
        output.stage("a", [B], digest_of([B]))
        output.stage("b", [A], digest_of([A]))
        output.publish()
        assert contents(tmp_path) == {"a": B, "b": A}
    assert not temporaries(tmp_path)


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        put_one(output, "deep/er/a", A)
        output.remove("deep/er/a")
        assert not (tmp_path / "deep").exists()
        put_one(output, "deep/er/a", A)
    assert contents(tmp_path) == {"deep/er/a": A}


def test_hundreds_of_files_are_published_as_few_are(tmp_path: Path) -> None:
    written = {f"folder-{number}/a": b"%d" % number for number in range(MANY)}
    with Output(str(tmp_path)) as output:
        for path, content in written.items():
            put_one(output, path, content)
            output.stage(f"other-{path}", [content], digest_of([content]))
        output.publish(Manifest(paths={}, files={}))
    found = contents(tmp_path)
    assert found.pop("staticfiles.json")
    assert found == written | {f"other-{path}": content for path, content in written.items()}


@pytest.mark.parametrize("content", [b"", b"x", b"a" * BLOCK_SIZE, b"ab" * BLOCK_SIZE])
def test_a_file_is_read_in_pieces_of_a_bounded_size_and_none_is_empty(tmp_path: Path, content: bytes) -> None:
    chunks = list(read_chunks(str(put(tmp_path, "a", content))))
    assert b"".join(chunks) == content
    assert all(0 < len(chunk) <= BLOCK_SIZE for chunk in chunks)


def test_names_have_a_length_that_the_file_system_or_else_a_rule_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output(str(tmp_path))
    assert output.longest_name == os.pathconf(tmp_path, "PC_NAME_MAX")
    monkeypatch.delattr(os, "pathconf")
    assert output.longest_name == 255


def test_a_link_is_proven_anew_when_what_it_leads_to_changes(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "elsewhere", "a", A)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(elsewhere)
    with Output(str(tmp_path / "out")) as output:
        assert output.has("a", digest_of([A]))
        elsewhere.write_bytes(B)
        assert not output.has("a", digest_of([A]))


def test_a_pipe_in_the_place_of_a_file_is_replaced_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out/a")
    with Output(str(tmp_path / "out")) as output:
        put_one(output, "a", A)
    assert (tmp_path / "out/a").is_file()
    assert (tmp_path / "out/a").read_bytes() == A
