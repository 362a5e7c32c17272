from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.builder.references.finder import find_references
from hashserve.builder.references.languages import Language
from hashserve.builder.references.rewrite import Frame, rewrite

NEW = "b.0123456789ab.png"

PLACES: list[tuple[Language, bytes, bytes]] = [
    ("css", b"a{b:url( a.png );c:d}", b"a{b:url( b.0123456789ab.png );c:d}"),
    ("css", b"a{b:url('a.png')}", b"a{b:url('b.0123456789ab.png')}"),
    ("css", b'@import "a\\"\\\n.css" print;', b'@import "b.0123456789ab.png" print;'),
    ("css", b"a{b:url(a.png);c:url(a.png)}", b"a{b:url(b.0123456789ab.png);c:url(b.0123456789ab.png)}"),
    ("css", b"/*# sourceMappingURL=a.map */", b"/*# sourceMappingURL=b.0123456789ab.png */"),
    ("mjs", b"import(`./a.js`) // './a.js'", b"import(`b.0123456789ab.png`) // './a.js'"),
    ("mjs", b"import './a.js'\r\n\xff", b"import 'b.0123456789ab.png'\r\n\xff"),
    ("js", b"//# sourceMappingURL=a.map", b"//# sourceMappingURL=b.0123456789ab.png"),
]

SPELLINGS: list[tuple[Language, bytes, str, bytes]] = [
    # An unquoted url() ends at a parenthesis and breaks at a quote; a space ends its text.
    ("css", b"url(a)", "b(1).svg#view('x')", rb"url(b\(1\).svg#view\(\'x\'\))"),
    ("css", b"url(a)", 'b "c" \\d.png', b"url(b%20%22c%22%20%5Cd.png)"),
    ("css", b"url(a)", "é/b.png?c=ü", b"url(%C3%A9/b.png?c=%C3%BC)"),
    ("css", b"url(a)", "b%20c.png?d=%zz", b"url(b%20c.png?d=%zz)"),
    ("css", b"url(a)", "b\n\0\x7f.png", b"url(b%0A%00%7F.png)"),
    ("css", b"url('a')", "it's (1).png", rb"url('it\'s%20(1).png')"),
    ("css", b'url("a")', "it's (1).png", b'url("it\'s%20(1).png")'),
    ("css", b"/*# sourceMappingURL=a */", "b*/c.map", b"/*# sourceMappingURL=b%2A/c.map */"),
    ("mjs", b"import 'a'", "./it's.js", rb"import './it\'s.js'"),
    ("mjs", b'import "a"', "./it's\u2028.js", b'import "./it\'s%E2%80%A8.js"'),
    ("mjs", b"import(`a`)", "./${b}`.js", b"import(`./$%7Bb%7D%60.js`)"),
    ("js", b"//# sourceMappingURL=a", "it's b.map", b"//# sourceMappingURL=it%27s%20b.map"),
]


@pytest.mark.parametrize(("language", "content", "expected"), PLACES)
def test_only_the_bytes_of_references_change(language: Language, content: bytes, expected: bytes) -> None:
    references = find_references(content, language=language)
    assert rewrite(content, [(reference, NEW) for reference in references]) == expected


@pytest.mark.parametrize(("language", "content", "url", "expected"), SPELLINGS)
def test_a_url_is_written_with_the_escapes_of_its_place(
    language: Language, content: bytes, url: str, expected: bytes
) -> None:
    (reference,) = find_references(content, language=language)
    assert rewrite(content, {reference: url}) == expected


@pytest.mark.parametrize("content", [b"url(\\61.png)", b"url('\\61.png')", b"url(\xff.png)"])
def test_a_reference_with_the_new_url_keeps_its_bytes(content: bytes) -> None:
    (reference,) = find_references(content, language="css")
    assert rewrite(content, {reference: reference.target}) == content


def test_the_order_of_replacements_does_not_matter() -> None:
    content = b"a{b:url(a.png);c:url(b.png)}"
    first, second = find_references(content, language="css")
    pairs = [(second, "d.png"), (first, "c.png")]
    assert rewrite(content, pairs) == rewrite(content, dict(pairs)) == b"a{b:url(c.png);c:url(d.png)}"


def test_references_of_other_content_are_refused() -> None:
    (reference,) = find_references(b"a{b:url(a.png)}", language="css")
    with pytest.raises(ValueError, match="not of this content"):
        rewrite(b"a{}", {reference: "b.png"})
    with pytest.raises(ValueError, match="overlaps"):
        rewrite(b"a{b:url(a.png)}", [(reference, "b.png"), (reference, "c.png")])


@given(
    url=st.text(st.characters(codec="utf-8"), min_size=1),
    place=st.sampled_from(
        [
            ("css", b"a{b:url(a)}"),
            ("css", b"a{b:url('a')}"),
            ("css", b'@import "a";'),
            ("css", b"/*# sourceMappingURL=a */"),
            ("mjs", b"import 'a';"),
            ("mjs", b'import "a";'),
            ("mjs", b"import(`a`);"),
            ("js", b"f()\n//# sourceMappingURL=a"),
        ]
    ),
)
def test_a_written_url_reads_back_as_the_same_url(url: str, place: tuple[Language, bytes]) -> None:
    language, content = place
    (reference,) = find_references(content, language=language)
    url = "./" + url
    rewritten = rewrite(content, {reference: url})
    (after,) = find_references(rewritten, language=language)
    # A second rewriting changes no byte: so the bytes are the URL, percent-encoded.
    assert rewrite(content, {reference: after.target}) == rewritten
    assert rewritten.startswith(content[: reference.start])
    assert rewritten.endswith(content[reference.end :])


def framed(content: bytes, start: bytes, end: bytes, url: str) -> bytes:
    """Rewrite the one reference of a stylesheet in a frame that reaches from ``start`` to ``end``."""
    (reference,) = find_references(content, language="css")
    begin = content.index(start)
    frame = Frame(start=begin, end=content.index(end, begin) + len(end), before=b'url("', after=b'")')
    return rewrite(content, {reference: url}, {reference: frame})


def test_a_frame_replaces_the_construct_around_a_reference() -> None:
    assert framed(b"a{b:url( 'a.png' );c:d}", b"url(", b")", NEW) == b'a{b:url("b.0123456789ab.png");c:d}'


def test_in_a_frame_an_unchanged_url_is_written_again_inside_its_quotes() -> None:
    assert framed(b"a{b:url(a.png)}", b"url(", b")", "a.png") == b'a{b:url("a.png")}'
    assert framed(b"a{b:url(a.png)}", b"url(", b")", 'a "b" (c).png') == b'a{b:url("a%20%22b%22%20(c).png")}'


def test_frames_that_overlap_are_refused() -> None:
    content = b"url(a.png)url(b.png)"
    one, other = find_references(content, language="css")
    whole = Frame(start=0, end=len(content), before=b"", after=b"")
    with pytest.raises(ValueError, match="overlaps"):
        rewrite(content, {one: NEW, other: NEW}, {one: whole})
