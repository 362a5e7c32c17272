from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.url_paths import decode_path, is_servable, native_string, url_of
from tests.support.hypothesis_profile import ANY_TEXT, QUICK, texts_of

SERVABLE = [
    "a",
    "a.css",
    "css/app.55e7cbb9ba48.css",
    "a b.txt",
    "é.txt",
    "a..b",
    "a./b",
    "a...",
    "a/b.",
    "100%.txt",
    "a%20b",
    "a%2eb",
    "%",
    "%2",
    "~a",
    "-",
    "ab:c",
    "a/b:c",
    "\udcff.txt",
    "a\n",
    ".well-known/security.txt",
    ".well-known/a/b",
    "a" * 100_000,
]

UNSERVABLE = [
    "",
    "/",
    "//",
    "/a",
    "a/",
    "a//b",
    "a///b",
    ".",
    "..",
    "...",
    "../a",
    "a/..",
    "a/../b",
    "a/../../b",
    "./a",
    "a/.",
    "a/./b",
    ".env",
    ".git/config",
    "a/.git/config",
    "a/.htaccess",
    "a\\b",
    "..\\a",
    "\\",
    "a\0",
    "\0",
    "a%2Fb",
    "a%2fb",
    "..%2fa",
    "a%5Cb",
    "a%5cb",
    "C:a",
    "c:/a",
    "c:\\a",
    ".well-known",
    ".well-known/",
    ".well-known//a",
    ".well-known/.a",
    ".well-known/../a",
    ".well-known/.well-known/a",
    "a/.well-known/b",
    ".well-known2/a",
    ".Well-known/a",
    "//evil.example/a",
    "../" * 30_000 + "etc/passwd",
]


@pytest.mark.parametrize("path", SERVABLE, ids=lambda path: repr(path[:40]))
def test_a_path_that_can_name_a_file_is_looked_up(path: str) -> None:
    assert is_servable(path)


@pytest.mark.parametrize("path", UNSERVABLE, ids=lambda path: repr(path[:40]))
def test_a_hidden_or_odd_path_is_never_looked_up(path: str) -> None:
    assert not is_servable(path)


ODD = texts_of("a", "/", ".", "..", "\\", "\0", "%2f", "%5C", ".well-known/", "C:", "//", "é")


@QUICK
@given(ANY_TEXT | ODD)
def test_a_path_that_is_looked_up_has_no_empty_or_hidden_segment(path: str) -> None:
    segments = path.removeprefix(".well-known/").split("/")
    is_plain = all(segment and not segment.startswith(".") for segment in segments)
    is_odd = any(part in path.lower() for part in ("\\", "\0", "%2f", "%5c"))
    has_drive = segments[0][1:2] == ":" and segments[0][0].isascii() and segments[0][0].isalpha()
    assert is_servable(path) is (is_plain and not is_odd and not has_drive)


@QUICK
@given(ODD)
def test_a_path_that_is_looked_up_lies_below_the_root(path: str) -> None:
    if is_servable(path):
        root = os.path.abspath("root")
        assert os.path.normpath(os.path.join(root, path)).startswith(os.path.join(root, ""))


@pytest.mark.parametrize(
    ("native", "text"),
    [
        ("/a.txt", "/a.txt"),
        ("/\xc3\xa9.txt", "/é.txt"),
        ("/\xe9.txt", "/\udce9.txt"),  # not UTF-8: what os.fsdecode makes of the byte
        ("/\xc0\xae\xc0\xae/", "/\udcc0\udcae\udcc0\udcae/"),  # no dots, however they are written
        ("/\xed\xa0\x80", "/\udced\udca0\udc80"),
        ("/\0", "/\0"),
        ("", ""),
        ("/\u0100", None),
        ("/\udce9", None),
        ("/\u20ac\xe9", None),
    ],
)
def test_a_native_string_is_read_as_utf_8(native: str, text: str | None) -> None:
    assert decode_path(native) == text


@QUICK
@given(st.binary(max_size=60))
def test_every_native_string_can_be_decoded_and_encoded_again(content: bytes) -> None:
    native = content.decode("latin-1")
    text = decode_path(native)
    assert text is not None
    assert native_string(text) == native
    assert text == content.decode("utf-8", "surrogateescape")


@QUICK
@given(ANY_TEXT)
def test_no_path_raises(text: str) -> None:
    decoded = decode_path(text)
    assert (decoded is None) is any(ord(character) > 0xFF for character in text)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/static/css/app.55e7cbb9ba48.css", "/static/css/app.55e7cbb9ba48.css"),
        ("/é ü.txt", "/%C3%A9%20%C3%BC.txt"),
        ("/\udce9", "/%E9"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("/100%", "/100%25"),
        ("/a%20b", "/a%2520b"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@"),  # all that RFC 3986 lets stand in a segment
        ("/[a]", "/%5Ba%5D"),
        ("/\r\n", "/%0D%0A"),
    ],
)
def test_a_path_is_percent_encoded_only_where_needed(path: str, url: str) -> None:
    assert url_of(path) == url


@QUICK
@given(st.binary(max_size=60))
def test_a_url_decodes_to_the_same_bytes_and_is_plain_ascii(content: bytes) -> None:
    url = url_of(content.decode("utf-8", "surrogateescape"))
    assert unquote_to_bytes(url) == content
    assert url.isascii()
    assert not any(character in url for character in ' \r\n\t"<>?#\\')


def test_the_name_of_a_file_on_disk_survives_the_round_trip(tmp_path: Path) -> None:
    name = b"\xff\xc3\xa9 %.txt"
    try:
        (tmp_path / os.fsdecode(name)).write_bytes(b"")
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    (text,) = os.listdir(tmp_path)
    assert decode_path(name.decode("latin-1")) == text
    assert url_of(text) == "%FF%C3%A9%20%25.txt"
