"""The references in a style sheet: what a browser would fetch."""

from __future__ import annotations

import pytest

from hashserve.builder.references.css import find_css_references
from hashserve.builder.references.reference import Reference
from tests.support.growth import assert_linear

CSS = [
    # Realistic content, and what it refers to.
    (b"a{background:url(a.png)}", ["url() a.png"]),
    (b"a{background:url('a.png')}", ["url() a.png"]),
    (b'a{background:URL( "a b.png" )}', ["url() a b.png"]),
    (b"a{background:url(\n\ta.png\r\n)}", ["url() a.png"]),
    (b"@font-face{src:url(f.eot);src:url('f.eot?#iefix') format('eot'),url(f.svg#f)}",
     ["url() f.eot", "url() f.eot?#iefix", "url() f.svg#f"]),
    (b'@font-face{src:src("f.woff2")}', ["src() f.woff2"]),
    (b"a{fill:url(#mark)}", ["url() #mark"]),
    (b":root{--logo:url(a.png)}", ["url() a.png"]),
    (b"a{color:red}/*# sourceMappingURL=app.css.map */", ["sourceMappingURL app.css.map"]),
    (b"a{color:red}\n/*@ sourceMappingURL=app.css.map*/\n", ["sourceMappingURL app.css.map"]),
    (b'@import "a.css";@import url(b.css);@import url("c.css");@IMPORT \'d.css\';',
     ["@import a.css", "@import b.css", "@import c.css", "@import d.css"]),
    (b'@import "a.css" layer(x) supports(background: url(no.png)) screen and (width: 1px);b{c:url(d.png)}',
     ["@import a.css", "url() d.png"]),
    (b'@import/**/"a.css";', ["@import a.css"]),
    (b'@import src("a.css") print;', ["@import a.css"]),
    (b'a{background:image-set("a.png" 1x, url(b.png) 2x, "c.avif" type("image/avif"))}',
     ["image-set() a.png", "url() b.png", "image-set() c.avif"]),
    (b'a{background:-webkit-image-set( /* one */ "a.png" 1x)}', ["image-set() a.png"]),
    (b"@supports (display:grid){a{b:url(a.png)}}", ["url() a.png"]),
    (b"@supports(display:grid){a{b:url(a.png)}}", ["url() a.png"]),
    (b"@media print{@supports (a:b){a{b:url(a.png)}}}", ["url() a.png"]),
    (b"a{b:url(a.png)", ["url() a.png"]),
    (b"\xef\xbb\xbfa{b:url(a.png)}", ["url() a.png"]),
    (b'@charset "utf-8";a{b:url(\xc3\xa9.png)}', ["url() é.png"]),
    (b'@charset "iso-8859-1";a{b:url(\xe9.png)}', ["url() é.png"]),
    (b'@charset "windows-9999";a{b:url(\xc3\xa9.png)}', ["url() é.png"]),
    # Text that only looks like a reference.
    (b"/* url(a.png) @import 'b.css'; */", []),
    (b'a{content:"url(a.png) /* "}b{c:url(d.png)}', ["url() d.png"]),
    (b'@namespace svg url(http://www.w3.org/2000/svg);@namespace "x";', []),
    (b"@supports (background:url(a.png)){}", []),
    (b"a{filter:progid:DXImageTransform.Microsoft.AlphaImageLoader(src='a.png',sizingMethod='scale')}", []),
    (b"a{b:curl(a.png);b:my-url(a.png);b:--url(a.png);b:#url(a.png);b:5url(a.png)}", []),
    (b"a{b:url()}c{b:url('')}", []),
    (b"a{b:url(data:image/png;base64,AAAA)}c{d:url('DATA:,x')}", []),
    (b"/*# sourceMappingURL=data:application/json;base64,e30= */", []),
    (b'a{b:image-set(type("image/png"))}', []),
    (b"a{b:attr(src 'x.png');c:format('woff2')}", []),
    # Pathological.
    (b"a{b:u\\72l(a.png);c:\\75 rl(b.png);d:\\url(c.png)}", ["url() a.png", "url() b.png", "url() c.png"]),
    (b"@\\69mport 'a.css';", ["@import a.css"]),
    (b"a{b:url(a\\)b\\20 c.png)}", ["url() a)b c.png"]),
    (b"a{b:url('a\\'\\\n\\000062.png')}", ["url() a'b.png"]),
    (b"a{b:url(\\0.png);b:url(\\110000.png)}", ["url() \ufffd.png"] * 2),
    (b"a{b:url(a.png b.png)}c{d:url(e.png)}", ["url() e.png"]),
    (b"a{b:url(a\"b)}c{d:url(e.png)}", ["url() e.png"]),
    (b"a{b:url('a.png\n)}c{d:url(e.png)}", ["url() e.png"]),
    (b".md\\:a{b:url(a.png)}.w-1\\/2\\({b:url(c.png)}", ["url() a.png", "url() c.png"]),
    (b"<!--url(a.png)-->", ["url() a.png"]),
    (b"@import 'a.css", ["@import a.css"]),
    (b"a{b:url(a.png", ["url() a.png"]),
    (b"a{b:url(a\xff.png)}", ["url() a\ufffd.png"]),
    (b"@import bad;@import url(a b);a{b:url(c.png)}", ["url() c.png"]),
    (b"@import src(var(--x));a{b:url(c.png)}", ["url() c.png"]),
    (b"@foo(url(a.png));b{c:d}", ["url() a.png"]),
    (b"/* never closed url(a.png)", []),
    (b"@import \"a.css\" (", ["@import a.css"]),
    (b"a{b:image-set(\"a.png\"", ["image-set() a.png"]),
]  # fmt: skip


def described(references: list[Reference]) -> list[str]:
    return [f"{reference.kind.value} {reference.target}" for reference in references]


@pytest.mark.parametrize(("content", "expected"), CSS)
def test_a_style_sheet_refers_to_what_a_browser_would_fetch(content: bytes, expected: list[str]) -> None:
    assert described(find_css_references(content)) == expected


@pytest.mark.parametrize(
    ("content", "text", "delimiter"),
    [
        (b"a{b:url( a\\)b.png )}", b"a\\)b.png", ""),
        (b"a{b:url( ' a.png' )}", b" a.png", "'"),
        (b'@import "a\\"b.css";', b'a\\"b.css', '"'),
        (b"/*# sourceMappingURL=a.map */", b"a.map", "/*"),
    ],
)
def test_a_span_is_the_text_as_written_and_nothing_around_it(
    content: bytes, text: bytes, delimiter: str
) -> None:
    (reference,) = find_css_references(content)
    assert (content[reference.start : reference.end], reference.delimiter) == (text, delimiter)


@pytest.mark.parametrize(
    "piece",
    [
        b"url(",
        b"src(",
        b"src() ",
        b'url("a"',
        b"@import ",
        b"image-set(",
        b"\\1",
        b'"',
        b"/*",
        b"@supports(",
        b"url(\\123456 ",
    ],
)
def test_repetition_costs_neither_recursion_nor_more_than_its_length(piece: bytes) -> None:
    assert_linear(lambda size: find_css_references(piece * size), size=2000)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_nothing_is_found_in_utf_16(encoding: str) -> None:
    assert find_css_references("\ufeffa{b:url(a.png)}".encode(encoding)) == []


def test_a_huge_data_url_costs_nothing_but_its_scan() -> None:
    content = b"a{b:url(data:image/png;base64," + b"A" * 5_000_000 + b");c:url(d.png)}"
    assert described(find_css_references(content)) == ["url() d.png"]
