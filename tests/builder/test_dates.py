"""The modification dates of unhashed files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hashserve import HashServe
from hashserve.builder import build
from hashserve.builder.output.dates import EARLIEST_KEPT
from hashserve.check import check
from hashserve.http.dates import format_date
from tests.support.building import put_texts, snapshot
from tests.support.client import request, wrapped_application
from tests.support.files import put

OLD, OLDER = 1_500_000_000, 1_400_000_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = put_texts(tmp_path / "source")
    for path in folder.rglob("*.*"):
        os.utime(path, (OLD, OLD))
    return folder


def replace(source: Path, path: str, content: bytes, date: float) -> None:
    put(source, path, content)
    os.utime(source / path, (date, date))


def date_of(out: Path, path: str) -> int:
    return int((out / path).stat().st_mtime)


def is_of_now(out: Path, path: str) -> bool:
    return date_of(out, path) > time.time() - 3600


def status_since(out: Path, path: str, date: int) -> int:
    server = HashServe(wrapped_application, root=out)
    return request(server, f"/static/{path}", if_modified_since=format_date(date)).status


def test_an_unhashed_file_has_the_date_of_its_source_and_its_variants_are_served(
    source: Path, out: Path
) -> None:
    build(source, out)
    for path in ("a.txt", "css/app.css", "img/dot.svg"):
        assert date_of(out, path) == OLD
        assert status_since(out, path, OLD) == 304
        assert status_since(out, path, OLD - 1) == 200
    assert check(out).findings == ()
    server = HashServe(wrapped_application, root=out)
    assert request(server, "/static/a.txt", accept_encoding="br")["Content-Encoding"] == "br"


def test_a_client_has_nothing_to_load_again_after_a_build_into_an_empty_folder(
    source: Path, out: Path, tmp_path: Path
) -> None:
    build(source, out)
    build(source, tmp_path / "fresh")
    for path in ("a.txt", "css/app.css"):
        assert status_since(tmp_path / "fresh", path, date_of(out, path)) == 304


@pytest.mark.parametrize("date", [OLDER, OLD, OLD + 0.9])
def test_a_source_with_other_content_that_is_not_newer_gets_the_date_of_the_build(
    date: float, source: Path, out: Path
) -> None:
    build(source, out)
    replace(source, "a.txt", b"other text", date)
    build(source, out)
    assert is_of_now(out, "a.txt")
    assert status_since(out, "a.txt", OLD) == 200


def test_a_source_with_other_content_that_is_newer_keeps_its_date(source: Path, out: Path) -> None:
    build(source, out)
    replace(source, "a.txt", b"other text", OLD + 1)
    build(source, out)
    assert date_of(out, "a.txt") == OLD + 1


@pytest.mark.parametrize("builds", [1, 2])
def test_an_empty_folder_gets_no_date_of_a_source_that_a_known_release_has_with_other_content(
    builds: int, source: Path, out: Path, tmp_path: Path
) -> None:
    build(source, out)
    replace(source, "a.txt", b"other text", OLDER)
    for _ in range(builds):  # in the second one, only an older release has other content
        fresh = tmp_path / f"fresh-{_}"
        build(source, fresh, previous=str(out))
        out = fresh
    assert is_of_now(out, "a.txt")
    assert date_of(out, "css/app.css") == OLD


def test_a_name_that_was_rewritten_by_an_earlier_version_gets_the_date_of_the_build(
    source: Path, out: Path, tmp_path: Path
) -> None:
    build(source, out, rewrite_unhashed=True)
    assert is_of_now(out, "css/app.css")
    assert date_of(out, "a.txt") == OLD
    build(source, tmp_path / "fresh", previous=str(out))
    assert is_of_now(tmp_path / "fresh", "css/app.css")
    build(source, out)
    assert is_of_now(out, "css/app.css")


@pytest.mark.parametrize("date", [EARLIEST_KEPT - 1, 4_000_000_000])
def test_a_date_that_means_nothing_is_not_kept(date: float, source: Path, out: Path) -> None:
    os.utime(source / "a.txt", (date, date))
    build(source, out)
    assert is_of_now(out, "a.txt")
    assert date_of(out, "a.txt") <= time.time() + 60


def test_a_source_that_only_got_another_date_changes_nothing(source: Path, out: Path) -> None:
    build(source, out)
    before = snapshot(out)
    os.utime(source / "a.txt", (OLD + 9, OLD + 9))
    build(source, out)
    assert snapshot(out) == before
