"""Fingerprinted assets: membership in the manifest, and damage on disk."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from typing import Any

import brotli
import pytest

from hashserve import HashServe, Manifest
from hashserve.digests import digest_of
from hashserve.serve.fingerprinted import FingerprintedFiles
from hashserve.serve.header_hook import HeaderHook
from hashserve.serve.inspection import Root
from hashserve.serve.policy import Policy
from tests.support.client import APPLICATION_BODY, Reply, request, wrapped_application
from tests.support.files import put
from tests.support.trees import STYLES, TEN, BuiltTree, collect_as_django, put_variants, wait_for_tick

LARGE = bytes(range(256)) * 8 * 1024


def is_clean_404(reply: Reply) -> bool:
    return (reply.status, reply.all("Cache-Control")) == (404, ["no-store"])


def table_of(tree: BuiltTree) -> FingerprintedFiles:
    return FingerprintedFiles(
        tree.manifest(), Root(path=os.path.join(tree.root, "")), "/static/", Policy(), most_remembered=100
    )


def test_an_asset_is_what_the_manifest_lists_and_nothing_else(built: BuiltTree) -> None:
    table = table_of(built)
    for path in built.names.values():
        assert table.asset(path) is not None
    put(built.root, "looks.0123456789ab.txt", b"hashed")
    for path in ("looks.0123456789ab.txt", "ten.txt", "", "nothing", "css"):
        assert table.asset(path) is None


def test_an_asset_is_made_once(built: BuiltTree) -> None:
    table, path = table_of(built), built.names["ten.txt"]
    assert table.asset(path) is table.asset(path)


def test_only_an_asset_with_variants_varies(built: BuiltTree) -> None:
    table = table_of(built)
    for name, varies in (("ten.txt", False), ("css/styles.css", True)):
        asset = table.asset(built.names[name])
        assert asset is not None
        assert ("Vary" in dict(asset.fields)) is varies


def test_a_hook_gets_the_place_and_the_url_of_a_fingerprinted_file(built: BuiltTree) -> None:
    calls: list[tuple[str, str]] = []
    policy = Policy(add_headers=HeaderHook(lambda fields, path, url: calls.append((path, url))))
    root, path = os.path.join(built.root, ""), built.names["ten.txt"]
    FingerprintedFiles(built.manifest(), Root(root), "/static/", policy, most_remembered=100).asset(path)
    assert calls == [(root + path, f"/static/{path}")]


def test_making_an_asset_of_our_manifest_touches_no_file(built: BuiltTree) -> None:
    table = table_of(built)
    for path in built.names.values():
        for name in (path, f"{path}.br", f"{path}.gz"):
            location = os.path.join(built.root, name)
            if os.path.exists(location):
                os.unlink(location)
    asset = table.asset(built.names["css/styles.css"])
    assert asset is not None
    assert set(asset.representations) == {"identity", "br", "gzip"}


def test_a_file_that_looks_fingerprinted_and_is_not_listed_is_not_immutable(built: BuiltTree) -> None:
    put(built.root, "jquery.202401011200.js", b"dated")
    put(built.root, "looks.0123456789ab.txt", b"hashed")
    application = HashServe(wrapped_application, built.root)
    for name in ("jquery.202401011200.js", "looks.0123456789ab.txt"):
        assert request(application, f"/static/{name}")["Cache-Control"] == "public, max-age=60"


def test_the_media_type_in_the_manifest_is_sent(built: BuiltTree) -> None:
    manifest = Manifest.load(os.path.join(built.root, "staticfiles.json"))
    path = built.names["ten.txt"]
    told = {path: "text/x-ten"}
    Manifest(
        paths=manifest.paths,
        files=manifest.files,
        codings=manifest.codings,
        created=1,
        prefix="/static/",
        media_types=told,
    ).write(os.path.join(built.root, "staticfiles.json"))
    reply = request(HashServe(wrapped_application, built.root), f"/static/{path}")
    assert reply["Content-Type"] == "text/x-ten; charset=utf-8"


def test_a_media_type_is_kept_where_the_file_is_looked_up_on_disk(tmp_path: Any) -> None:
    path = "a.0123456789ab.txt"
    put(tmp_path, path, TEN)
    manifest = Manifest(paths={"a.txt": path}, files={path: None}, media_types={path: "text/x-ten"})
    table = FingerprintedFiles(manifest, Root(f"{tmp_path}/"), "/static/", Policy(), most_remembered=100)
    asset = table.asset(path)
    assert asset is not None
    assert asset.sizes == {"identity": 10}
    assert ("Content-Type", "text/x-ten; charset=utf-8") in asset.fields


def test_a_manifest_does_not_publish_dotfiles(tmp_path: Any) -> None:
    put(str(tmp_path), ".env.0123456789ab", b"secret")
    put(str(tmp_path), "staticfiles.json", b'{"version": "1.1", "paths": {".env": ".env.0123456789ab"}}')
    application = HashServe(wrapped_application, tmp_path, "/static/")
    assert request(application, "/static/.env.0123456789ab").body == APPLICATION_BODY


# Damage


def cut_short(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def damage(path: str) -> None:
    size = os.path.getsize(path)
    with open(path, "r+b") as stream:
        stream.write(b"\xff" * size)


def replace_with_other_content(path: str) -> None:
    """Write other content of the same size; a variant decodes to it."""
    other = STYLES[::-1]
    coded = {".br": brotli.compress(other), ".gz": gzip.compress(other)}.get(path[-3:], other)
    with open(path, "wb") as stream:
        stream.write(coded)


def delete(path: str) -> None:
    os.unlink(path)


def make_a_folder(path: str) -> None:
    os.unlink(path)
    os.mkdir(path)


def make_a_fifo(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


SPOILING = [cut_short, damage, replace_with_other_content, delete, make_a_folder, make_a_fifo]


@pytest.mark.parametrize("spoil", SPOILING)
def test_a_damaged_variant_is_logged_and_left_out(
    built: BuiltTree, spoil: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    application = HashServe(wrapped_application, built.root)
    path = built.names["css/styles.css"]
    spoil(os.path.join(built.root, f"{path}.br"))
    for _ in range(2):
        reply = request(application, f"/static/{path}", accept_encoding="br, gzip")
        assert (reply["Content-Encoding"], gzip.decompress(reply.body)) == ("gzip", STYLES)
        assert reply["Vary"] == "Accept-Encoding"
        reply = request(application, f"/static/{path}", accept_encoding="br")
        assert (reply.all("Content-Encoding"), reply.body) == ([], STYLES)
    assert caplog.text.count("cannot serve") == 1


@pytest.mark.parametrize("spoil", SPOILING)
def test_a_damaged_file_is_a_404_and_never_its_damaged_bytes(
    built: BuiltTree, spoil: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    application = HashServe(wrapped_application, built.root)
    path = built.names["css/styles.css"]
    spoil(os.path.join(built.root, path))
    for method in ("GET", "HEAD", "GET"):
        assert is_clean_404(request(application, f"/static/{path}", method=method))
    assert caplog.text.count("cannot serve") == 1
    put(built.root, path, STYLES) if os.path.isfile(os.path.join(built.root, path)) else None


def test_a_file_that_is_repaired_is_served_at_once(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root)
    path = built.names["ten.txt"]
    os.unlink(os.path.join(built.root, path))
    assert is_clean_404(request(application, f"/static/{path}"))
    put(built.root, path, TEN)
    assert request(application, f"/static/{path}").body == TEN


@pytest.mark.parametrize("spoil", [cut_short, delete, make_a_folder, make_a_fifo])
def test_a_large_file_that_is_not_as_long_as_the_manifest_says_is_a_404(
    built: BuiltTree, spoil: Callable[[str], None]
) -> None:
    path = built.add("large.bin", LARGE)
    built.publish()
    application = HashServe(wrapped_application, built.root)
    assert request(application, f"/static/{path}").body == LARGE
    spoil(os.path.join(built.root, path))
    for fields in ({}, {"range": "bytes=0-9"}):
        assert is_clean_404(request(application, f"/static/{path}", **fields))
    assert request(application, f"/static/{path}", if_none_match="*").status == 304


# A manifest without digests: they are found on disk, once


@pytest.fixture
def collected(tmp_path: Any) -> tuple[str, str]:
    """Return the root of a folder with Django's manifest, and the fingerprinted path of a style sheet."""
    root = str(tmp_path)
    put(root, "app.css", STYLES)
    path = collect_as_django(root, ["app.css"])["app.css"]
    put_variants(root, path, STYLES, age=0)
    return root, path


