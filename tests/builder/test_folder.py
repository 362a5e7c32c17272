"""The output folder: files are complete, written once, and links are not followed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.report import BuildReport
from hashserve.digests import digest_of
from tests.support.building import contents, snapshot
from tests.support.files import put

A, B = b"a" * 100, b"b" * 100


def put_one(output: OutputFolder, path: str, content: bytes) -> None:
    output.put(path, [content], digest_of([content]))


def test_a_file_with_the_right_content_counts_as_reused_and_is_not_touched(tmp_path: Path) -> None:
    report = BuildReport()
    with open_output(str(tmp_path), report) as output:
        put_one(output, "a", A)
        before = snapshot(tmp_path)
        put_one(output, "a", A)
        output.stage("a", [A], digest_of([A]))
        output.publish()
    assert {path: before[path] for path in ("a",)} == {"a": snapshot(tmp_path)["a"]}
    assert (report.written, report.reused) == (1, 2)


def test_a_variant_that_is_older_than_its_source_is_written_again(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "a", A)
        put_one(output, "a.br", B)
        assert output.reuse("a.br", digest_of([B]), newer_than="a")
        assert output.reuse("a.br", digest_of([B]), newer_than="gone")
        os.utime(tmp_path / "a.br", (1, 1))
        assert not output.reuse("a.br", digest_of([B]), newer_than="a")
        output.stage("a.br", [B], digest_of([B]), newer_than="a")
        output.publish()
        assert output.reuse("a.br", digest_of([B]), newer_than="a")
        output.stage("a", [B], digest_of([B]))
        assert not output.reuse("a.br", digest_of([B]), newer_than="a")


def test_a_variant_that_is_a_link_is_as_old_as_its_target(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "b", B)
    with open_output(str(tmp_path / "out")) as output:
        put_one(output, "a", A)
        (tmp_path / "out/a.br").symlink_to(tmp_path / "elsewhere/b")
        assert output.reuse("a.br", digest_of([B]), newer_than="a") is False
        os.utime(tmp_path / "out/a", (1, 1))
        assert output.reuse("a.br", digest_of([B]), newer_than="a")


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "a", b"of somebody")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(tmp_path / "elsewhere/a")
    with open_output(str(tmp_path / "out")) as output:
        put_one(output, "a", A)
    assert not (tmp_path / "out/a").is_symlink()
    assert (tmp_path / "elsewhere/a").read_bytes() == b"of somebody"


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "deep/er/a", A)
        output.remove("deep/er/a")
        assert not (tmp_path / "deep").exists()
        put_one(output, "deep/er/a", A)
    assert contents(tmp_path) == {"deep/er/a": A}


def test_a_pipe_in_the_place_of_a_file_is_replaced_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out/a")
    with open_output(str(tmp_path / "out")) as output:
        put_one(output, "a", A)
    assert (tmp_path / "out/a").is_file()
    assert (tmp_path / "out/a").read_bytes() == A


def test_threads_can_put_at_once(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        threads = [
            threading.Thread(target=output.put, args=(f"deep/er/{number}", [b"x"], ""))
            for number in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list((tmp_path / "deep/er").iterdir())) == 40
