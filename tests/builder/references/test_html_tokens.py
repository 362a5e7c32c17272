"""The tokenizer of pages: what a browser takes for a tag, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.builder.references.html_tokens import Tag, Text, tokens
from tests.support.growth import assert_linear
from tests.support.hypothesis_profile import QUICK

# A page, and its tags with their attributes, then its texts.
PAGES = [
    # Realistic.
    (b'<p class="a" id=b>', ["p class=a id=b"]),
    (b"<IMG SRC='a.png' alt>", ["img src=a.png alt="]),
    (b"<br/><img src=a.png/>", ["br", "img src=a.png/"]),
    (b'<img src = "a.png"\n\tsrcset=b>', ["img src=a.png srcset=b"]),
    (b"<!doctype html><?php echo 1 ?></p><a>", ["a"]),
    (b"a < b && c > d <3 </ x>", []),
    (b"<style>a>b{}</style><b>", ["style", "'a>b{}'", "b"]),
    (b"<script>if (a<b) '<img>'</script><b>", ["script", "\"if (a<b) '<img>'\"", "b"]),
    (b"<title><img></title><textarea><img></textarea>", ["title", "textarea"]),
    (b"<noscript><img src=a></noscript><template><img src=b></template>",
     ["noscript", "img src=a", "template", "img src=b"]),
    (b"<svg><style>a{}</style><title><b></title><image href=a /></svg><style>b</style>",
     ["svg", "style", "'a{}'&", "title", "b", "image href=a", "style", "'b'"]),
    (b"<svg><style><![CDATA[a>b{}]]></style></svg>", ["svg", "style", "'a>b{}'"]),
    # Text that only looks like a tag.
    (b"<!-- <img> --><b>", ["b"]),
    (b"<!--><b><!---><i><!----><u>--><!-- <s> --!><em>", ["b", "i", "u", "em"]),
    (b"<! <img>", []),
    (b"<xmp><img></xmp><iframe><img></iframe><noembed><img></noembed><noframes><img></noframes>",
     ["xmp", "iframe", "noembed", "noframes"]),
    (b"<plaintext><img></plaintext><img>", ["plaintext"]),
    (b"<![CDATA[<b>]]>", []),
    # Pathological.
    (b"<p a=1 A=2 a>", ["p a=1"]),
    (b"<p =a ==b c=>", ["p =a==b c="]),
    (b"<p a=\"<img>\" b='>'>", ["p a=<img> b=>"]),
    (b"<p/a/b=c/>", ["p a= b=c/"]),
    (b"<p a=\"b", []),
    (b"<p a", []),
    (b"<p a=", []),
    (b"<", []),
    (b"</", []),
    (b"<!--", []),
    (b"<p\0>", ["p\0"]),
    (b"<style>a</style", ["style", "'a</style'"]),
    (b"<STYLE>a</Style\n>", ["style", "'a'"]),
    (b"<script>a</scripty></script >", ["script", "'a</scripty>'"]),
    (b"<script>never closed", ["script"]),
    (b"<script><!-- <script></script> --></script><b>",
     ["script", "'<!-- <script></script> -->'", "b"]),
    (b"<script><!-- </script><b>", ["script", "'<!-- '", "b"]),
    (b"<script><!--><script></script><b>", ["script", "'<!--><script>'", "b"]),
    (b"<svg><p><style>a</style>", ["svg", "p", "style", "'a'"]),
    (b"<svg><foreignObject><style>a</style></foreignObject><style>b</style></svg>",
     ["svg", "foreignobject", "style", "'a'", "style", "'b'&"]),
    (b"<div><svg></div><title><b></title>", ["div", "svg", "title"]),
    (b"<svg><g><g></svg><title><b></title>", ["svg", "g", "g", "title"]),
    (b"<svg/><title><b></title><svg></p><title><b></title>", ["svg", "title", "svg", "title"]),
    (b"<math><mi><title><b></title></mi><title><b></title></math>",
     ["math", "mi", "title", "title", "b"]),
    (b"<math><annotation-xml encoding='text/html'><title><b></title>",
     ["math", "annotation-xml encoding=text/html", "title"]),
    (b"<svg><font><font color=red><title><b></title>", ["svg", "font", "font color=red", "title"]),
]  # fmt: skip


def shown(content: bytes) -> Iterator[str]:
    for token in tokens(content):
        if isinstance(token, Text):
            yield repr(content[token.start : token.end].decode()) + "&" * token.has_character_references
        else:
            attributes = (
                f" {name}={content[start:end].decode()}" for name, (start, end) in token.attributes.items()
            )
            yield token.name + "".join(attributes)


@pytest.mark.parametrize(("page", "expected"), PAGES)
def test_tags_and_texts_are_those_of_the_standard(page: bytes, expected: list[str]) -> None:
    assert list(shown(page)) == expected


PIECES = [
    *("<", ">", "</", "<!--", "-->", "--!>", "<!", "<?", "/", "=", '"', "'", " ", "\n", "a", "b"),
    *("-", "!", "x=y", "<script>", "</script>", "<style>", "</style>", "<title>", "</title>"),
    *("<textarea>", "</textarea>"),
    *("<svg>", "</svg>", "<svg/>", "<g>", "</g>", "<svg><![CDATA[", "]]>", "<svg><style>", "<svg><title>"),
    *("<p>", "<img src=x>", "<a href='y'>", "<br/>", "<table>", "<td>", "<iframe>", "</iframe>", "<xmp>"),
    *("<script", "</script", "<!-", "<font>", "<font color=x>", "<plaintext>", "<div", "\t", "\f", "é"),
]  # fmt: skip


@QUICK
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_html5lib_finds_the_same_tags(page: str) -> None:
    ours = [
        (token.name, sorted(token.attributes)) for token in tokens(page.encode()) if isinstance(token, Tag)
    ]
    assert ours == tags_of_html5lib(page)


def tags_of_html5lib(page: str) -> list[tuple[str, list[str]]]:
    """Return the start tags of html5lib's tokenizer, with its tree builder, which knows SVG and MathML."""
    from html5lib._tokenizer import HTMLTokenizer
    from html5lib.constants import tokenTypes
    from html5lib.html5parser import HTMLParser

    found: list[tuple[str, list[str]]] = []

    given = HTMLTokenizer.__iter__

    def noted(tokenizer: Any) -> Iterator[Any]:
        for token in given(tokenizer):
            if token["type"] in (tokenTypes["StartTag"], tokenTypes["EmptyTag"]):
                names = {name.lower() for name in dict(token["data"])}
                found.append((token["name"], sorted(names)))
            yield token

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(HTMLTokenizer, "__iter__", noted)
        HTMLParser().parse(page)
    return found


@QUICK
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES)).map("".join).map(str.encode))
def test_random_bytes_raise_no_error_and_positions_are_inside_of_them(content: bytes) -> None:
    for token in tokens(content):
        spans = [(token.start, token.end)] if isinstance(token, Text) else [*token.attributes.values()]
        assert all(0 <= start <= end <= len(content) for start, end in spans)


@pytest.mark.parametrize(
    "piece",
    [b"<", b"<!--", b"<svg>", b"<svg><g>", b"</g>", b"<a b", b"<a b='", b"<script>", b"<![CDATA[", b"a ="],
)
def test_work_grows_as_the_page_does(piece: bytes) -> None:
    assert_linear(lambda size: tokens(b"<svg><g>" * size + piece * (16 * size)), size=500)
