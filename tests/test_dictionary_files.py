"""Files that are dictionaries, and their URL patterns."""

from __future__ import annotations

import pytest

from hashserve.dictionary_files import (
    LARGEST_BYTES,
    SMALLEST_BYTES,
    WHY_NOT_DICTIONARY,
    delta_token,
    dictionary_match,
    is_offered,
    use_as_dictionary,
    why_not_dictionary,
)

# Each was seen in Chromium 156: it sends the older file's digest with the request for the newer one.
PATTERNS = {
    "app.55e7cbb9ba48.css": "app.*.css",
    "css/app.55e7cbb9ba48.css": "../css/app.*.css",
    "x/b/index-DiwrgTda.js": "../../x/b/index-*.js",
    "chunk-BYPASSED.js": "chunk-*.js",
    "_app/immutable/entry/start.C_rL51Fj.js": "../../../_app/immutable/entry/start.*.js",
    "_astro/about.DiwrgTda.css": "../_astro/about.*.css",
    "min/app.min.55e7cbb9ba48.js": "../min/app.min.*.js",
    "sp ace/é.55e7cbb9ba48.js": "../sp%20ace/%C3%A9.*.js",
    "100%/a.55e7cbb9ba48.js": "../100%25/a.*.js",
    "a~b/$c&d/e'f/x@y.55e7cbb9ba48.js": "../../../a~b/$c&d/e'f/x@y.*.js",
    "app/[slug]/page-55e7cbb9ba48.js": "../../app/*slug*/page-*.js",
    "app/(group)/page-55e7cbb9ba48.js": "../../app/*group*/page-*.js",
    "a+b/c:d/page-55e7cbb9ba48.js": "../../a*b/c*d/page-*.js",
}


@pytest.mark.parametrize("path", PATTERNS)
def test_the_pattern_of_a_file_goes_up_to_the_root_and_leaves_the_fingerprint_out(path: str) -> None:
    assert dictionary_match(path) == PATTERNS[path]


@pytest.mark.parametrize("token", ["DU464-4K", "BYPASSED", "ABCDEFGH", "________", "abcdefgh"])
def test_the_fingerprint_of_a_bundler_may_look_like_a_word(token: str) -> None:
    path = f"assets/main-{token}.css"
    assert dictionary_match(path) == "../assets/main-*.css"
    assert is_offered(path, "assets/main-BDJQqO9B.css")
    assert delta_token(path, "") == token
    assert dictionary_match(f"assets/-{token}.css") == dictionary_match(f"assets/{token}.css") is None


def test_files_of_one_name_in_two_folders_have_two_patterns() -> None:
    paths = [f"{folder}index.55e7cbb9ba48.js" for folder in ("", "a/", "b/", "x/b/", "y/b/")]
    assert len({dictionary_match(path) for path in paths}) == len(paths)


@pytest.mark.parametrize(
    ("path", "size", "why"),
    [
        ("a.55e7cbb9ba48.png", 9000, "kind"),
        ("a.55e7cbb9ba48.js.map", 9000, "kind"),
        ("LICENSE.55e7cbb9ba48", 9000, "kind"),
        ("a.55e7cbb9ba48.js", None, "unknown-size"),
        ("a.55e7cbb9ba48.js", SMALLEST_BYTES - 1, "small"),
        ("a.55e7cbb9ba48.js", LARGEST_BYTES + 1, "large"),
        ("[slug].55e7cbb9ba48.js", 9000, "pattern-characters"),
        ("runtime.js", 9000, "no-fingerprint"),
        ("d/55e7cbb9ba4855e7cbb9.js", 9000, "no-fingerprint"),
        ("chunks/C_rL51Fj.js", 9000, "no-fingerprint"),
    ],
)
def test_a_file_that_is_no_dictionary_has_a_reason_and_no_field(
    path: str, size: int | None, why: str
) -> None:
    assert why_not_dictionary(path, size) == why
    assert use_as_dictionary(path, size) is None


def test_each_reason_has_a_meaning() -> None:
    assert WHY_NOT_DICTIONARY.keys() == {
        "kind",
        "unknown-size",
        "small",
        "large",
        "pattern-characters",
        "no-fingerprint",
    }


def test_the_field_of_a_dictionary_names_its_pattern() -> None:
    assert use_as_dictionary("css/app.55e7cbb9ba48.CSS", SMALLEST_BYTES) == 'match="../css/app.*.CSS"'


@pytest.mark.parametrize(
    ("dictionary", "path", "expected"),
    [
        ("css/app.55e7cbb9ba48.css", "css/app.0a1b2c3d4e5f.css", True),
        ("css/app.55e7cbb9ba48.css", "css/app.0a1b2c3d4e5f6a7b.css", True),
        ("css/app.55e7cbb9ba48.css", "css/app..css", False),
        ("css/app.55e7cbb9ba48.css", "css/app.0a1b2c3d4e5f.js", False),
        ("css/app.55e7cbb9ba48.css", "css/new.0a1b2c3d4e5f.css", False),
        ("css/app.55e7cbb9ba48.css", "app.0a1b2c3d4e5f.css", False),
        ("d/index-DiwrgTda.js", "d/index-C_rL51Fj.js", True),
        ("app.css", "app.css", False),
    ],
)
def test_a_dictionary_is_offered_for_what_its_pattern_matches(
    dictionary: str, path: str, expected: bool
) -> None:
    assert is_offered(dictionary, path) is expected
