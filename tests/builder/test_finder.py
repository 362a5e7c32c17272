from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.builder.references.finder import (
    Language,
    Reference,
    ReferenceKind,
    find_references,
    language_of,
)
from hashserve.builder.references.rewrite import rewrite
from tests.support.real_trees import real_tree

LANGUAGES: tuple[Language, ...] = ("css", "js", "mjs")

CSS = [
    # Realistic: what is written, then what it refers to.
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
    # What only looks like a reference.
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

MODULES = [
    (b'import x from "./a.js";', ["import ./a.js"]),
    (b"import './a.js'", ["import ./a.js"]),
    (b'import{a,b as c}from"./a.js";import*as d from"./d.js";', ["import ./a.js", "import ./d.js"]),
    (b"import a, * as b from './a.js'", ["import ./a.js"]),
    (b"import {\n  a, // from 'x'\n  b,\n} /* from 'y' */ from /* z */\n  './a.js';", ["import ./a.js"]),
    (b'import d from "./d.json" with { type: "json" };', ["import ./d.json"]),
    (b'import d from "./d.json" assert { type: "json" };', ["import ./d.json"]),
    (b'export * from "./a.js";export * as n from "./b.js";export {c} from "./c.js"',
     ["export from ./a.js", "export from ./b.js", "export from ./c.js"]),
    (b'export{"a" as b}from"./c.js"', ["export from ./c.js"]),
    (b'export{a as"b"}from"./c.js"', ["export from ./c.js"]),
    (b'import three from "three"', ["import three"]),
    (b"export default () => import(/* webpackChunkName: 'x' */ './a.js')", ["import() ./a.js"]),
    (b"export const a = import(`./a.js`), b = import('./b.js', { with: { type: 'json' } })",
     ["import() ./a.js", "import() ./b.js"]),
    (b"export const a = new URL('./a.png', import.meta.url).href", ["new URL(, import.meta.url) ./a.png"]),
    (b"new window.URL('./a', import.meta.url);new self.URL('./b', import.meta.url)",
     ["new URL(, import.meta.url) ./a", "new URL(, import.meta.url) ./b"]),
    (b"new globalThis.URL('./a', import.meta.url);new my.URL('./b', import.meta.url)",
     ["new URL(, import.meta.url) ./a"]),
    (b"new URL(/* a */ './a' /* b */, import.meta.url)", ["new URL(, import.meta.url) ./a"]),
    (b"new Worker(new URL('./w.js', import.meta.url), {type: 'module'})",
     ["new URL(, import.meta.url) ./w.js"]),
    (b"new Worker('/static/w.js');new window.SharedWorker('./s.js');export {}",
     ["new Worker() /static/w.js", "new Worker() ./s.js"]),
    (b"const u = import.meta.resolve('./a.js')", ["import.meta.resolve() ./a.js"]),
    (b"#!/usr/bin/env node\nimport './a.js'", ["import ./a.js"]),
    (b"\xef\xbb\xbfimport './a.js'", ["import ./a.js"]),
    (b"import './a.js'\n//# sourceMappingURL=b.js.map\n", ["import ./a.js", "sourceMappingURL b.js.map"]),
    (b"import '\\x2e/a\\u002ejs'", ["import ./a.js"]),
    (b"import './\\u{1f600}\\ud83d\\ude00\\\n.js'", ["import ./😀😀.js"]),
    (b"import './\\u{110000}\\101\\q\\t.js'", ["import ./\ufffdAq\t.js"]),
    (b"import\xc2\xa0'./a.js';import x from\xe2\x80\xa8'./b.js'", ["import ./a.js", "import ./b.js"]),
    (b"import from from './a.js'", ["import ./a.js"]),
    (b"import './a.js';/* caf\xe9 \xff */import './b.js';var x = '\xe9'", ["import ./a.js", "import ./b.js"]),
    (b"import './a.js'\n/import('no')/.test(x) / 2", ["import ./a.js"]),
    (b"import './a.js';\nfunction f() { return import('./b.js') }\n" + b"f();\n" * 50,
     ["import ./a.js", "import() ./b.js"]),
    (b"import './a.js';\n" + b"f();\n" * 50 + b"`", ["import ./a.js"]),
    # What only looks like a reference.
    (b"// import './a.js'\n/* import './b.js' */export {}", []),
    (b"export const a = \"import './a.js'\", b = `import './b.js' ${c} from './d.js'`", []),
    (b"export const a = /import('.\\/a.js')/", []),
    (b"export const a = import('./a' + b), c = import(`./${d}.js`), e = import(f)", []),
    (b"export const a = new URL('./a.png', location.href), b = new Blob('./a', import.meta.url)", []),
    (b"export const a = import.meta.url, b = import.meta.env['./x']", []),
    (b"export class A { import(a) { this.import('./a.js'); return {from: './b.js'} } }", []),
    (b"export {a};\nconst from = 1; from\n'./a.js'", []),
    (b"export const a = Worker('./a.js'), b = importScripts, c = new Worker(d), e = myWorker('./f.js')", []),
    (b"import ''; import 'data:text/javascript,1'", []),
    (b"new Worker; new URL(); import(); export {}", []),
]  # fmt: skip

CLASSIC = [
    (b"var a = import('./a.js')", ["import() ./a.js"]),
    (b"var a = '';import /* x */ ( `./a.js` )", ["import() ./a.js"]),
    (b"a.import('./a.js');var b = 'import(\"./b.js\")'; // import('./c.js')", []),
    (b"importScripts('./a.js');new Worker('./b.js')", []),
    (b"module.exports = 'import x from \"./a.js\"; export {}'", []),
    (b"f()//# sourceMappingURL=a.js.map", ["sourceMappingURL a.js.map"]),
    (b"f()\n//# sourceMappingURL=a.js.map", ["sourceMappingURL a.js.map"]),
    (b"f()\r\n  //@ sourceMappingURL=a.js.map  \r\n", ["sourceMappingURL a.js.map"]),
    (b"f()\n/*# sourceMappingURL=a.js.map */", ["sourceMappingURL a.js.map"]),
    (b"//# sourceMappingURL=a.js.map", ["sourceMappingURL a.js.map"]),
    (b"f()\n//# sourceMappingURL=data:application/json;base64,e30=", []),
    (b"var a = `\n//# sourceMappingURL=a.js.map`", []),
    (b"var a = '//# sourceMappingURL=a.js.map'", []),
    (b"/*\n//# sourceMappingURL=a.js.map\n*/", []),
    (b"var a = '//# sourceMappingURL=';\n//# sourceMappingURL=a.js.map", ["sourceMappingURL a.js.map"]),
]


def told(references: list[Reference]) -> list[str]:
    return [f"{reference.kind.value} {reference.target}" for reference in references]


@pytest.mark.parametrize(("content", "expected"), CSS)
def test_a_stylesheet_refers_to_what_a_browser_would_fetch(content: bytes, expected: list[str]) -> None:
    assert told(find_references(content, language="css")) == expected


@pytest.mark.parametrize(("content", "expected"), MODULES)
def test_a_module_refers_to_what_it_imports_and_locates(content: bytes, expected: list[str]) -> None:
    assert told(find_references(content, language="mjs")) == expected


@pytest.mark.parametrize(("content", "expected"), [row for row in MODULES if row[1]])
def test_a_script_is_known_for_a_module_by_its_syntax(content: bytes, expected: list[str]) -> None:
    assert told(find_references(content, language="js")) == expected


@pytest.mark.parametrize(("content", "expected"), CLASSIC)
def test_a_classic_script_refers_to_what_it_imports_later_and_its_source_map(
    content: bytes, expected: list[str]
) -> None:
    assert told(find_references(content, language="js")) == expected


def test_a_classic_script_is_read_like_a_module_where_that_is_asked_for() -> None:
    content = b"importScripts('./a.js', './b.js');import('./c.js');self.importScripts(d)"
    assert told(find_references(content, language="js", module=True)) == [
        "importScripts() ./a.js",
        "importScripts() ./b.js",
        "import() ./c.js",
    ]


def test_a_module_is_left_alone_where_that_is_asked_for() -> None:
    content = b"import './a.js'\n//# sourceMappingURL=b.js.map"
    assert told(find_references(content, language="js", module=False)) == ["sourceMappingURL b.js.map"]


@pytest.mark.parametrize(
    ("content", "language", "text", "delimiter"),
    [
        (b"a{b:url( a\\)b.png )}", "css", b"a\\)b.png", ""),
        (b"a{b:url( ' a.png' )}", "css", b" a.png", "'"),
        (b'@import "a\\"b.css";', "css", b'a\\"b.css', '"'),
        (b"/*# sourceMappingURL=a.map */", "css", b"a.map", "/*"),
        (b"import './\\x61.js'", "mjs", b"./\\x61.js", "'"),
        (b"import(`./a.js`)", "mjs", b"./a.js", "`"),
        (b"f()\n//# sourceMappingURL=a.map", "js", b"a.map", "//"),
    ],
)
def test_a_span_is_the_text_as_written_and_nothing_around_it(
    content: bytes, language: Language, text: bytes, delimiter: str
) -> None:
    (reference,) = find_references(content, language=language)
    assert (content[reference.start : reference.end], reference.delimiter) == (text, delimiter)


@pytest.mark.parametrize(
    ("before", "position"),
    [
        (b"", (1, 5)),
        (b"\xef\xbb\xbf", (1, 5)),
        ("é\u2028{".encode(), (1, 8)),
        (b"a\nb\r\nc\rd{", (4, 7)),
        (b"\n\xff{", (2, 7)),
    ],
)
def test_a_position_counts_lines_and_characters_from_one(before: bytes, position: tuple[int, int]) -> None:
    content = before + b"url(a.png)"
    (reference,) = find_references(content, language="css")
    assert reference.position(content) == position


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.css", "css"),
        ("a.min.JS", "js"),
        ("a.mjs", "mjs"),
        ("a.cjs", "js"),
        ("a.html", None),
        ("css", None),
    ],
)
def test_the_extension_tells_the_language(path: str, language: Language | None) -> None:
    assert language_of(path) == language


