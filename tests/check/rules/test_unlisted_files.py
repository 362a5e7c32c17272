"""Rules about files that no release lists."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path

import pytest

from hashserve.check import check
from tests.support.files import put
from tests.support.published_folder import checked, found, publish_css


def test_a_file_that_no_release_lists_is_reported(out: Path) -> None:
    put(out, "notes.html", b"<p>")
    assert checked(out) == [("file-unlisted", "notes.html")]


def test_an_unlisted_file_is_reported_with_the_file_that_refers_to_it(out: Path) -> None:
    put(out, "css/plain.png", b"png")
    name = publish_css(out, b"a { background: url(plain.png) }\n")
    report = check(out)
    assert ("file-unlisted", "css/plain.png") in found(report)
    assert any(name in item.message for item in report.findings if item.rule == "file-unlisted")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("img/dot.0123456789ab.svg", b"of a release that was dropped"),
        ("img/dot.0123456789ab.svg.br", b"a variant whose file is gone"),
        (f"gone.{md5(b'x').hexdigest()[:12]}.css", b"x"),
    ],
)
def test_a_fingerprinted_file_that_no_release_lists_is_a_leftover(
    name: str, content: bytes, out: Path
) -> None:
    put(out, name, content)
    assert checked(out) == [("leftover", name)]


@pytest.mark.parametrize("name", ["gone.0123456789ab.css", "gone-0123456789ab.css", "0123456789abcdef01.png"])
def test_a_name_that_only_looks_fingerprinted_makes_no_leftover(name: str, out: Path) -> None:
    put(out, name, b"of another tool")
    assert checked(out) == [("file-unlisted", name)]


@pytest.mark.parametrize("name", ["css/app.css~", "backup.BAK", "download.part"])
def test_copies_that_were_left_behind_are_reported(name: str, out: Path) -> None:
    put(out, name, b"")
    assert checked(out) == [("temporary-file", name)]
