"""The references in a page, and how their new URLs are written there."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.builder.references.html import find_page_references
from hashserve.builder.references.reference import Reference
from hashserve.builder.references.rewrite import rewrite
from tests.support.hypothesis_profile import QUICK, texts_of

PAGES = [
    # Content, and what the page loads.
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
    # Links to other pages, URLs for others, and text that only looks like a reference.
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


# A page, and the page after all its references became "n'&w.x".
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
def test_a_url_is_written_with_the_escapes_of_its_place(page: bytes, expected: bytes) -> None:
    rewritten = rewrite(page, [(item, "n'&w.x") for item in find_page_references(page)])
    assert rewritten == expected
    assert {item.target for item in find_page_references(rewritten)} == {"n'&w.x"}


def test_commas_around_a_url_are_encoded_in_a_srcset() -> None:
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
def test_a_rewritten_page_has_the_new_urls_and_no_other_change(page: str, url: str) -> None:
    content = page.encode()
    found = find_page_references(content)
    rewritten = rewrite(content, [(item, url) for item in found])
    again = find_page_references(rewritten)
    assert [item.kind for item in again] == [item.kind for item in found]
    assert around(rewritten, again) == around(content, found)
    assert {unquote(item.target) for item in again} == ({url} if found else set())


def around(content: bytes, references: list[Reference]) -> list[bytes]:
    """Return the bytes between the references of a page."""
    starts = [0, *(item.end for item in references)]
    ends = [*(item.start for item in references), len(content)]
    return [content[start:end] for start, end in zip(starts, ends, strict=True)]
