"""What pages and proven scripts load."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from hashserve.builder.bundlers.entry_pages import entries_of, mentioned_by
from hashserve.builder.bundlers.name_tokens import NameToken, token_of
from tests.support.growth import assert_linear

ANGULAR = """<base href="/"><link rel="stylesheet" href="styles-OZZLORWJ.css" media="print">
<script src="polyfills-LVNOU2XZ.js" type="module"></script>
<script src="main-WTAKXAXI.js" type="module"></script>"""


def tokens(*paths: str) -> dict[str, NameToken]:
    return {path: token for path in paths if (token := token_of(path)) is not None}


def entries(
    page: str, content: str, scripts: dict[str, bytes], *others: str, folders: Collection[str] = ()
) -> set[str]:
    names = tokens(*scripts, *others)
    by_name = {path.rpartition("/")[2]: [path] for path in names}

    def contains(path: str, mark: bytes) -> bool:
        return mark in scripts.get(path, b"")

    found = entries_of(page, content.encode(), names, by_name, contains, folders)
    return {item.path for item in found}


def test_the_entries_of_angular_are_known_by_its_names_and_its_code() -> None:
    others = ("app/styles-OZZLORWJ.css", "app/polyfills-LVNOU2XZ.js")
    scripts = {"app/main-WTAKXAXI.js": b'setAttribute("ng-version","20.1.0")'}
    assert entries("app/index.html", ANGULAR, scripts, *others) == {*scripts, *others}
    assert entries("app/index.html", ANGULAR, {"app/main-WTAKXAXI.js": b"let a"}, *others) == set()


def test_an_entry_of_vite_with_another_name_needs_its_code_and_a_random_token() -> None:
    page = '<script type="module" crossorigin src="/assets/main-%s.js"></script>'
    code = b'supports("modulepreload")'
    for token, content, is_entry in (
        ("C_rL51Fj", code, True),
        ("C_rL51Fj", b"let a", False),
        ("HomePage", code, False),
    ):
        path = f"assets/main-{token}.js"
        assert bool(entries("index.html", page % token, {path: content})) is is_entry


def test_a_token_that_may_be_a_word_needs_a_style_sheet_with_another_one_or_a_kept_neighbour() -> None:
    page = '<script type="module" crossorigin src="/assets/main-HomePage.js"></script>'
    style = '<link rel="stylesheet" crossorigin href="/assets/main%s-W1erjkBN.css">'
    other = '<link rel="modulepreload" crossorigin href="/assets/helper-BzputcT5.js">'
    scripts = {"assets/main-HomePage.js": b"", "assets/helper-BzputcT5.js": b"modulepreload"}
    entry, sheet = "assets/main-HomePage.js", "assets/main-W1erjkBN.css"
    assert entry in entries("index.html", page + style % "" + other, scripts, sheet)
    assert entry not in entries("index.html", page + style % "-HomePage" + other, scripts, sheet)
    assert entry not in entries("index.html", page + other, scripts), "its chunks may have another form"
    assert entry in entries("index.html", page + other, scripts, folders=["assets/"])
    assert entry not in entries("index.html", page, {entry: b""}, folders=["assets/"])


@pytest.mark.parametrize(
    ("token", "is_entry"),
    [("C_rL51Fj", True), ("ByledO34", True), ("HomePage", False), ("OldStyle", False)],
)
def test_words_after_the_name_of_a_page_are_a_token_only_next_to_code_of_vite(
    token: str, is_entry: bool
) -> None:
    page = f'<script type="module" crossorigin src="/index-{token}.js"></script>'
    path = f"index-{token}.js"
    assert bool(entries("index.html", page, {path: b"let a"})) is is_entry
    assert entries("index.html", page, {path: b"modulepreload"}) == {path}


def test_a_page_loads_no_file_of_another_folder() -> None:
    page = '<script type="module" crossorigin src="index-C_rL51Fj.js"></script>'
    assert entries("a/index.html", page, {"a/index-C_rL51Fj.js": b""}) == {"a/index-C_rL51Fj.js"}
    assert entries("a/index.html", page, {"b/index-C_rL51Fj.js": b""}) == set()


@pytest.mark.parametrize(
    ("url", "is_loaded"),
    [
        ("/assets/index-C_rL51Fj.js", True),
        ("/static/dist/assets/index-C_rL51Fj.js", True),
        ("https://cdn.example.com/assets/index-C_rL51Fj.js", True),
        ("../assets/index-C_rL51Fj.js", True),
        ("assets/index-C_rL51Fj.js", False),
        ("/other/index-C_rL51Fj.js", False),
        ("//[/index-C_rL51Fj.js", True),  # no URL that a browser loads, and no error
    ],
)
def test_a_page_in_a_folder_loads_what_its_bundler_wrote_beside_the_folder(url: str, is_loaded: bool) -> None:
    page = f'<script type="module" crossorigin src="{url}"></script>'
    found = entries("dist/admin/index.html", page, {"dist/assets/index-C_rL51Fj.js": b""})
    assert bool(found) is is_loaded


@pytest.mark.parametrize(
    "make",
    [
        lambda size: b'"' + b"a/" * size,
        lambda size: b'"' * size,
        lambda size: (b'"' + b"a" * 200 + b"/") * (size // 200 + 1),
        lambda size: b'"' + b"aaaaaaaaaa.b" * size,
    ],
)
def test_the_search_for_mentions_is_linear(make: Callable[[int], bytes]) -> None:
    holder = token_of("a/index-C_rL51Fj.js")
    assert holder is not None
    assert_linear(lambda size: list(mentioned_by(holder, make(size), {}, 1)), size=2000)
