from __future__ import annotations

from typing import SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hashserve.fingerprint_patterns
from hashserve.fingerprint_patterns import fingerprint_of, looks_fingerprinted, without_fingerprint

MD5 = "5d41402abc4b2a76b9719d911017c592"
SHA256 = "98e1338739274255c5701c94dcc13188bae0cba885e8b5f6596ce13e01a802ed"

FINGERPRINTED = [
    # path, token, path without it
    ("css/app.55e7cbb9ba48.css", "55e7cbb9ba48", "css/app.css"),  # Django
    (f"app-{MD5}.js", MD5, "app.js"),  # Phoenix
    (f"a/b/main-{SHA256}.js", SHA256, "a/b/main.js"),  # Sprockets
    ("icons/star-6a7b8c9d.svg", "6a7b8c9d", "icons/star.svg"),  # Propshaft
    ("js/main.6b8b69adc2771fb8d69f.js", "6b8b69adc2771fb8d69f", "js/main.js"),  # webpack
    ("index-DiwrgTda.js", "DiwrgTda", "index.js"),  # Vite
    ("assets/main-DR-PG0Cu.js", "DR-PG0Cu", "assets/main.js"),
    ("assets/lazy-g5LquLqN.js", "g5LquLqN", "assets/lazy.js"),
    ("assets/logo-KUi-Kf8Z.png", "KUi-Kf8Z", "assets/logo.png"),
    ("assets/x-_a-B____.js", "_a-B____", "assets/x.js"),
    ("assets/x-b7x0qk2m.js", "b7x0qk2m", "assets/x.js"),
    ("chunk-5QJ6K3LP.js", "5QJ6K3LP", "chunk.js"),  # esbuild
    ("js/360.c9ebbf45.chunk.js", "c9ebbf45", "js/360.chunk.js"),  # Create React App
    ("js/360.c9ebbf45.chunk.js.map", "c9ebbf45", "js/360.chunk.js.map"),
    ("name.0123456789ab", "0123456789ab", "name"),
    ("name-0123456789ab", "0123456789ab", "name"),
    ("app.55e7cbb9ba48.js.map", "55e7cbb9ba48", "app.js.map"),
    ("app.55e7cbb9ba48.css.map", "55e7cbb9ba48", "app.css.map"),
    ("index-DiwrgTda.js.map", "DiwrgTda", "index.js.map"),
    ("data-0a1b2c3d.tar.gz", "0a1b2c3d", "data.tar.gz"),
    ("app.55e7cbb9ba48.js.br", "55e7cbb9ba48", "app.js.br"),
    ("jquery.min.0a1b2c3d.js", "0a1b2c3d", "jquery.min.js"),
    ("my.site/app.0a1b2c3d.js", "0a1b2c3d", "my.site/app.js"),
    ("app.a1b2c3d4.b1b2c3d4.js", "b1b2c3d4", "app.a1b2c3d4.js"),
    ("app.12345678.js", "12345678", "app.js"),  # no date: the 34th of no month
    ("größe.0a1b2c3d.css", "0a1b2c3d", "größe.css"),
    ("font-0a1b2c3d.woff2", "0a1b2c3d", "font.woff2"),
    ("a/" * 500 + "app.0a1b2c3d.js", "0a1b2c3d", "a/" * 500 + "app.js"),
    (f"a-{'0a' * 32}.{'x' * 16}.map", "0a" * 32, f"a.{'x' * 16}.map"),
]

