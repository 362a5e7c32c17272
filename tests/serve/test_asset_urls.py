"""URLs and integrity values of logical paths."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

import hashserve
from hashserve.digests import digest_of, integrity_of
from hashserve.errors import UnknownAssetError
from hashserve.serve.asset_urls import AssetUrls, readings
from hashserve.serve.site import Site
from hashserve.settings.serve import ServeSettings
from tests.support.clock import Clock
from tests.support.files import put
from tests.support.trees import STYLES, TEN, BuiltTree


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("ab", ("ab", "")),
        ("a?b", ("a", "?b")),
        ("a#b", ("a", "#b")),
        ("a?b#c", ("a", "?b#c")),
        ("aX?b?c", ("aX", "?b?c")),
        ("a#b?c", ("a", "#b?c")),
        ("", ("", "")),
        ("?", ("", "?")),
    ],
)
def test_a_path_is_read_as_it_stands_then_without_what_is_behind(path: str, split: tuple[str, str]) -> None:
    *_, last = readings(path)
    assert last == split


def test_the_integrity_of_what_keeps_its_name_is_of_the_bytes_on_disk(tmp_path: Any) -> None:
    put(str(tmp_path), "robots.txt", TEN)
    put(str(tmp_path), "staticfiles.json", b'{"version": "1.1", "paths": {"robots.txt": "robots.txt"}}')
    site = Site(ServeSettings())
    site.add(str(tmp_path), "/static/")
    assert AssetUrls(site).url("robots.txt") == "/static/robots.txt"
    assert AssetUrls(site).integrity("robots.txt") == integrity_of(digest_of([TEN]))


def site_of(*roots: str, clock: Clock | None = None, **settings: Any) -> Site:
    site = Site(ServeSettings(**settings), clock=clock or Clock())
    for root in roots:
        site.add(root, "/static/")
    return site


def test_a_url_keeps_its_query_and_fragment(built: BuiltTree) -> None:
    urls = AssetUrls(site_of(built.root))
    assert urls.url("ten.txt?a#b") == f"/static/{built.names['ten.txt']}?a#b"


def test_a_url_starts_with_the_base_or_the_origin_or_the_mount_point(built: BuiltTree) -> None:
    path = f"/static/{built.names['ten.txt']}"
    site = site_of(url_base="https://base.example")
    site.add(built.root, "/static/", origin="https://origin.example")
    assert AssetUrls(site).url("ten.txt", "/mounted") == f"https://base.example{path}"
    site = site_of()
    site.add(built.root, "/static/", origin="https://origin.example")
    assert AssetUrls(site).url("ten.txt", "/mounted") == f"https://origin.example{path}"
    assert AssetUrls(site_of(built.root)).url("ten.txt", "/mounted") == f"/mounted{path}"
    assert AssetUrls(site_of(built.root)).url("ten.txt") == path


def test_the_folder_that_was_added_last_is_asked_first(built: BuiltTree, tmp_path: Any) -> None:
    put(tmp_path, "last/ten.txt", b"other")
    urls = AssetUrls(site_of(built.root, str(tmp_path / "last")))
    assert urls.url("ten.txt") == "/static/ten.txt"
    assert urls.integrity("ten.txt") == integrity_of(digest_of([b"other"]))
    assert urls.integrity("css/styles.css") == integrity_of(digest_of([STYLES]))


def test_an_integrity_is_that_of_the_path_without_its_query(built: BuiltTree) -> None:
    assert AssetUrls(site_of(built.root)).integrity("ten.txt?a") == integrity_of(digest_of([TEN]))


@pytest.mark.parametrize("ask", [AssetUrls.url, AssetUrls.integrity])
def test_what_no_folder_has_is_an_error_that_names_it_and_the_folders(
    built: BuiltTree, ask: Callable[[AssetUrls, str], str]
) -> None:
    urls = AssetUrls(site_of(built.root, os.path.join(built.root, "css")))
    with pytest.raises(UnknownAssetError) as raised:
        ask(urls, "none.txt")
    expected = UnknownAssetError("none.txt", (f"{built.root}/css/", f"{built.root}/"))
    assert str(raised.value) == str(expected)


def test_the_integrity_of_a_file_that_cannot_be_read_is_an_error_that_names_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise OSError(errno.EIO, "disk")

    put(tmp_path, "a.txt", b"")
    urls = AssetUrls(site_of(str(tmp_path)))
    monkeypatch.setattr("os.open", failing)
    with pytest.raises(UnknownAssetError) as raised:
        urls.integrity("a.txt")
    assert str(raised.value) == str(UnknownAssetError("a.txt", (f"{tmp_path}/",)))


@pytest.mark.parametrize("ask", [AssetUrls.url, AssetUrls.integrity])
def test_a_new_manifest_counts_once_it_is_time_to_look(
    built: BuiltTree, ask: Callable[[AssetUrls, str], str]
) -> None:
    clock = Clock()
    urls = AssetUrls(site_of(built.root, clock=clock, check_interval=5))
    before = ask(urls, "ten.txt")
    built.add("ten.txt", b"new")
    built.publish()
    os.unlink(os.path.join(built.root, "ten.txt"))
    assert ask(urls, "ten.txt") == before
    clock.now = 5.0
    assert ask(urls, "ten.txt") != before


VITE_ENTRY = {"file": "assets/index-C_rL51Fj.js", "src": "index.html", "isEntry": True}
BUNDLES = {
    ".vite/manifest.json": {"index.html": VITE_ENTRY},
    "manifest.json": {"index.html": VITE_ENTRY, "robots.txt": {"file": "robots.txt"}},
    "assets.json": {"index.html": "/static/assets/index-C_rL51Fj.js"},
}


@pytest.mark.parametrize("name", BUNDLES)
def test_the_path_of_a_file_names_that_file_and_not_what_a_bundler_made_of_it(
    name: str, tmp_path: Any
) -> None:
    put(tmp_path, "dist/index.html", b"<!doctype html>")
    put(tmp_path, "dist/assets/index-C_rL51Fj.js", b"let a;")
    put(tmp_path, f"dist/{name}", json.dumps(BUNDLES[name]).encode())
    site = site_of()
    site.add(str(tmp_path / "dist"), "/static/", manifest_name=name)
    urls = AssetUrls(site)
    assert urls.url("index.html") == "/static/index.html"
    assert urls.integrity("index.html") == integrity_of(digest_of([b"<!doctype html>"]))
    assert urls.url("assets/index.js") == "/static/assets/index-C_rL51Fj.js"
    hashserve.build(tmp_path / "dist", tmp_path / "out", bundler_manifests=[tmp_path / "dist" / name])
    built = AssetUrls(site_of(str(tmp_path / "out")))
    assert re.fullmatch(r"/static/index\.[0-9a-f]{12}\.html", built.url("index.html"))
    assert built.integrity("index.html") == integrity_of(digest_of([b"<!doctype html>"]))


def test_an_original_next_to_its_fingerprinted_form_still_names_that_form(tmp_path: Any) -> None:
    put(tmp_path, "app.js", b"let a;")
    put(tmp_path, "app-0a1b2c3d4e5f.js", b"let a;")
    put(tmp_path, ".manifest.json", b'{"app.js": "app-0a1b2c3d4e5f.js"}')  # Propshaft's
    assert AssetUrls(site_of(str(tmp_path))).url("app.js") == "/static/app-0a1b2c3d4e5f.js"
