"""The work for a file grows as its size does, whatever piece of its language it repeats.

Invariant: every token, and every start of a construct that is never closed, is among the pieces. ``python -m
pytest tests/builder/references/test_growth.py`` names those that take more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from hashserve.builder.references.css import find_css_references
from hashserve.builder.references.html import find_page_references
from hashserve.builder.references.javascript import find_javascript_references
from hashserve.builder.references.reference import Reference, TooComplexError
from tests.support.growth import assert_linear_where_slow

# fmt: off
CSS = [
    b"/*", b"*/", b"/**/", b"/* *", b'"', b"'", b"\\", b"\\a", b"\\a ", b"\\\n", b"\\00", b"url(",
    b"url('", b'url("', b"url(a", b"url(a)", b"url( ", b"url(\\", b"url(/*", b"url('a')", b"src(",
    b"src('a'", b"src(/**/", b"src(a", b"image-set(", b"image-set('a'", b"image-set('a',",
    b"image-set('a')", b"image-set(url(", b"-webkit-image-set(", b"@import", b"@import ", b"@import '",
    b"@import 'a';", b"@import 'a'", b"@import url(", b"@import url(a)", b"@import url(a);",
    b"@import/**/", b"@import/*", b"@supports", b"@supports (", b"@container url(a) ",
    b"@namespace url(a);", b"@document url(", b"@", b"@a", b"@\\", b"(", b")", b"[", b"]", b"{", b"}",
    b";", b",", b"<!--", b"-->", b"--", b"-", b"#", b"#url(", b"@url(", b"a", b" ", b"\n", b"\xff",
    b"\xc3\xa9", b"\x00", b"\xef\xbb\xbf", b'@charset "utf-8";', b"u\\72l(", b"\\75rl(", b"\\(", b"set(",
    b"image-\\73et(", b"sourceMappingURL=", b"/*# sourceMappingURL=a*/", b"/*# sourceMappingURL=", b"/*#",
    b"/*# sourceMappingURL=a *", b"type(", b"data:", b"url(data:", b"url(data:a)", b"'data:", b"\x0c",
    b"\r", b"\t", b"<!", b"<!--url(a)", b"a\\", b"\\a\\",
]
HTML = [
    b"<", b"</", b"<a", b"<a ", b"<a>", b"</a>", b"<!", b"<!-", b"<!--", b"<!-->", b"--!>", b"-->",
    b"<!--a-->", b"<?", b"<![CDATA[", b"]]>", b"<svg>", b"<svg><![CDATA[", b"<svg/>", b"<math>", b"</svg>",
    b"<svg><style>", b"<style>", b"</style>", b"<style></style>", b"<style>url(a)</style>", b"<script>",
    b"</script>", b"<script></script>", b"<script><!--", b"<script><!--<script>",
    b"<script>import('a')</script>", b"<script type=module>",
    b'<script type=importmap>{"imports":{"a":"./b"}}</script>', b"<script type=importmap>[", b"<title>",
    b"<textarea>", b"<plaintext>", b"<img src=", b"<img src='", b"<img src=a>", b"<img srcset='a 1x,",
    b"<img srcset='a,b c(,'>", b"<img srcset='(((((", b"a='", b"a=", b"a=b ", b" a", b"=", b"/", b"&",
    b"&amp;", b"&#", b"&#1;", b"<img src='&amp;a'>", b"<img src='&", b"<a style='url(&quot;a&quot;)'>",
    b"<base href=a>", b"<base href=", b"<link rel=icon href=a>", b"<link rel='a b", b"<p>", b"<svg><p>",
    b"<svg><foreignobject>", b"<foreignobject>", b"<svg><desc>", b"<math><mi>",
    b"<annotation-xml encoding=text/html>", b"{{", b"{%", b"<a {{", b"<%", b"'", b'"', b"<a '", b'<a "',
    b">", b"<svg a='", b"<svg><use href=a>", b"<svg fill='url(a)'>", b"<font color>", b"<object data=a>",
    b"<iframe>", b"<noscript>", b"<template>", b"</p>", b"</br>", b"<svg></p>", b"<xmp>", b"<noembed>",
    b"\x00", b"\xff", b"<\xff", b"<a\x00", b"<!doctype", b"<svg><title>", b"<svg><script>", b"</SCRIPT",
    b"</script ", b"<script>-->", b"<svg><a>", b"<a/", b"<a /", b"<a b/c", b"<style>/*", b"<style>'",
    b"<svg><style>&amp;", b"srcset=',,,,'",
]
JS = [
    b"import", b"import ", b"import /*", b"import /**/", b"import//\n", b"import\xc2\xa0", b"import(",
    b"import('a')", b"import('", b"import {", b"import*as a ", b"import a from", b"import a from 'b'\n",
    b"import.meta", b"import.meta.url", b"new URL(", b"new URL('a',import.meta.url)", b"new Worker(",
    b"Worker(", b"new Worker('a')", b"importScripts('a',", b"importScripts(", b"importScripts('a')",
    b"export ", b"export{", b"export*from'a'\n", b"export * from ", b"export default ", b"from'a'",
    b"from ", b"from/*", b"from\xa0", b"`", b"`${", b"`${`", b"${", b"'", b'"', b"/", b"/*", b"//",
    b"//\n", b"/a/", b"/[", b"a/", b"=/", b"(", b")", b"[", b"]", b"{", b"}", b"<", b"<a>", b"<a", b"</",
    b"<!--", b"-->", b"=>", b"a=>", b"(a)=>", b"a?", b"a:", b"a?.", b"a,", b"a;", b"a\n", b"async ",
    b"await ", b"function ", b"function(){", b"class ", b"class{", b"if(a)", b"else ", b"for(",
    b"while(1)", b"do ", b"try{", b"switch(a){case ", b"return ", b"throw ", b"yield ", b"...", b"!", b"~",
    b"-", b"+", b"++", b"a+", b"a**", b"a==", b"a=", b"let ", b"var a=", b"const ", b"using ", b"@",
    b"@a ", b"#a", b"#", b"\\", b"\\u{", b"\\u0041", b"\x00", b"\xff", b"\xc3\xa9", b"\xe2\x80\xa8", b"\r",
    b"\xef\xbb\xbf", b"a", b"1", b"1n", b"0x", b".", b"1.", b"a.b", b"a[b]", b"a`", b"new ", b"new a",
    b"typeof ", b"in ", b"of ", b"get a(){},", b"{a:", b"{a,", b"{get ", b"[a,", b"(a,", b"((a", b"a(",
    b"a((", b"({", b"({a:1},", b"({[", b"static{", b"//# sourceMappingURL=a\n", b"//# sourceMappingURL=",
    b"/*# sourceMappingURL=a*/", b"/*# sourceMappingURL=", b"sourceMappingURL=", b"//#", b"import source ",
    b"import defer ", b"import\\u0041 ", b"label:", b"with(a)", b"debugger;", b"async(a)=>", b"async a=>",
    b"<a b={", b"<a>{", b"<a b='", b"&", b"&amp;", b"{{{", b"{}", b"{};", b"(){", b"=>{", b";;",
    b"a instanceof ", b"new.target", b"super(", b"extends ", b"class a extends ", b"`\\", b"\\`", b"\\'",
    b"\\\n", b"/\\", b"/(?", b"?:", b"a?b:", b"?.[", b"??", b"||", b"&&", b"|=", b">>>", b"<<", b"%", b"^",
    b"|",
]
# fmt: on

LIMITED = frozenset({b"import//\n"})
"""Pieces after which the grammar recovers slowly: only the limit of seconds of a parse ends that."""

OPENINGS = {
    "css": [b"/*", b"'", b"(", b"{", b"url(", b"image-set(", b"@import ", b"@supports ("],
    "html": [b"<a ", b"<a b='", b"<!--", b"<svg>", b"<style>", b"<script>", b"<script><!--"],
    "js": [b"/*", b"'", b"`", b"(", b"{", b"import ", b"import('"],
}
"""What is put before the repeated pieces, and is never closed."""

FINDERS: dict[str, tuple[Callable[[bytes], Sequence[Reference]], list[bytes]]] = {
    "css": (find_css_references, CSS),
    "html": (find_page_references, HTML),
    "js": (find_javascript_references, [piece for piece in JS if piece not in LIMITED]),
}


def assert_found_in_linear_work(language: str, opening: bytes, piece: bytes) -> None:
    def find(size: int) -> None:
        with suppress(TooComplexError):  # after work that grows as the size does
            FINDERS[language][0](opening + piece * (size // len(piece)))

    assert_linear_where_slow(find, size=8192, name=(language, opening, piece))


@pytest.mark.parametrize("language", FINDERS)
def test_a_repeated_piece_takes_work_in_proportion_to_the_size(language: str) -> None:
    for piece in FINDERS[language][1]:
        assert_found_in_linear_work(language, b"", piece)


@pytest.mark.parametrize("language", FINDERS)
def test_after_an_opening_that_is_never_closed_it_does_too(language: str) -> None:
    openings = OPENINGS[language]
    for number, piece in enumerate(FINDERS[language][1]):
        assert_found_in_linear_work(language, openings[number % len(openings)], piece)
