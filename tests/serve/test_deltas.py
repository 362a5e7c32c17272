"""Deltas and dictionaries: which files are dictionaries, and the fields of deltas under a hook."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.http.messages import Headers
from hashserve.serve.deltas import private_fields
from tests.support.client import Reply, request, wrapped_application
from tests.support.deltas import (
    BROWSER,
    TreeWithDeltas,
    available_dictionary,
    built_with_deltas,
    three_releases,
)

APP = "css/app.css"
MATCH = 'match="../css/app.*.css"'


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> TreeWithDeltas:
    return three_releases(tmp_path_factory.mktemp("deltas"))


def served(
    tree: TreeWithDeltas, hook: Callable[..., None] | None = None, **settings: Any
) -> tuple[Reply, Reply]:
    """Return the whole style sheet, and what a client with an earlier one gets."""
    application = HashServe(wrapped_application, tree.root, add_headers_function=hook, **settings)
    whole = request(application, tree.url(APP), accept_encoding="br")
    known = tree.dictionary(APP, 0)
    reply = request(application, tree.url(APP), accept_encoding=BROWSER, available_dictionary=known)
    return whole, reply


def setting_fields(*fields: tuple[str, str]) -> Callable[..., None]:
    def hook(headers: Any, path: str, url: str) -> None:
        for name, value in fields:
            headers[name] = value

    return hook


@pytest.mark.parametrize(
    "value",
    [
        "no-store",
        "public, max-age=31536000, No-Cache",
        "max-age=0",
        "max-age=00",
        "max-age",
        "max-age=never",
        "public",
        "s-maxage=600",
        'private="max-age=5"',
        "",
    ],
)
def test_a_file_that_clients_do_not_keep_or_may_not_use_unasked_is_no_dictionary(
    tree: TreeWithDeltas, value: str
) -> None:
    whole, reply = served(tree, setting_fields(("Cache-Control", value)))
    assert (whole["Vary"], reply["Vary"]) == ("Accept-Encoding", "Accept-Encoding")
    assert "Use-As-Dictionary" not in whole
    assert reply["Content-Encoding"] == "br"


def test_a_file_without_cache_control_is_no_dictionary(tree: TreeWithDeltas) -> None:
    def hook(headers: Any, path: str, url: str) -> None:
        del headers["Cache-Control"]

    assert "Use-As-Dictionary" not in served(tree, hook)[0]


@pytest.mark.parametrize(
    ("value", "of_delta"),
    [
        ("public, max-age=600", "private, max-age=600"),
        ("max-age=600", "private, max-age=600"),
        ("PUBLIC, Max-Age=600, S-MaxAge=9", "private, Max-Age=600"),
        (
            "private, max-age=600, stale-while-revalidate=60",
            "private, max-age=600, stale-while-revalidate=60",
        ),
        (
            'max-age="600", private="set-cookie, public", extension="a, \\" public"',
            'private, max-age="600", extension="a, \\" public"',
        ),
    ],
)
def test_a_delta_has_the_lifetime_of_its_file_in_the_clients_own_cache_only(
    tree: TreeWithDeltas, value: str, of_delta: str
) -> None:
    whole, delta = served(tree, setting_fields(("Cache-Control", value)))
    assert (whole["Cache-Control"], delta["Cache-Control"]) == (value, of_delta)
    assert delta["Content-Encoding"] == "dcz"
    _, public = served(tree, setting_fields(("Cache-Control", value)), public_deltas=True)
    assert public["Cache-Control"] == value


OF_SHARED_CACHES = (
    ("CDN-Cache-Control", "max-age=600"),
    ("Cloudflare-CDN-Cache-Control", "max-age=600"),
    ("Surrogate-Control", "max-age=600"),
    ("Edge-Control", "max-age=600"),
    ("X-Accel-Expires", "600"),
)


@pytest.mark.parametrize("field", OF_SHARED_CACHES, ids=lambda field: field[0])
def test_no_field_for_shared_caches_alone_lets_them_keep_a_delta(
    tree: TreeWithDeltas, field: tuple[str, str]
) -> None:
    name, value = field
    whole, delta = served(tree, setting_fields(field))
    assert (whole[name], delta.all(name)) == (value, [])
    assert served(tree, setting_fields(field), public_deltas=True)[1][name] == value


def test_all_values_of_cache_control_become_one() -> None:
    fields: Headers = [("cache-control", "public"), ("X-One", "1"), ("Cache-Control", "max-age=5")]
    assert private_fields(fields) == [("X-One", "1"), ("Cache-Control", "private, max-age=5")]


def test_the_vary_of_a_hook_is_merged_and_its_use_as_dictionary_stays(tree: TreeWithDeltas) -> None:
    own = 'match="/static/*", id="mine"'
    for reply in served(tree, setting_fields(("Vary", "Origin"), ("use-as-dictionary", own))):
        assert reply["Vary"] == "Origin, Accept-Encoding, Available-Dictionary"
        assert reply["Use-As-Dictionary"] == own
    for reply in served(tree, setting_fields(("Vary", "*"))):
        assert (reply["Vary"], reply["Use-As-Dictionary"]) == ("*", MATCH)


def test_a_file_without_variants_varies_by_the_dictionary_too(tmp_path: Path) -> None:
    content = os.urandom(3000)
    tree = built_with_deltas(tmp_path, [{"a.wasm": content}, {"a.wasm": content + b"1"}])
    tree.replace(files={path: " ".join([*row.split()[:2], "0", "0"]) for path, row in tree.rows()})
    application = HashServe(wrapped_application, tree.root)
    for release, fields in ((0, {}), (1, {}), (1, {"range": "bytes=0-0"}), (1, {"range": "bytes=9999-"})):
        reply = request(application, tree.url("a.wasm", release), **fields)
        assert reply["Vary"] == "Accept-Encoding, Available-Dictionary"


def test_a_file_that_is_too_small_for_a_dictionary_may_have_a_delta(tmp_path: Path) -> None:
    content = os.urandom(3000)
    tree = built_with_deltas(tmp_path, [{"a.js": content}, {"a.js": content[:2000]}])
    application = HashServe(wrapped_application, tree.root)
    known = available_dictionary(content)
    reply = request(application, tree.url("a.js"), accept_encoding="dcz", available_dictionary=known)
    assert (reply["Content-Encoding"], reply["Vary"]) == ("dcz", "Accept-Encoding, Available-Dictionary")
    assert "Use-As-Dictionary" not in reply


def test_a_file_of_a_later_release_is_a_dictionary_without_a_restart(tmp_path: Path) -> None:
    contents = [os.urandom(3000) + b"%d" % number for number in range(2)]
    built_with_deltas(tmp_path, [{"a.js": contents[0]}])
    application = HashServe(wrapped_application, tmp_path, "/static/", check_interval=0.0)
    asked = {"accept_encoding": "dcz", "available_dictionary": available_dictionary(contents[0])}
    tree = built_with_deltas(tmp_path, [{"a.js": contents[0]}, {"a.js": contents[0] + b"1"}])
    assert request(application, tree.url("a.js"), **asked)["Content-Encoding"] == "dcz"


def test_a_file_gets_a_further_delta_while_another_one_is_remembered(tmp_path: Path) -> None:
    tree = three_releases(tmp_path)
    path, rows = tree.path(APP), tree.manifest().deltas or {}
    tree.replace(deltas={**rows, path: rows[path][:1]})
    application = HashServe(
        wrapped_application, tree.root, check_interval=1e-9
    )  # remembers, and always looks

    def coding(release: int) -> str:
        known = tree.dictionary(APP, release)
        reply = request(application, tree.url(APP), accept_encoding=BROWSER, available_dictionary=known)
        return reply["Content-Encoding"]

    assert coding(1) == "dcz"
    tree.replace(deltas=rows)
    assert [coding(release) for release in (0, 0, 1, 2)] == ["dcz", "dcz", "dcz", "br"]


@pytest.mark.parametrize("left", ["all", "one", "none"])
def test_the_file_of_a_delta_has_no_url_even_after_a_build_without_deltas(tmp_path: Path, left: str) -> None:
    tree = three_releases(tmp_path)
    paths = [tree.delta(APP, release).path for release in (0, 1)]
    rows = tree.manifest().deltas or {}
    some = {path: rows[path][:1] for path in rows}
    tree.replace(deltas={"all": rows, "one": some, "none": None}[left])
    application = HashServe(wrapped_application, tree.root, on_missing="404")
    assert [request(application, f"/static/{path}").status for path in paths] == [404, 404]


def test_a_file_of_the_sources_that_has_the_name_of_a_delta_has_a_url(tmp_path: Path) -> None:
    tree = three_releases(tmp_path)
    path = f"{tree.path(APP)}.own.dcz"
    (tmp_path / path).write_bytes(b"own")
    tree.replace(paths={**tree.manifest().paths, path: tree.path(APP)})
    application = HashServe(wrapped_application, tree.root)
    assert request(application, f"/static/{path}").body == b"own"


@pytest.mark.parametrize("largest", [0, 1 << 20])
def test_a_delta_that_is_sent_from_its_file_is_proven_too(tmp_path: Path, largest: int) -> None:
    tree = three_releases(tmp_path)
    application = HashServe(wrapped_application, tree.root, largest_body=largest)
    asked = {"accept_encoding": "dcz", "available_dictionary": tree.dictionary(APP, 0)}
    first = request(application, tree.url(APP), **asked)
    again = request(application, tree.url(APP), **asked)
    assert first == again
    delta = tree.delta(APP, 0)
    content = (tmp_path / delta.path).read_bytes()
    assert first.body == content
    (tmp_path / delta.path).write_bytes(content[:-1] + b"?")
    damaged = HashServe(wrapped_application, tree.root, largest_body=largest)
    assert "Content-Encoding" not in request(damaged, tree.url(APP), **asked)