def test_kinds_say_what_they_are_resolved_against() -> None:
    assert ReferenceKind.JS_IMPORT.is_specifier
    assert not ReferenceKind.JS_URL.is_specifier
    assert ReferenceKind.JS_WORKER.is_page_relative
    assert not ReferenceKind.CSS_URL.is_page_relative


FRAGMENTS = st.sampled_from(
    [
        *b"url( src( image-set( @import @supports @namespace u\\72l(".split(b" "),
        *b"import( import export from Worker( importScripts( ${ = ./a.js".split(b" "),
        *b"\" ' ` /* */ // ( ) { } [ ] ; , \\ # @ - <!-- --> / a.png 1x \xff \xc3\xa9 \0".split(b" "),
        b"\n",
        b"\r",
        b"import.meta.url",
        b"new URL(",
        b"#sourceMappingURL=a.map",
        b" ",
        b"data:",
    ]
)  # fmt: skip


@given(content=st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=30).map(b"".join))
def test_whatever_the_bytes_spans_are_in_order_and_identity_changes_nothing(content: bytes) -> None:
    for language in LANGUAGES:
        references = find_references(content, language=language)
        edges = [0, *(edge for item in references for edge in (item.start, item.end)), len(content)]
        assert edges == sorted(edges)
        assert rewrite(content, [(item, item.target) for item in references]) == content