NOT_FINGERPRINTED = [
    "",
    "/",
    ".",
    "-",
    "app.js",
    "index.html",
    "my-document.js",
    "assets/my-document.js",
    "jquery-facade.js",
    "jquery.facade12.min.js",
    "x-deadbeef.js",  # a word
    "x.0a1b2c3.js",  # seven digits
    f"x.{'0a' * 33}.js",  # 66 digits
    "x.0A1B2C3D.css",  # upper case
    "x_0a1b2c3d.css",
    "x-0a1b2c3d.min.css",  # not last
    "0a1b2c3d/app.js",  # a folder's name
    "jquery.202401011200.js",  # a minute
    "report-20240112.pdf",
    "backup-20240112235959.tar.gz",
    "images/app-icon-128.png",
    "react-jquery32.js",
    "app-sidemenu.js",
    "app-Document.js",
    "app-README_1.js",
    "bootstrap-grid-v2a.css",
    "name-DiwrgTda",  # only hexadecimal without an extension
    "index.DiwrgTda.js",
    "index-DiwrgTd.js",
    "indexDiwrgTda.js",
    ".0123456789ab",
    "a/-0123456789ab.js",
    "0a1b2c3d.png",  # too short to be all of a name
    "0123456789ab.js",
    "1234567890123456.png",  # a number
    "deadbeefdeadbeef.png",
    "app.0a1b2c3d.",
    "app.0a1b2c3d.js/",
    f"app.0a1b2c3d.{'x' * 17}",
]


@pytest.mark.parametrize(("path", "token", "logical"), FINGERPRINTED)
def test_a_fingerprinted_name_gives_its_token_and_its_logical_path(
    path: str, token: str, logical: str
) -> None:
    assert looks_fingerprinted(path)
    assert fingerprint_of(path) == token
    assert without_fingerprint(path) == logical


@pytest.mark.parametrize("path", NOT_FINGERPRINTED)
def test_an_ordinary_name_has_no_fingerprint(path: str) -> None:
    assert not looks_fingerprinted(path)
    assert fingerprint_of(path) is None
    assert without_fingerprint(path) is None


@pytest.mark.parametrize("path", ["44f4ac0463c3ce7ca14b.png", f"images/{MD5}.svg"])
def test_a_name_that_is_only_a_fingerprint_has_no_logical_path(path: str) -> None:
    assert looks_fingerprinted(path)
    assert without_fingerprint(path) is None


@given(st.text())
def test_no_string_raises(path: str) -> None:
    assert looks_fingerprinted(path) is (fingerprint_of(path) is not None)
    logical = without_fingerprint(path)
    assert logical is None or len(logical) < len(path)


@given(st.text(alphabet="0a.-/Ab\n\ud800", max_size=200))
def test_no_string_of_separators_and_digits_raises(path: str) -> None:
    token = fingerprint_of(path)
    assert token is None or token in path


@given(
    stem=st.from_regex(r"[a-z]{1,20}(/[a-z]{1,20}){0,3}", fullmatch=True),
    token=st.from_regex(r"[0-9][a-f][0-9a-f]{6,62}", fullmatch=True),
    separator=st.sampled_from(".-"),
    extension=st.sampled_from(["", ".js", ".css", ".js.map", ".css.map", ".tar.gz", ".woff2"]),
)
def test_removing_a_token_restores_the_name_before_it_was_inserted(
    stem: str, token: str, separator: str, extension: str
) -> None:
    path = f"{stem}{separator}{token}{extension}"
    assert fingerprint_of(path) == token
    assert without_fingerprint(path) == stem + extension


class CountedPath(str):
    """A path that notes how many characters each slice of it has."""

    __slots__ = ("read",)

    read: list[int]

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        part = super().__getitem__(key)
        self.read.append(len(part))
        return part


@pytest.mark.parametrize("unit", ["-", ".", "a", "0", "-0a1b2c3d", ".0a1b2c3d", "-DiwrgTda", "-A0", "/", "é"])
def test_only_the_last_128_characters_of_a_long_path_are_read(unit: str) -> None:
    path = CountedPath(unit * 1_000_000)
    path.read = []
    looks_fingerprinted(path)
    assert path.read == [128]


def test_the_module_exports_its_public_names() -> None:
    assert hashserve.fingerprint_patterns.__all__ == [
        "fingerprint_of",
        "looks_fingerprinted",
        "without_fingerprint",
    ]