def test_what_a_manifest_does_not_state_is_found_on_disk_once(
    collected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, path = collected
    manifest = Manifest.load(os.path.join(root, "staticfiles.json"))
    table = FingerprintedFiles(
        manifest, Root(path=os.path.join(root, "")), "/static/", Policy(), most_remembered=100
    )
    first = table.asset(path)
    os.unlink(os.path.join(root, path))
    assert table.asset(path) == first
    assert table.forget(path)
    with pytest.raises(FileNotFoundError):
        table.asset(path)


@pytest.mark.parametrize("spoil", [cut_short, replace_with_other_content])
def test_what_a_manifest_does_not_state_follows_the_disk(
    collected: tuple[str, str], spoil: Callable[[str], None]
) -> None:
    root, path = collected
    location = os.path.join(root, path)
    application = HashServe(wrapped_application, root, "/static/", body_budget=0)
    first = request(application, f"/static/{path}", accept_encoding="gzip")
    assert first["Content-Encoding"] == "gzip"
    wait_for_tick(root)
    spoil(location)
    plain = request(application, f"/static/{path}")
    with open(location, "rb") as stream:
        assert (plain.status, plain.body) == (200, stream.read())
    os.unlink(location)
    assert is_clean_404(request(application, f"/static/{path}"))


@pytest.mark.parametrize("spoil", SPOILING)
def test_a_damaged_variant_of_a_file_without_digest_is_left_out(
    collected: tuple[str, str], spoil: Callable[[str], None]
) -> None:
    root, path = collected
    application = HashServe(wrapped_application, root, "/static/")
    assert request(application, f"/static/{path}").body == STYLES  # found, with its variants
    spoil(os.path.join(root, f"{path}.br"))
    for _ in range(2):
        reply = request(application, f"/static/{path}", accept_encoding="br, gzip")
        assert (reply["Content-Encoding"], gzip.decompress(reply.body)) == ("gzip", STYLES)


UNSERVED = (
    "staticfiles.json",
    "staticfiles.json.gz",
    "mix-manifest.json",
    "cache_manifest.json.br",
    ".hashserve/state.json",
    ".env",
    "a/.git/config",
    ".well-known/.secret",
    "css/app.css.br",
)


@pytest.mark.parametrize("has_row", [True, False])
@pytest.mark.parametrize("path", UNSERVED)
def test_a_listed_path_that_no_server_answers_for_is_not_served_as_immutable_either(
    built: BuiltTree, path: str, has_row: bool
) -> None:
    put(built.root, "css/app.css", TEN)
    put(built.root, path, b"secret")
    manifest = built.manifest()
    row = f"6 {digest_of([b'secret'])} 0 0" if has_row else None
    files = {**manifest.files, "css/app.css": f"10 {digest_of([TEN])} 0 0"}
    manifest._replace(
        paths={**manifest.paths, path: path, "x": path, "css/app.css": "css/app.css"},
        files={**files, path: row},
    ).write(os.path.join(built.root, "staticfiles.json"))
    application = HashServe(wrapped_application, root=built.root, prefix="/static/", publish_manifest=True)
    reply = request(application, f"/static/{path}")
    assert reply.status == 404 or reply.body == APPLICATION_BODY
    assert request(application, f"/static/{built.names['ten.txt']}").body == TEN


def test_a_manifest_that_lists_itself_through_a_link_is_not_served(built: BuiltTree) -> None:
    os.symlink(".", os.path.join(built.root, "link"))
    manifest = built.manifest()
    path = "link/staticfiles.json"
    manifest._replace(paths={**manifest.paths, "x": path}, files={**manifest.files, path: None}).write(
        os.path.join(built.root, "staticfiles.json")
    )
    application = HashServe(wrapped_application, root=built.root, prefix="/static/")
    assert request(application, f"/static/{path}").status == 404
