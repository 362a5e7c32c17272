"""The shape of tokens in names."""

from __future__ import annotations

import pytest

from hashserve.builder.bundlers.name_tokens import NameToken, token_of


def the_token(path: str) -> NameToken:
    token = token_of(path)
    assert token is not None
    return token


@pytest.mark.parametrize(
    ("path", "token", "plain"),
    [
        ("js/main.04d8e1f0c3ab4c5d6e7f.js", "04d8e1f0c3ab4c5d6e7f", "js/main.js"),
        ("assets/index-C_rL51Fj.js", "C_rL51Fj", "assets/index.js"),
        ("start.Deipxzk4.js", "Deipxzk4", "start.js"),
        ("main-WTAKXAXI.js", "WTAKXAXI", "main.js"),
        ("360.c9ebbf45.chunk.js", "c9ebbf45", "360.chunk.js"),
        ("a/44f4ac0463c3ce7ca14b.png", "44f4ac0463c3ce7ca14b", "a/.png"),
    ],
)
def test_a_token_stands_before_the_extension(path: str, token: str, plain: str) -> None:
    found = the_token(path)
    assert (found.text, found.plain_path) == (token, plain)


@pytest.mark.parametrize(
    "path",
    [
        "app.js",
        "photo-20240115.jpg",
        "invoice-12345678.pdf",
        "0a1b2c3d.js",
        "index-C_rL51Fj",
        "-C_rL51F.js",
        "x" * 300 + "-C_rL51Fj.js",
    ],
)
def test_a_date_a_number_and_a_name_that_is_too_long_have_no_token(path: str) -> None:
    assert token_of(path) is None


@pytest.mark.parametrize("token", ["C_rL51Fj", "DIVf3hkQ", "Ww_2NiiX", "7V6Y5QUR", "0a1b2c3d"])
def test_chance_makes_what_people_do_not(token: str) -> None:
    assert the_token(f"a-{token}.js").is_random


@pytest.mark.parametrize(
    "word", ["HomePage", "3DViewer", "4x4truck", "calendar", "Html5App", "Page2Top", "FAQPages", "deadbeef"]
)
def test_what_people_write_is_never_random(word: str) -> None:
    assert not the_token(f"a-{word}.js").is_random


def test_the_pattern_of_a_name_matches_its_form_in_its_folder() -> None:
    assert the_token("a[b]/c-C_rL51Fj.js").glob == "a[[]b]/*-????????.*"
    assert the_token("a/44f4ac0463c3ce7ca14b.png").glob == f"a/*{'?' * 20}.*"
