"""Rules about sizes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashserve.builder import BuildSettings, build
from hashserve.check import DEFAULT_MAX_SIZES
from tests.support.files import put
from tests.support.published_folder import checked, paths_of


def test_a_file_is_too_large_if_its_smallest_variant_is(tmp_path: Path) -> None:
    put(tmp_path / "source", "small.js", b"//" + b"x" * 400_000)  # in gzip some hundred bytes
    put(tmp_path / "source", "large.js", b"//" + os.urandom(200_000).hex().encode())
    put(tmp_path / "source", "large.js.map", os.urandom(3_000_000))
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=("gzip",)))
    large = paths_of(tmp_path / "out")["large.js"]
    assert checked(tmp_path / "out", max_sizes={"script": 150_000}) == [("oversize", large)]
    assert checked(tmp_path / "out", max_sizes={"script": None}) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "document"),
        ("a.css", "style"),
        ("a.MJS", "script"),
        ("a.woff2", "font"),
        ("a.ttf", "font"),
        ("a.eot", "font"),
        ("a.svg", "image"),
        ("a.mp4", "media"),
        ("a.wasm", "other"),
        ("noextension", "other"),
    ],
)
def test_the_kind_of_a_file_follows_from_its_media_type(path: str, kind: str, tmp_path: Path) -> None:
    put(tmp_path / "source", path, b"xx")
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=()))
    assert [rule for rule, _ in checked(tmp_path / "out", max_sizes={kind: 1})] == ["oversize"]
    others = dict.fromkeys(DEFAULT_MAX_SIZES.keys() - {kind}, 1)
    assert checked(tmp_path / "out", max_sizes=others) == []
