"""What a build reads: names that no output or no server could do with are told of first."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from hashserve import HashServe, SourceError
from hashserve.builder import build
from hashserve.builder.output.files import OutputFiles
from hashserve.check import check
from hashserve.paths import is_servable
from tests.support.building import TEXT, contents, manifest_of, put_texts, wrong_files
from tests.support.client import APPLICATION_BODY, request, wrapped_application
from tests.support.files import put
from tests.support.parts import missing


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_texts(tmp_path / "source")


def test_names_that_differ_in_case_only_are_reported_and_published(source: Path, out: Path) -> None:
    put(source, "CSS/App.css", b"other {}")
    report = build(source, out)
    assert [finding.kind for finding in report.warnings] == ["case"]
    assert (out / "CSS/App.css").read_bytes() == b"other {}"
    assert not wrong_files(out)


def test_names_that_differ_in_case_only_are_refused_where_one_would_be_lost(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutputFiles, "folds_case", True)
    put(source, "A.txt", b"other")
    with pytest.raises(SourceError, match="cannot hold both"):
        build(source, out)


def test_names_in_both_unicode_forms_are_kept_apart_reported_and_served(tmp_path: Path, out: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.txt") for form in ("NFC", "NFD"))
    put(tmp_path / "source", composed, b"composed")
    put(tmp_path / "source", decomposed, b"decomposed")
    if len(os.listdir(tmp_path / "source")) < 2:
        missing("a file system that keeps the forms of Unicode apart")
    report = build(tmp_path / "source", out)
    assert "Unicode form" in report.warnings[0].message
    server = HashServe(wrapped_application, root=out)
    assert request(server, f"/static/{manifest_of(out).paths[composed]}").body == b"composed"
    assert request(server, f"/static/{manifest_of(out).paths[decomposed]}").body == b"decomposed"


@pytest.mark.parametrize("name", ["c:x.txt", "a%2Fb.txt", "a%5cb.txt", "C:/a.txt"])
def test_a_name_that_no_server_answers_for_is_reported_by_the_rule_of_the_check(
    source: Path, out: Path, name: str
) -> None:
    put(source, name, TEXT)
    assert [(item.kind, item.path) for item in build(source, out).warnings] == [
        ("never-served", str(source / name))
    ]
    assert not is_servable(name)
    assert "never-served" in {item.rule for item in check(out).findings}
    reply = request(HashServe(wrapped_application, root=out), f"/static/{name}".replace("%", "%25"))
    assert reply.body == APPLICATION_BODY


def test_a_name_too_long_to_be_fingerprinted_is_named_before_anything_is_written(
    source: Path, out: Path
) -> None:
    put(source, "n" * 251 + ".txt", TEXT)
    with pytest.raises(SourceError, match="has a name of over 238 bytes; shorten it"):
        build(source, out)
    assert not contents(out)


def test_the_longest_name_that_can_be_fingerprinted_is(source: Path, out: Path) -> None:
    name = "é" * 117 + ".txt"
    put(source, name, TEXT)
    build(source, out)
    assert (out / f"{manifest_of(out).paths[name]}.br").exists()
    assert not wrong_files(out)
