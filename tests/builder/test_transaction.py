"""The change to the next release: names late, all together, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import BuildError, Manifest
from hashserve.builder.output.fsync import MIN_FILES_FOR_SYNCFS
from hashserve.builder.output.writer import Output
from hashserve.digests import digest_of
from tests.support.building import contents, put, temporaries

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


def test_a_file_that_is_staged_twice_is_the_later_one_and_takes_no_other_s_place(tmp_path: Path) -> None:
    with Output(str(tmp_path)) as output:
        output.stage("a", [A], digest_of([A]))
        output.stage("a", [B], digest_of([B]))
        output.stage("b", [A], digest_of([A]))
        output.publish()
        assert contents(tmp_path) == {"a": B, "b": A}
    assert not temporaries(tmp_path)


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


def test_hundreds_of_files_are_published_as_few_are(tmp_path: Path) -> None:
    written = {f"folder-{number}/a": b"%d" % number for number in range(MIN_FILES_FOR_SYNCFS)}
    with Output(str(tmp_path)) as output:
        for path, content in written.items():
            put_one(output, path, content)
            output.stage(f"other-{path}", [content], digest_of([content]))
        output.publish(Manifest(paths={}, files={}))
    found = contents(tmp_path)
    assert found.pop("staticfiles.json")
    assert found == written | {f"other-{path}": content for path, content in written.items()}
