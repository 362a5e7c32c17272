"""The references of a file, found by its language, in random bytes and in real trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.builder.references.finder import find_references, finder_of
from hashserve.builder.references.languages import Language, language_of
from hashserve.builder.references.rewrite import rewrite
from tests.support.real_trees import real_tree

LANGUAGES: tuple[Language, ...] = ("css", "js", "mjs")


@pytest.mark.parametrize(
    ("path", "content", "targets"),
    [
        ("a.css", b"a{b:url(b.png)} import './c.js'", ["b.png"]),
        ("a.js", b"import './c.js'; 'url(b.png)'", ["./c.js"]),
        ("a.js", b"importScripts('./c.js')", []),
        ("a.mjs", b"importScripts('./c.js')", ["./c.js"]),
        ("a.html", b"<img src=b.png>", ["b.png"]),
    ],
)
def test_a_file_is_read_in_the_language_of_its_extension(
    path: str, content: bytes, targets: list[str]
) -> None:
    find = finder_of(path, html=True)
    assert find is not None
    assert [reference.target for reference in find(content)] == targets


@pytest.mark.parametrize(("path", "html"), [("a.png", True), ("a.html", False)])
def test_other_files_are_not_searched_and_pages_only_on_request(path: str, html: bool) -> None:
    assert finder_of(path, html=html) is None


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
def test_references_in_random_bytes_are_in_order_and_keep_their_bytes(content: bytes) -> None:
    for language in LANGUAGES:
        references = find_references(content, language=language)
        edges = [0, *(edge for item in references for edge in (item.start, item.end)), len(content)]
        assert edges == sorted(edges)
        assert rewrite(content, [(item, item.target) for item in references]) == content


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
        {"export from": 416, "import": 1204, "import()": 1, "new URL()": 2},
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
