"""Folders that frameworks reserve."""

from __future__ import annotations

import pytest

from hashserve.builder.bundlers.framework_folders import named_by_frameworks


@pytest.mark.parametrize(
    "paths",
    [
        ["_next/static/chunks/0cz1d0mv5g_q7.js"],
        ["docs/_next/static/chunks/turbopack-2u1d16houkiyo.js"],
        ["_next/static/media/a34f9d1faa5f3315-s.p.woff2", "_next/static/media/logo.1a2b3c4d.png"],
        ["_app/immutable/chunks/B-nZ5Vxz.js", "_app/immutable/entry/start.Deipxzk4.js"],
        ["_nuxt/DlAUqK2U.js", "_nuxt/entry.Deipxzk4.css"],
        ["_astro/index.Dk3xM1aB.css"],
    ],
)
def test_a_frameworks_files_are_known_by_their_folder(paths: list[str]) -> None:
    assert [*named_by_frameworks(paths)] == paths


@pytest.mark.parametrize(
    "path",
    [
        "_next/static/F1F-m-b1FXRXhC5BD-JvL/_buildManifest.js",
        "_next/data/0cz1d0mv5g_q7.js",
        "_next/static/css/some-component.css",
        "_app/version.json",
        "_app/immutable/readme.js",
        "_app/immutable/calendar.js",
        "_app/immutable/nav-menu.css",
        "_nuxt/builds/latest.json",
        "_nuxt/builds/meta/DlAUqK2U.js",
        "my_nuxt/DlAUqK2U.js",
        "_nuxt/DlAUqK2U.js.map",
        "_nuxt/error-component.js",
        "_nuxt/bootstrap5-bundles.js",
        "_astro/page-nav.css",
        "_next/static/chunks/app-pages-internals.js",
        "_nuxt/critical-styles.css",
        "_astro/Checkout.css",
        "_astro/page.Checkout.css",
        "_astro/chapter1.css",
        "_astro/photo-01.jpg",
        "_astro/hero-20240101.png",
        "_astro/C_rL51Fj.css",
    ],
)
def test_what_is_not_named_by_its_content_is_no_framework_file(path: str) -> None:
    assert not [*named_by_frameworks([path])]


def test_what_may_be_a_word_needs_a_random_token_in_the_same_folder() -> None:
    random, word = "blog/_astro/index.Dk3xM1aB.css", "blog/_astro/page.Checkout.css"
    assert [*named_by_frameworks([random, word])] == [random, word]
    assert [*named_by_frameworks([random, f"other/{word}"])] == [random]
