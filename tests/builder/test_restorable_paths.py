"""Which paths a file of a previous release may have in the output."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.pipeline import build
from hashserve.builder.releases.restorable_paths import PathsOfOneOutput, why_not_restorable
from hashserve.errors import BuildError
from hashserve.manifest.model import Manifest
from tests.support.files import put

NFC = unicodedata.normalize("NFC", "é.0123456789ab.css")
NFD = unicodedata.normalize("NFD", "é.0123456789ab.css")


@pytest.mark.parametrize(
    "path",
    [
        "css/app.0123456789ab.css",
        "css/app.abcdefabcdef.css",  # a fingerprint without a digit is as likely as any other
        "css/app.202401011234.css",  # and so is one that looks like a date
        "name.0123456789ab",
        "archive.tar.0123456789ab.gz",
        "assets/index-DiwrgTda.js",
        "assets/index-DiwrgTda.js.map",
        "static/js/2.3c4d5e6f.chunk.js",
        "static/js/main.8f0d1a2b.js.LICENSE.txt",
        "assets/index-C4_-abcd.js",
        "assets/index-12345678.js",
        "44f4ac0463c3ce7ca14b.png",
        "zwölf boxkämpfer.0123456789ab.txt",
        ".well-known/x.0123456789ab.json",
        "/".join(["d"] * 31) + "/a.0123456789ab.css",
        NFC,
        NFD,
    ],
)
def test_a_path_with_a_fingerprint_can_be_restored(path: str) -> None:
    assert why_not_restorable(path) is None


@pytest.mark.parametrize("digest", ["md5", "sha256", "sha512"])
@pytest.mark.parametrize("length", [8, 12, 32])
def test_every_path_that_a_build_makes_can_be_restored(digest: str, length: int) -> None:
    fingerprinter = Fingerprinter(digest=digest, length=length)
    for number in range(3000):
        path = fingerprinter.name("css/app.css", [b"%d" % number])
        assert why_not_restorable(path) is None, path


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("index.html", "has no fingerprint"),
        ("robots.txt", "has no fingerprint"),
        ("sw.js", "has no fingerprint"),
        ("web.config", "has no fingerprint"),
        ("manifest.webmanifest", "has no fingerprint"),
        ("_headers", "has no fingerprint"),
        ("css/app.css.br", "has no fingerprint"),
        ("apple-touch-icon-precomposed.png", "has no fingerprint"),
        ("css/0123456789ab/app.css", "has no fingerprint"),
        ("staticfiles.json", "no server sends"),
        ("staticfiles.json.gz", "no server sends"),
        (".htaccess", "no server sends"),
        (".user.ini", "no server sends"),
        (".git/hooks/post-checkout.0123456789ab", "no server sends"),
        (".hashserve", "no server sends"),
        (".hashserve/state.0123456789ab.json", "no server sends"),
        ("a/.0123456789ab.css", "no server sends"),
        ("../a.0123456789ab.css", "not the same on every system"),  # as Windows drops dots at the end
        ("a/../../a.0123456789ab.css", "not the same on every system"),
        ("/etc/a.0123456789ab.css", "no server sends"),
        ("a//a.0123456789ab.css", "no server sends"),
        ("a%2Fa.0123456789ab.css", "no server sends"),
        ("c:a.0123456789ab.css", "not the same on every system"),
        ("a.0123456789ab.css:stream", "not the same on every system"),
        ("a\\a.0123456789ab.css", "not the same on every system"),
        ("a.0123456789ab.css.", "not the same on every system"),
        ("a.0123456789ab.css ", "not the same on every system"),
        ("a /a.0123456789ab.css", "not the same on every system"),
        ("CON.0123456789ab.css", "not the same on every system"),
        ("a/com1/a.0123456789ab.css", "not the same on every system"),
        ("nul .0123456789ab.css", "not the same on every system"),
        ("a\n.0123456789ab.css", "not the same on every system"),
        ("a\33[2J.0123456789ab.css", "not the same on every system"),
        ("a\u202e.0123456789ab.css", "not the same on every system"),
        ("a\0.0123456789ab.css", "not the same on every system"),
        ("a\udcff.0123456789ab.css", "not the same on every system"),
        ("d/" * 2100 + "a.0123456789ab.css", "longer than 1024 bytes"),
        ("d/" * 40 + "a.0123456789ab.css", "more than 32 segments"),
        ("n" * 235 + ".0123456789ab.css", "longer than 251 bytes"),
        ("é" * 130 + ".0123456789ab.css", "longer than 251 bytes"),
        ("é" * 600 + ".0123456789ab.css", "longer than 1024 bytes"),
        ("", "no server sends"),
    ],
)
def test_another_path_cannot_be_restored(path: str, problem: str) -> None:
    assert problem in (why_not_restorable(path) or "")


def test_the_longest_name_that_a_build_takes_can_be_restored(tmp_path: Path) -> None:
    name = "n" * 234 + ".css"
    put(tmp_path / "src", name, b"a {}")
    build(tmp_path / "src", tmp_path / "out")
    (path,) = Manifest.load(tmp_path / "out" / "staticfiles.json").files
    assert why_not_restorable(path) is None
    put(tmp_path / "src", "n" + name, b"a {}")
    with pytest.raises(BuildError, match="has a name of over 238 bytes"):
        build(tmp_path / "src", tmp_path / "out")


def test_a_pattern_of_the_user_says_what_is_fingerprinted_but_not_what_is_served() -> None:
    assert why_not_restorable("vendor/lib.js", ["vendor/*"]) is None
    assert why_not_restorable("vendor/.htaccess", ["vendor/*"]) is not None


@pytest.mark.parametrize(
    ("path", "conflict"),
    [
        ("css/new.0123456789ab.css", "css/new.0123456789ab.css"),
        ("CSS/NEW.0123456789AB.css", "css/new.0123456789ab.css"),
        (NFD, NFC),
        ("css/new.0123456789ab.css.br", "css/new.0123456789ab.css"),
        ("css/new.0123456789ab.css.0a1b2c3d4e5f.dcz", "css/new.0123456789ab.css"),
        ("css/new.css.0a1b2c3d4e5f.dcz", None),
        ("big.0123456789ab.js", "big.0123456789ab.js.gz"),
        ("css", "css"),
        ("css/new.0123456789ab.css/a.0123456789ab.css", "css/new.0123456789ab.css"),
        ("css/new.0123456789ab.css/a/b/a.0123456789ab.css", "css/new.0123456789ab.css"),
        ("css/old.0123456789ab.css", None),
        ("css.0123456789ab", None),
    ],
)
def test_a_path_that_would_be_another_one_on_some_system_is_not_added(
    path: str, conflict: str | None
) -> None:
    paths = PathsOfOneOutput(["css/new.0123456789ab.css", NFC, "big.0123456789ab.js.gz"])
    assert paths.add(path) == conflict
    if conflict is None:
        assert paths.add(path) == path
