"""What a page loads, found and rewritten byte by byte, up to a site in a real browser."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve import HashServe
from hashserve.builder import BuildSettings, build
from hashserve.builder.references.html import find_page_references
from hashserve.builder.references.reference import Reference
from hashserve.builder.references.rewrite import rewrite
from hashserve.check import CheckSettings, Level, check
from tests.support.browser import PREFIX, Site, Visit, launch, serve
from tests.support.building import manifest_of
from tests.support.client import request, wrapped_application
from tests.support.files import put
from tests.support.hypothesis_profile import QUICK, texts_of
from tests.support.real_trees import noise

PAGES = [
    # What is loaded, and how it is found.
    (b"<img src=a.png>", ["an attribute a.png"]),
    (b'<img src=" a.png\n">', ["an attribute a.png"]),
    (b'<img src="a.png" srcset="b.png, c.png 2x,d.png 3x , e.png (1,2) 4x,,f.png">',
     ["an attribute a.png", "srcset b.png", "srcset c.png", "srcset d.png", "srcset e.png", "srcset f.png"]),
    (b"<picture><source srcset='a.avif 1x'><img src=b></picture>", ["srcset a.avif", "an attribute b"]),
    (b"<video src=a poster=b><source src=c><track src=d></video><audio src=e>",
     [f"an attribute {name}" for name in "abcde"]),
    (b"<script src=a.js></script><script src=b.js integrity=sha384-x></script>",
     ["an attribute a.js", "an attribute with integrity b.js"]),
    (b"<embed src=a><iframe src=b></iframe><frame src=c><object data=d><input type=IMAGE src=e>",
     [f"an attribute {name}" for name in "abcde"]),
    (b"<body background=a><table background=b><td background=c>", [f"an attribute {name}" for name in "abc"]),
    (b'<link rel=stylesheet href=a><link rel="Shortcut ICON" href=b><link rel=modulepreload href=c>',
     ["an attribute a", "an attribute b", "an attribute c"]),
    (b'<link rel=preload as=image imagesrcset="d 1x, e 2x"><link rel=manifest href=f>',
     ["srcset d", "srcset e", "an attribute f"]),
    (b"<svg><image href=a /><use xlink:href='b#c'/><feImage href=d /><script href=e /></svg>",
     ["an attribute a", "an attribute b#c", "an attribute d", "an attribute e"]),
    (b"<svg><rect fill='url(a.svg#g)' mask=\"url('b.svg#m')\" stroke=red></svg>",
     ["url() a.svg#g", "url() b.svg#m"]),
    (b"<style>@import 'a.css';b{c:url(d.png)}</style><style type=text/css>a{b:url(e)}</style>",
     ["@import a.css", "url() d.png", "url() e"]),
    (b'<p style="background:url(&quot;a.png&quot;);b:url(c&amp;d)">', ["url() a.png", "url() c&d"]),
    (b"<svg><style>a{b:url(c?d&amp;e)}/*<b>*/</style></svg>", ["url() c?d&e"]),
    (b"<script type=module>import './a.js';new Worker('b.js')</script>",
     ["import ./a.js", "new Worker() b.js"]),
    (b"<script>import('./a.js');new Worker('b.js')</script>", ["import() ./a.js"]),
    (b"<script type='text/javascript'>import('./a.js')</script>", ["import() ./a.js"]),
    (b'<script type=importmap>{"imports": {"a": "./a.js", "b/": "./b/"}}</script>',
     ["an import map ./a.js", "an import map ./b/"]),
    (b'<script type=importmap>{"scopes": {"/c/": {"a": "./d\\u0065.js"}, "x": []}}</script>',
     ["an import map ./de.js"]),
    (b'<script type=importmap>{"integrity": {"./a.js": "sha384-x"}, "x": {"x": "./no.js"}}</script>', []),
    (b"<noscript><img src=a></noscript><template><img src=b></template>",
     ["an attribute a", "an attribute b"]),
    # What is led to, what is for others, and what only looks like a reference.
    (b"<a href=a><area href=b><form action=c><button formaction=d><blockquote cite=e><a ping=f>", []),
    (b"<link rel=canonical href=a><link rel=alternate href=b><link rel=next href=c><link href=d>", []),
    (b"<meta property=og:image content=a><meta http-equiv=refresh content='0;url=b'>", []),
    (b"<input src=a><input type=text src=b><img data-src=c :src=d><image src=e><use href=f>", []),
    (b"<!-- <img src=a> --><title><img src=b></title><textarea><img src=c></textarea>", []),
    (b"<img src='{{ a }}'><img src='{% static \"b\" %}'><img src='${c}'>", []),
    (b"<img src='<%= d %>'><img src='<?= e ?>'><style>a{b:url('{{ c }}')}</style>", []),
    (b"<img src=data:x><img src=''><img><img srcset=''><img srcset=', ,'><p style='a:url(data:x)'>", []),
    (b"<style type=text/less>a{b:url(c)}</style><script type=text/x-template><img src=a></script>", []),
    (b"<script type=module src=a.js>import './b.js'</script>", ["an attribute a.js"]),
    (b"<script type=importmap>{\"imports\": {\"a\": \"./a.js\"}</script>", []),
    (b"<script type=application/json>{\"imports\": {\"a\": \"./a.js\"}}</script>", []),
    (b"<script type=importmap>" + b"[" * 100_000 + b"</script>", []),
    (b"<iframe srcdoc='<img src=a>'></iframe>", []),
    # Character references.
    (b"<img src='a&amp;b&#46;png'>", ["an attribute a&b.png"]),
    (b"<img src='a?b&copy=1&copy;&copyx'>", ["an attribute a?b&copy=1\xa9&copyx"]),
    (b"<img src='&#x110000;&#xe9&eacute;&nothing;'>", ["an attribute \ufffd\xe9\xe9&nothing;"]),
]  # fmt: skip


@pytest.mark.parametrize(("page", "expected"), PAGES)
def test_what_a_page_loads_is_found(page: bytes, expected: list[str]) -> None:
    found = find_page_references(page)
    assert [f"{item.kind.value} {item.target}" for item in found] == expected
    assert all(0 <= item.start < item.end <= len(page) for item in found)


# A page, and what it is if all that it loads is called "n'&w.x".
REWRITTEN = [
    (b"<img src=a>", b"<img src=n&#39;&amp;w.x>"),
    (b"<img src='a&amp;b' alt='a'>", b"<img src='n&#39;&amp;w.x' alt='a'>"),
    (b'<p style="a:url(a)">', b'<p style="a:url(n\\&#39;&amp;w.x)">'),
    (b"<p style='a:url(&quot;b&quot;)'>", b"<p style='a:url(&quot;n&#39;&amp;w.x&quot;)'>"),
    (b"<style>a{b:url('a')}</style>", b"<style>a{b:url('n\\'&w.x')}</style>"),
    (b"<svg><style>a{b:url(a)}</style>", b"<svg><style>a{b:url(n\\&#39;&amp;w.x)}</style>"),
    (b"<svg><style><![CDATA[a{b:url(a)}]]></style>", b"<svg><style><![CDATA[a{b:url(n\\'&w.x)}]]></style>"),
    (b"<script>import('./a')</script>", b"<script>import('n\\'&w.x')</script>"),
    (b"<img srcset='a 1x, b'>", b"<img srcset='n&#39;&amp;w.x 1x, n&#39;&amp;w.x'>"),
    (b'<script type=importmap>{"imports":{"a":"./b"}}</script>',
     b'<script type=importmap>{"imports":{"a":"n\'&w.x"}}</script>'),
]  # fmt: skip


@pytest.mark.parametrize(("page", "expected"), REWRITTEN)
def test_a_url_is_spelt_for_the_place_that_it_stands_in(page: bytes, expected: bytes) -> None:
    rewritten = rewrite(page, [(item, "n'&w.x") for item in find_page_references(page)])
    assert rewritten == expected
    assert {item.target for item in find_page_references(rewritten)} == {"n'&w.x"}


def test_a_comma_at_the_end_of_a_url_is_none_of_a_srcset() -> None:
    page = b"<img srcset='a 1x'>"
    [reference] = find_page_references(page)
    assert rewrite(page, [(reference, ",b,c,")]) == b"<img srcset='%2Cb,c%2C 1x'>"


MARKUP = texts_of(
    *("<img src=", "<img srcset='", "<p style='", "<style>", "</style>", "<script>", "</script>", "<svg>"),
    *("a.png", "url(", ")", "'", '"', ">", " ", "&amp;", "&quot;", "&", ",", "=", "<!--", "-->", "{{", "\n"),
    *("<link rel=icon href=", "<script type=module>import", "<base href=", "</svg>", "<![CDATA[", "]]>", "é"),
)


@QUICK
@given(MARKUP, st.sampled_from(["n.png", "a b(c)'d.png", "x,", "é&y", '"<>']))
def test_what_is_rewritten_reads_as_the_new_url_and_the_rest_as_it_was(page: str, url: str) -> None:
    content = page.encode()
    found = find_page_references(content)
    rewritten = rewrite(content, [(item, url) for item in found])
    again = find_page_references(rewritten)
    assert [item.kind for item in again] == [item.kind for item in found]
    assert around(rewritten, again) == around(content, found)
    assert {unquote(item.target) for item in again} == ({url} if found else set())


def around(content: bytes, references: list[Reference]) -> list[bytes]:
    """Give what stands between the references of a page."""
    starts = [0, *(item.end for item in references)]
    ends = [*(item.start for item in references), len(content)]
    return [content[start:end] for start, end in zip(starts, ends, strict=True)]


# Builds

HTML = BuildSettings(html=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    put(folder, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    put(folder, "app.js", b"export const page = new URL('./index.html', import.meta.url).href;\n")
    put(folder, "index.html", b"<script type=module src=app.js></script><img src=img/dot.svg>\n")
    put(folder, "sub/page.html", b"<a href=../index.html></a><img src=../img/dot.svg>\n")
    return folder


def built(source: Path, out: Path, page: str = "index.html") -> str:
    """Build with pages; return what a page is served as under its own name."""
    build(source, out, HTML)
    return (out / page).read_bytes().decode()


def test_pages_are_left_alone_unless_asked_for(source: Path, out: Path) -> None:
    build(source, out)
    assert (out / "index.html").read_bytes() == (source / "index.html").read_bytes()


def test_a_page_is_served_with_the_names_of_its_release_at_the_address_it_had(
    source: Path, out: Path
) -> None:
    build(source, out, HTML)
    paths = manifest_of(out).paths
    server = HashServe(wrapped_application, root=out, index_file=True)
    expected = f"<script type=module src={paths['app.js']}></script><img src={paths['img/dot.svg']}>\n"
    assert request(server, "/static/").body.decode() == expected
    page = request(server, "/static/sub/page.html").body.decode()
    assert page == f"<a href=../index.html></a><img src=../{paths['img/dot.svg']}>\n"


def test_a_page_that_leads_back_to_what_it_loads_is_named_with_it_and_the_check_knows(
    source: Path, out: Path
) -> None:
    build(source, out, HTML)
    report = check(out, CheckSettings(html=True))
    assert [item for item in report.findings if item.level is not Level.NOTE] == []
    put(source, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    before = manifest_of(out).paths
    build(source, out, HTML)
    after = manifest_of(out).paths
    assert {path for path in before if before[path] != after[path]} == before.keys()


def test_the_check_blames_pages_if_it_is_asked_to(source: Path, out: Path) -> None:
    put(source, "index.html", b"<img src=gone.png><img src=img/dot.svg>")
    build(source, out)
    assert [item for item in check(out).findings if item.rule.startswith("reference")] == []
    rules = [item.rule for item in check(out, CheckSettings(html=True)).findings]
    assert {"reference-missing", "reference-unhashed"} <= set(rules)


def test_what_a_page_names_and_is_not_there_is_reported_with_line_and_column(source: Path, out: Path) -> None:
    put(source, "index.html", b"<p>\n<img src='gone.png'><iframe src=gone.html></iframe><img src='{{ x }}'>")
    [finding] = build(source, out, HTML).warnings
    assert str(finding) == (
        f"{source}/index.html:2:11: an attribute refers to 'gone.png', but the source has no file 'gone.png'"
    )


def test_integrity_that_the_build_breaks_is_reported(source: Path, out: Path) -> None:
    page = b"<script src=app.js integrity=sha384-x></script><img src=img/dot.svg integrity=sha384-y>"
    put(source, "index.html", page)
    [finding] = build(source, out, HTML).warnings
    assert (finding.kind, finding.path) == ("integrity", str(source / "index.html"))
    assert "'app.js' as it is in the source" in finding.message


# The base that a page states, and whether the image of the page in sub/ is found from there.
BASES = [
    ("", "../img/dot.svg", True),
    ("/static/", "img/dot.svg", True),
    ("/", "static/img/dot.svg", True),
    ("..", "img/dot.svg", True),
    ("../", "img/dot.svg", True),
    (".", "../img/dot.svg", True),
    ("../img/any", "dot.svg", True),
    ("../img/?x#y", "dot.svg", True),
    ("/static/", "../img/dot.svg", False),
    ("/elsewhere/", "../static/img/dot.svg", True),
    ("/elsewhere/", "img/dot.svg", False),
    ("https://example.com/static/", "img/dot.svg", False),
    ("https://example.com/static/", "/static/img/dot.svg", False),
    ("{{ base }}", "img/dot.svg", False),
    ("{{ base }}", "../img/dot.svg", False),
]


@pytest.mark.parametrize(("base", "url", "is_found"), BASES)
def test_the_base_of_a_page_is_respected(
    source: Path, out: Path, base: str, url: str, is_found: bool
) -> None:
    page = f"<base href='{base}'><base href='/no/'><img src='{url}'>"
    put(source, "sub/page.html", page.encode())
    text = built(source, out, "sub/page.html")
    dot = manifest_of(out).paths["img/dot.svg"].rpartition("/")[2]
    assert text == (page.replace("dot.svg", dot) if is_found else page)


def test_what_stands_before_the_base_is_not_relative_to_it(source: Path, out: Path) -> None:
    put(source, "index.html", b"<img src=img/dot.svg><base href=/no/><img src=img/dot.svg>")
    dot = "<img src={}>".format
    build(source, out, HTML)
    expected = dot(manifest_of(out).paths["img/dot.svg"]) + "<base href=/no/>" + dot("img/dot.svg")
    assert (out / "index.html").read_text() == expected


def test_a_worker_of_an_inline_module_is_relative_to_the_page(source: Path, out: Path) -> None:
    put(source, "sub/page.html", b"<script type=module>new Worker('../app.js')</script>")
    name = "../" + (built(source, out) and manifest_of(out).paths["app.js"])
    assert (out / "sub/page.html").read_text() == f"<script type=module>new Worker('{name}')</script>"


# A site in a browser

INDEX = """<!doctype html>
<html lang=en><head><meta charset=utf-8><title>A site &lt;img src=img/no.png&gt;</title>
<link rel=stylesheet href="css/app.css"><link rel=icon href="/static/img/dot.png?1">
<link rel="canonical" href="/static/index.html">
<script type="importmap">{"imports": {"leaf": "./js/leaf.js"}}</script>
<!-- <img src="img/no.png"> -->
<style>#style { background: url(img/a%20b.png) }</style></head>
<body>
<div id=style>&nbsp;</div><div style="background-image: url(&quot;img/dot.png&quot;)">&nbsp;</div>
<img id=img src="img/dot.png" alt=""><img id=set srcset="img/dot.png 1x, img/a%20b.png 2x" alt="">
<picture><source srcset="img/dot.png"><img alt=""></picture>
<svg width=20 height=20><use href="img/sprite.svg#dot"/><image href="img/dot.png" width=9 height=9 /></svg>
<video poster="img/dot.png"></video><object data="img/sprite.svg" type="image/svg+xml"></object>
<iframe src="sub/page.html"></iframe><a id=link href="sub/page.html">a page</a>
<script src="js/classic.js"></script>
<script type=module>
import {leaf} from "leaf"; import {other} from "./js/other.js"; // import "./js/no.js"
document.body.dataset.module = leaf + other;
import("./js/lazy.js").then(({lazy}) => { document.body.dataset.lazy = lazy; });
</script></body></html>
"""

SITE = {
    "index.html": INDEX,
    "sub/page.html": "<!doctype html><base href='..'><link rel=icon href=img/dot.png>"
    "<img src='img/dot.png' alt=''>",
    "css/app.css": "body { color: rgb(1, 2, 3); background: url(../img/dot.png) }",
    "js/classic.js": "document.body.dataset.classic = 'c';",
    "js/leaf.js": "export const leaf = 'l';",
    "js/other.js": "import {leaf} from './leaf.js'; export const other = 'o' + leaf;",
    "js/lazy.js": "export const lazy = 'z';",
    "img/sprite.svg": "<svg xmlns='http://www.w3.org/2000/svg'><symbol id='dot' viewBox='0 0 9 9'>"
    "<circle r='9'/></symbol></svg>",
}


@pytest.mark.real
def test_a_static_site_loads_nothing_that_is_not_immutable_but_its_pages(tmp_path: Path, out: Path) -> None:
    for path, text in SITE.items():
        put(tmp_path / "site", path, text.encode())
    for name in ("img/dot.png", "img/a b.png"):
        put(tmp_path / "site", name, noise(16))
    assert build(tmp_path / "site", out, HTML).warnings == []
    files, pages = manifest_of(out).files.keys(), ["index.html", "sub/page.html"]
    start = f"{PREFIX}index.html"
    with launch() as browser, serve(Site(out, {})) as url, Visit.to(browser, url + start) as visit:
        assert visit.wait("document.body.dataset.lazy") == "z"
        assert visit.wait("document.body.dataset.module") == "lol"
        assert visit.wait("document.body.dataset.classic") == "c"
        assert visit.wait("document.getElementById('img').naturalWidth") == 16
        assert visit.wait("getComputedStyle(document.body).color") == "rgb(1, 2, 3)"
        visit.page.wait_for_load_state("networkidle")
        visit.assert_clean(files, unhashed=pages)
        visit.page.click("#link")
        visit.page.wait_for_url(f"{url}{PREFIX}sub/page.html")
        visit.page.wait_for_load_state("networkidle")
        visit.assert_clean(files, unhashed=pages)
