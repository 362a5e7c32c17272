from __future__ import annotations

import mimetypes

import pytest
from hypothesis import given

from hashserve.http.media_types import MediaTypes
from tests.support.hypothesis_profile import ANY_TEXT, QUICK


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("css/app.55e7cbb9ba48.css", "text/css; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("app.cjs", "text/javascript; charset=utf-8"),
        ("app.js.map", "application/json"),
        ("index.html", "text/html; charset=utf-8"),
        ("notes.txt", "text/plain; charset=utf-8"),
        ("notes.md", "text/markdown; charset=utf-8"),
        ("site.webmanifest", "application/manifest+json"),
        ("table.json", "application/json"),
        ("logo.svg", "image/svg+xml"),
        ("photo.avif", "image/avif"),
        ("photo.webp", "image/webp"),
        ("favicon.ico", "image/x-icon"),
        ("font.woff2", "font/woff2"),
        ("font.ttf", "font/ttf"),
        ("module.wasm", "application/wasm"),
        (".well-known/apple-app-site-association", "application/pkc7-mime"),
        ("crossdomain.xml", "text/x-cross-domain-policy; charset=utf-8"),
        ("PHOTO.PNG", "image/png"),
        ("css.d/unknown", "application/octet-stream"),
        ("unknown.extension", "application/octet-stream"),
        ("archive.css.gz", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_a_name_has_its_media_type(path: str, expected: str) -> None:
    assert MediaTypes().content_type(path) == expected


@pytest.mark.parametrize(
    ("extra", "path", "expected"),
    [
        ({".foo": "application/x-foo"}, "a.foo", "application/x-foo"),
        ({".foo": "application/x-foo"}, "A.FOO", "application/x-foo"),
        ({".FOO": "application/x-foo"}, "a.foo", "application/x-foo"),
        ({".foo": "text/x-foo"}, "a.foo", "text/x-foo; charset=latin-1"),
        ({".foo": "text/x-foo; charset=koi8-r"}, "a.foo", "text/x-foo; charset=koi8-r"),
        ({".foo": "text/x-foo; Charset=koi8-r"}, "a.foo", "text/x-foo; Charset=koi8-r"),
        ({".foo": "Text/X-Foo"}, "a.foo", "Text/X-Foo; charset=latin-1"),
        ({".avif": "image/x-mine"}, "a.avif", "image/x-mine"),
        ({".css": "text/x-mine"}, "a.css", "text/x-mine; charset=latin-1"),
        ({"feed": "application/atom+xml"}, "news/feed", "application/atom+xml"),
        ({"Feed": "application/atom+xml"}, "news/FEED", "application/atom+xml"),
        ({"feed": "application/atom+xml"}, "feed/news", "application/octet-stream"),
        ({"feed.xml": "application/atom+xml", ".xml": "text/xml"}, "feed.xml", "application/atom+xml"),
        (None, "a.css", "text/css; charset=latin-1"),
    ],
)
def test_the_callers_table_comes_first(extra: dict[str, str] | None, path: str, expected: str) -> None:
    assert MediaTypes(extra, charset="latin-1").content_type(path) == expected


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/plain;charset=us-ascii", "text/plain;charset=us-ascii"),
        ('TEXT/PLAIN; CHARSET="x"', 'TEXT/PLAIN; CHARSET="x"'),
        ("text/plain; format=flowed", "text/plain; format=flowed; charset=utf-8"),
        ("application/json", "application/json"),
        ("context/plain", "context/plain"),
    ],
)
def test_only_text_that_names_no_charset_gets_one(media_type: str, expected: str) -> None:
    assert MediaTypes().with_charset(media_type) == expected


def test_the_systems_own_table_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_: ("application/x-of-the-system", None))
    mimetypes.add_type("application/x-of-the-system", ".hashserve-test")
    assert MediaTypes().content_type("a.hashserve-test") == "application/octet-stream"
    assert MediaTypes().content_type("a.js") == "text/javascript; charset=utf-8"


def test_two_tables_know_nothing_of_each_other() -> None:
    MediaTypes({".css": "text/x-mine"})
    assert MediaTypes().content_type("a.css") == "text/css; charset=utf-8"


@QUICK
@given(ANY_TEXT)
def test_any_name_has_a_media_type(path: str) -> None:
    kind, slash, _ = MediaTypes().content_type(path).partition("/")
    assert kind
    assert slash