@pytest.mark.parametrize(
    "piece",
    [b"url(", b'url("a"', b"@import ", b"image-set(", b"\\1", b'"', b"/*", b"@supports(", b"url(\\123456 "],
)
def test_repetition_costs_neither_recursion_nor_quadratic_time_in_css(piece: bytes) -> None:
    find_references(piece * 100_000, language="css")


@pytest.mark.parametrize(
    "piece",
    [
        *(b"import ", b'import"./a.js";', b"`${", b"//# sourceMappingURL=a\n", b"((", b"a=>", b"import("),
        *(b"Worker(", b"importScripts(", b"new URL(import.meta.url,", b"a=>import(", b'["import{",'),
    ],
)
@pytest.mark.parametrize("closing", [b"", b")", b"]"])
def test_repetition_costs_neither_recursion_nor_quadratic_time_in_scripts(
    piece: bytes, closing: bytes
) -> None:
    for language in LANGUAGES[1:]:
        find_references(piece * 20_000 + closing * 20_000, language=language)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_found_in_utf_16(encoding: str, language: Language) -> None:
    for text in ("a{b:url(a.png)}", "import './a.js'"):
        assert find_references(f"\ufeff{text}".encode(encoding), language=language) == []


def test_a_huge_data_url_costs_nothing_but_its_scan() -> None:
    content = b"a{b:url(data:image/png;base64," + b"A" * 5_000_000 + b");c:url(d.png)}"
    assert told(find_references(content, language="css")) == ["url() d.png"]


# Counted once with other parsers: tinycss2 1.5 for CSS, acorn 8.12 and es-module-lexer 1.5 for scripts.
TREES = [
    ("bootstrap", "dist", {"sourceMappingURL": 22, "import": 2}),
    ("fontawesome-free", "css", {"url()": 80}),
    ("fontawesome-free", "js", {}),
    ("jquery", "dist", {}),
    ("three", "build", {}),
    (
        "three",
        "examples/jsm",
        {"export from": 416, "import": 1204, "import()": 1, "new URL(, import.meta.url)": 2},
    ),
    ("monaco-editor", "min", {"sourceMappingURL": 23, "url()": 1}),
    ("monaco-editor", "esm", {"import": 4666, "export from": 6, "url()": 1, "import()": 92}),
    ("htmx.org", "dist", {}),
    ("alpinejs", "dist", {}),
]


def counts(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            language = language_of(name)
            if language is not None:
                content = Path(directory, name).read_bytes()
                for reference in find_references(content, language=language):
                    found[reference.kind.value] = found.get(reference.kind.value, 0) + 1
    return found


@pytest.mark.real
@pytest.mark.parametrize(("name", "folder", "expected"), TREES)
def test_a_real_tree_has_as_many_references_as_other_parsers_found(
    name: str, folder: str, expected: dict[str, int]
) -> None:
    assert counts(real_tree(name) / folder) == expected
