"""The files in the output: verified by their content, whatever their names and their age."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import brotli
import pytest

from hashserve.builder.output.files import OutputFiles
from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.output.state import BuildState
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS
from tests.support.files import put

A, B = b"a" * 100, b"b" * 100


def put_one(output: OutputFolder, path: str, content: bytes) -> None:
    output.put(path, [content], digest_of([content]))


def test_damage_is_seen_although_the_file_was_verified_before(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "a", A)
        output.save_state()
    (tmp_path / "a").write_bytes(B)
    with open_output(str(tmp_path)) as output:
        assert not output.files.holds("a", digest_of([A]))
        assert output.files.holds("a", digest_of([B]))
        assert output.files.digest("a", "br") is None
        assert output.files.digest("gone") is None
        assert output.files.size("gone") is None


def test_a_damaged_variant_is_seen_next_to_a_verified_file(tmp_path: Path) -> None:
    with open_output(str(tmp_path)) as output:
        put_one(output, "a", A)
        output.put("a.br", [brotli.compress(A)], digest_of([A]), "br")
        assert output.files.holds("a.br", digest_of([A]), "br")
        (tmp_path / "a.br").write_bytes(brotli.compress(B))
        assert not output.files.holds("a.br", digest_of([A]), "br")


def test_a_link_is_verified_again_when_its_target_changes(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "elsewhere", "a", A)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(elsewhere)
    with open_output(str(tmp_path / "out")) as output:
        assert output.reuse("a", digest_of([A]))
        elsewhere.write_bytes(B)
        assert not output.reuse("a", digest_of([A]))


def test_the_longest_name_comes_from_the_file_system_or_is_255_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_output(str(tmp_path)) as output:
        assert output.files.longest_name == os.pathconf(tmp_path, "PC_NAME_MAX")
        monkeypatch.delattr(os, "pathconf")
        assert output.files.longest_name == 255


def test_a_file_that_is_unchanged_since_it_was_verified_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(files: OutputFiles, path: str, coding: str) -> None:
        raise AssertionError(path)

    with open_output(str(tmp_path)) as output:
        put_one(output, "a", A)
        monkeypatch.setattr(OutputFiles, "digest", digest)
        assert output.files.holds("a", digest_of([A]))


@pytest.mark.parametrize("coding", ["br", "gzip", "zstd"])
def test_a_variant_that_decodes_to_more_than_its_file_is_not_decoded_whole(
    tmp_path: Path, coding: str
) -> None:
    steps = 0

    def decode(chunks: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal steps
        while steps < 1000:
            steps += 1
            yield b"x" * 100

    output = OutputFiles(str(tmp_path), BuildState(str(tmp_path / "state.json")))
    put(tmp_path, "a.css", b"x" * 250)
    put(tmp_path, f"a.css{CODINGS[coding].suffix}", b"a bomb")
    with pytest.MonkeyPatch.context() as patch:
        replaced = CODINGS[coding]._replace(decode=decode)
        patch.setattr("hashserve.http.codings.CODINGS", {**CODINGS, coding: replaced})
        assert not output.holds(f"a.css{CODINGS[coding].suffix}", digest_of([b"x" * 250]), coding)
    assert steps == 3


def test_a_variant_without_its_file_is_not_decoded(tmp_path: Path) -> None:
    output = OutputFiles(str(tmp_path), BuildState(str(tmp_path / "state.json")))
    put(tmp_path, "a.css.br", brotli.compress(A))
    assert not output.holds("a.css.br", digest_of([A]), "br")
    put(tmp_path, "a.css", A)
    assert output.holds("a.css.br", digest_of([A]), "br")
