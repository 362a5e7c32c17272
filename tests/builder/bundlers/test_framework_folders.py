"""Folders that frameworks reserve."""

from __future__ import annotations

import pytest

from hashserve.builder.bundlers.framework_folders import is_in_framework_folder


@pytest.mark.parametrize(
    "path",
    [
        "_next/static/chunks/0cz1d0mv5g_q7.js",
        "docs/_next/static/chunks/turbopack-2u1d16houkiyo.js",
        "_next/static/media/a34f9d1faa5f3315-s.p.woff2",
        "_app/immutable/entry/start.Deipxzk4.js",
        "_app/immutable/chunks/B-nZ5Vxz.js",
        "_nuxt/DlAUqK2U.js",
        "_astro/index.Dk3xM1aB.css",
    ],
)
def test_a_frameworks_file_is_known_by_its_folder(path: str) -> None:
    assert is_in_framework_folder(path)


@pytest.mark.parametrize(
    "path",
    [
        "_next/static/F1F-m-b1FXRXhC5BD-JvL/_buildManifest.js",
        "_next/data/0cz1d0mv5g_q7.js",
        "_app/version.json",
        "_app/immutable/readme.js",
        "_app/immutable/calendar.js",
        "_nuxt/builds/latest.json",
        "_nuxt/builds/meta/DlAUqK2U.js",
        "my_nuxt/DlAUqK2U.js",
        "_nuxt/DlAUqK2U.js.map",
        "_nuxt/error-component.js",
        "_nuxt/bootstrap5-bundles.js",
        "_astro/page-nav.css",
        "_next/static/chunks/app-pages-internals.js",
    ],
)
def test_what_is_not_named_by_its_content_is_no_framework_file(path: str) -> None:
    assert not is_in_framework_folder(path)
