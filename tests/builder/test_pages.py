"""Pages: built, checked and loaded by a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import HashServe
from hashserve.builder import BuildSettings, build
from hashserve.check import CheckSettings, Level, check
from tests.support.browser import PREFIX, Site, Visit, launch, serve
from tests.support.building import manifest_of
from tests.support.client import request, wrapped_application
from tests.support.files import put
from tests.support.real_trees import noise

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


def test_a_page_keeps_its_address_and_loads_files_of_its_release(source: Path, out: Path) -> None:
    build(source, out, HTML)
    paths = manifest_of(out).paths
    server = HashServe(wrapped_application, root=out, index_file=True)
    expected = f"<script type=module src={paths['app.js']}></script><img src={paths['img/dot.svg']}>\n"
    assert request(server, "/static/").body.decode() == expected
    page = request(server, "/static/sub/page.html").body.decode()
    assert page == f"<a href=../index.html></a><img src=../{paths['img/dot.svg']}>\n"


def test_the_check_knows_a_circle_with_a_page_in_it(source: Path, out: Path) -> None:
    build(source, out, HTML)
    report = check(out, CheckSettings(html=True))
    assert [item for item in report.findings if item.level is not Level.NOTE] == []
    put(source, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    before = manifest_of(out).paths
    build(source, out, HTML)
    after = manifest_of(out).paths
    assert {path for path in before if before[path] != after[path]} == before.keys()


def test_the_check_reports_references_in_pages_on_request(source: Path, out: Path) -> None:
    put(source, "index.html", b"<img src=gone.png><img src=img/dot.svg>")
    build(source, out)
    assert [item for item in check(out).findings if item.rule.startswith("reference")] == []
    rules = [item.rule for item in check(out, CheckSettings(html=True)).findings]
    assert {"reference-missing", "reference-unhashed"} <= set(rules)


def test_a_missing_file_of_a_page_is_reported_with_line_and_column(source: Path, out: Path) -> None:
    put(source, "index.html", b"<p>\n<img src='gone.png'><iframe src=gone.html></iframe><img src='{{ x }}'>")
    [finding] = build(source, out, HTML).warnings
    assert str(finding) == (
        f"{source}/index.html:2:11: an attribute refers to 'gone.png', but the source has no file 'gone.png'"
    )


def test_an_integrity_attribute_that_the_build_invalidates_is_reported(source: Path, out: Path) -> None:
    page = b"<script src=app.js integrity=sha384-x></script><img src=img/dot.svg integrity=sha384-y>"
    put(source, "index.html", page)
    [finding] = build(source, out, HTML).warnings
    assert (finding.kind, finding.path) == ("integrity", str(source / "index.html"))
    assert "'app.js' as it is in the source" in finding.message


# The base that a page in sub/ states, and whether its image is found from there.
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


def test_a_reference_before_the_base_is_not_relative_to_it(source: Path, out: Path) -> None:
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
def test_a_static_site_loads_only_immutable_files_and_its_pages(tmp_path: Path, out: Path) -> None:
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
