"""The references in a script, as a module and as a classic script."""

from __future__ import annotations

import pytest

from hashserve.builder.references.javascript import find_javascript_references
from hashserve.builder.references.reference import Reference
from tests.support.growth import assert_linear

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
    (b"export const a = new URL('./a.png', import.meta.url).href", ["new URL() ./a.png"]),
    (b"new window.URL('./a', import.meta.url);new self.URL('./b', import.meta.url)",
     ["new URL() ./a", "new URL() ./b"]),
    (b"new globalThis.URL('./a', import.meta.url);new my.URL('./b', import.meta.url)",
     ["new URL() ./a"]),
    (b"new URL(/* a */ './a' /* b */, import.meta.url)", ["new URL() ./a"]),
    (b"new Worker(new URL('./w.js', import.meta.url), {type: 'module'})",
     ["new URL() ./w.js"]),
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
    # The phases of imports; a phase is also a name.
    (b"import source x from './x.wasm';import defer * as y from './y.js'",
     ["import ./x.wasm", "import ./y.js"]),
    (b"import\nsource\nfrom\nfrom'./x.wasm';import source from$ from './y.wasm'",
     ["import ./x.wasm", "import ./y.wasm"]),
    (b"import source from './a.js';import defer from\n'./b.js'", ["import ./a.js", "import ./b.js"]),
    (b"import source, {a} from './a.js';import defer, * as b from './b.js'",
     ["import ./a.js", "import ./b.js"]),
    (b"import deferred from './a.js';import source source from './b.js'", ["import ./a.js", "import ./b.js"]),
    (b"export const a = await import.source('./a.wasm'), b = () => import . defer ( /* c */ `./b.js`, {})",
     ["import() ./a.wasm", "import() ./b.js"]),
    (b"export {};a.import.source('./a.js');'import.source(' + import.source('./import.source().js')",
     ["import() ./import.source().js"]),
    # Text that only looks like a reference.
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
    (b"const a = async () => { return import.source('./a.wasm') }", ["import() ./a.wasm"]),
    (b"a.then(() => import.defer('./a.js'));importScripts('./b.js')", ["import() ./a.js"]),
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


def described(references: list[Reference]) -> list[str]:
    return [f"{reference.kind.value} {reference.target}" for reference in references]


@pytest.mark.parametrize(("content", "expected"), MODULES)
def test_a_module_refers_to_what_it_imports_and_locates(content: bytes, expected: list[str]) -> None:
    assert described(find_javascript_references(content, module=True)) == expected


@pytest.mark.parametrize(("content", "expected"), [row for row in MODULES if row[1]])
def test_the_syntax_of_a_script_makes_it_a_module(content: bytes, expected: list[str]) -> None:
    assert described(find_javascript_references(content)) == expected


@pytest.mark.parametrize(("content", "expected"), CLASSIC)
def test_a_classic_script_refers_to_its_source_map_and_dynamic_imports(
    content: bytes, expected: list[str]
) -> None:
    assert described(find_javascript_references(content)) == expected


def test_a_classic_script_is_read_as_a_module_on_request() -> None:
    content = b"importScripts('./a.js', './b.js');import('./c.js');self.importScripts(d)"
    assert described(find_javascript_references(content, module=True)) == [
        "importScripts() ./a.js",
        "importScripts() ./b.js",
        "import() ./c.js",
    ]


def test_a_module_is_read_as_a_classic_script_on_request() -> None:
    content = b"import './a.js'\n//# sourceMappingURL=b.js.map"
    assert described(find_javascript_references(content, module=False)) == ["sourceMappingURL b.js.map"]


@pytest.mark.parametrize(
    ("content", "text", "delimiter"),
    [
        (b"import './\\x61.js'", b"./\\x61.js", "'"),
        (b"import(`./a.js`)", b"./a.js", "`"),
        (b"f()\n//# sourceMappingURL=a.map", b"a.map", "//"),
    ],
)
def test_a_span_is_the_text_as_written_and_nothing_around_it(
    content: bytes, text: bytes, delimiter: str
) -> None:
    (reference,) = find_javascript_references(content)
    assert (content[reference.start : reference.end], reference.delimiter) == (text, delimiter)


@pytest.mark.parametrize(
    "piece",
    [
        *(b"import ", b'import"./a.js";', b"`${", b"//# sourceMappingURL=a\n", b"((", b"a=>", b"import("),
        *(b"Worker(", b"importScripts(", b"new URL(import.meta.url,", b"a=>import(", b'["import{",'),
        *(b"import.source(", b"import source ", b"import . ", b"import source from "),
    ],
)
@pytest.mark.parametrize("closing", [b"", b")", b"]"])
@pytest.mark.parametrize("module", [True, None])
def test_repetition_costs_neither_recursion_nor_more_than_its_length(
    piece: bytes, closing: bytes, module: bool | None
) -> None:
    assert_linear(
        lambda size: find_javascript_references(piece * size + closing * size, module=module), size=1000
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("module", [True, None])
def test_nothing_is_found_in_utf_16(encoding: str, module: bool | None) -> None:
    assert find_javascript_references("\ufeffimport './a.js'".encode(encoding), module=module) == []
