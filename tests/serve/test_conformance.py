"""What every request gets: the tables of the design, row by row, for each kind of root and each gateway."""

from __future__ import annotations

import gzip
import os
import re
import socket
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import partial
from typing import Any, Protocol
from wsgiref.headers import Headers as HeaderFields
from wsgiref.validate import validator

import brotli
import pytest
from webtest import TestApp  # type: ignore[import-untyped]

from hashserve import HashServe, Manifest, Release
from tests.support.client import APPLICATION_BODY, Reply, request, wrapped_application
from tests.support.deltas import BROWSER, TreeWithDeltas, available_dictionary, decoded, three_releases
from tests.support.django_client import django_application
from tests.support.files import put
from tests.support.trees import POEM, STYLES, TEN, BuiltTree, ServedTree, copy_tree, make_tree

KINDS = ("built", "django", "live")
IMMUTABLE = "public, max-age=31536000, immutable"
STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]+"')
LONG_AGO = "Mon, 01 Jan 2001 00:00:00 GMT"
FUTURE = "Thu, 01 Jan 2099 00:00:00 GMT"


@pytest.fixture(scope="session")
def made_trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ServedTree]:
    return {kind: make_tree(kind, str(tmp_path_factory.mktemp(kind) / "root")) for kind in KINDS}


@pytest.fixture(params=KINDS)
def tree(request: pytest.FixtureRequest, made_trees: dict[str, ServedTree], tmp_path: Any) -> ServedTree:
    return copy_tree(made_trees[request.param], str(tmp_path / "root"))


@pytest.fixture(params=["built", "django"])
def fingerprinted(
    request: pytest.FixtureRequest, made_trees: dict[str, ServedTree], tmp_path: Any
) -> ServedTree:
    return copy_tree(made_trees[request.param], str(tmp_path / "root"))


@pytest.fixture
def live(made_trees: dict[str, ServedTree], tmp_path: Any) -> ServedTree:
    return copy_tree(made_trees["live"], str(tmp_path / "root"))


Application = Callable[..., Iterable[bytes]]


class Serve(Protocol):
    """Serves the root of a tree, with the settings of `HashServe`."""

    def __call__(
        self, tree: ServedTree | BuiltTree | TreeWithDeltas, prefix: str = "/static/", **settings: Any
    ) -> Application:
        """Start a server; its settings are read now."""


def serve_by_wrapper(
    tree: ServedTree | BuiltTree | TreeWithDeltas, prefix: str = "/static/", **settings: Any
) -> HashServe:
    return HashServe(wrapped_application, tree.root, prefix, **settings)


def serve_by_django(
    gateway: str, tree: ServedTree | BuiltTree | TreeWithDeltas, prefix: str = "/static/", **settings: Any
) -> Application:
    keys = {name.upper(): value for name, value in settings.items()}
    return django_application(gateway, STATIC_ROOT=tree.root, HASHSERVE={"PREFIX": prefix, **keys})


ADAPTERS: dict[str, Serve] = {
    "wrapper": serve_by_wrapper,
    "django, wsgi": partial(serve_by_django, "wsgi"),
    "django, asgi": partial(serve_by_django, "asgi"),
}


@pytest.fixture(params=ADAPTERS)
def serve(request: pytest.FixtureRequest) -> Serve:
    """What the table runs over: the wrapper, and Django's middleware under both of its handlers."""
    return ADAPTERS[request.param]


def get_ten(serve: Serve, tree: ServedTree, **fields: str) -> Reply:
    return request(serve(tree), tree.url("ten.txt"), **fields)


def is_passed_on(reply: Reply) -> bool:
    return reply.status == 200 and reply.body == APPLICATION_BODY


# By kind of path


def test_a_fingerprinted_path_is_immutable_with_a_strong_tag_for_each_representation(
    serve: Serve,
    fingerprinted: ServedTree,
) -> None:
    application, url = serve(fingerprinted), fingerprinted.url("css/styles.css")
    plain = request(application, url)
    coded = request(application, url, accept_encoding="br")
    zipped = request(application, url, accept_encoding="gzip")
    for reply in (plain, coded, zipped):
        assert reply["Cache-Control"] == IMMUTABLE
        assert STRONG_TAG.fullmatch(reply["ETag"])
        assert "Last-Modified" not in reply
    assert len({plain["ETag"], coded["ETag"], zipped["ETag"]}) == 3
    assert plain.body == brotli.decompress(coded.body) == gzip.decompress(zipped.body) == STYLES


def test_a_fingerprinted_path_of_a_retained_release_is_immutable(serve: Serve, built: BuiltTree) -> None:
    old = built.names["ten.txt"]
    built.add("ten.txt", b"9876543210")
    releases = [Release(id="old", created=1_600_000_000, changed={"ten.txt": old})]
    built.manifest()._replace(releases=releases).write(os.path.join(built.root, "staticfiles.json"))
    application = serve(built)
    for path, body in ((old, TEN), (built.names["ten.txt"], b"9876543210")):
        reply = request(application, f"/static/{path}")
        assert (reply.status, reply["Cache-Control"], reply.body) == (200, IMMUTABLE, body)


def test_an_unhashed_name_has_a_short_lifetime_and_validators(serve: Serve, tree: ServedTree) -> None:
    reply = request(serve(tree), "/static/ten.txt")
    assert (reply.status, reply.body) == (200, TEN)
    assert reply["Cache-Control"] == "public, max-age=60"
    assert STRONG_TAG.fullmatch(reply["ETag"])
    assert "Last-Modified" in reply
    assert request(serve(tree, max_age=7), "/static/ten.txt")["Cache-Control"] == "public, max-age=7"


def test_an_unhashed_name_is_always_the_bytes_on_disk_now(serve: Serve, tree: ServedTree) -> None:
    application = serve(tree)
    location = put(tree.root, "ten.txt", b"first")
    first = request(application, "/static/ten.txt")
    put(tree.root, "ten.txt", b"second")
    second = request(application, "/static/ten.txt")
    os.unlink(location)
    third = request(application, "/static/ten.txt")
    put(tree.root, "ten.txt", b"fourth")
    fourth = request(application, "/static/ten.txt")
    assert (first.body, second.body, fourth.body) == (b"first", b"second", b"fourth")
    assert is_passed_on(third)
    assert len({first["ETag"], second["ETag"], fourth["ETag"]}) == 3


UNKNOWN = "/static/css/styles.0123456789ab.css"


def test_an_unknown_fingerprint_is_a_404_that_no_cache_stores(serve: Serve, tree: ServedTree) -> None:
    reply = request(serve(tree), UNKNOWN)
    assert (reply.status, reply["Cache-Control"]) == (404, "no-store")


def test_an_unknown_fingerprint_may_be_redirected_to_todays_name(
    serve: Serve, fingerprinted: ServedTree
) -> None:
    application = serve(fingerprinted, on_unknown="redirect")
    reply = request(application, UNKNOWN, script_name="/app", query="v=1")
    assert (reply.status, reply["Cache-Control"]) == (302, "no-store")
    assert reply["Location"] == f"/app{fingerprinted.url('css/styles.css')}?v=1"
    assert request(application, "/static/css/none.0123456789ab.css").status == 404


def test_an_unknown_fingerprint_may_be_left_to_the_application(serve: Serve, tree: ServedTree) -> None:
    assert is_passed_on(request(serve(tree, on_unknown="pass"), UNKNOWN))


def test_an_unknown_fingerprint_under_the_root_prefix_is_the_applications(
    serve: Serve, tree: ServedTree
) -> None:
    application = serve(tree, "/")
    assert is_passed_on(request(application, "/css/styles.0123456789ab.css"))


def test_nothing_there_is_passed_on_or_a_404_where_the_prefix_is_owned(
    serve: Serve, tree: ServedTree
) -> None:
    assert is_passed_on(request(serve(tree), "/static/nothing.txt"))
    owned = request(serve(tree, on_missing="404"), "/static/nothing.txt")
    assert (owned.status, owned["Cache-Control"]) == (404, "no-store")


@pytest.mark.parametrize("path", ["/", "", "/page", "/static", "/statics/ten.txt", "/a/static/ten.txt", "/é"])
def test_what_is_not_under_the_prefix_reaches_the_wrapped_application_untouched(
    tree: ServedTree, path: str
) -> None:
    # Django passes on another request: tests/django/test_middleware.py has that row.
    body = [b"x"]
    seen: list[tuple[object, object]] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.append((environ, start_response))
        return body

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        raise AssertionError("the application does not call it")

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path.encode().decode("latin-1")}
    before = dict(environ)
    assert HashServe(application, tree.root, "/static/", index_file=False)(environ, start_response) is body
    assert seen[0][0] is environ
    assert seen[0][1] is start_response
    assert environ == before


# Never served


@pytest.mark.parametrize(
    "path",
    [
        "staticfiles.json",
        ".secret",
        ".git/config",
        "css/.hidden.css",
        "../secret.txt",
        "css/../ten.txt",
        "css//styles.css",
        "/ten.txt",
        "ten.txt\0",
        "ten.txt\0.css",
        "css\\styles.css",
        "css%2Fstyles.css",
        "css%2fstyles.css",
        "..%2fsecret.txt",
        "..%5csecret.txt",
        "ten.txt/",
        "ten.txt/x",
        "css/styles.css.br",
        "css/styles.css.gz",
        "css",
        "fifo",
        "socket",
        "link-out.txt",
        "folder-out/secret.txt",
        "broken.txt",
        "loop",
        "x" * 300,
        "y/" * 3000 + "z",
        "x" * 300 + ".0123456789ab.css",
    ],
)
def test_never_served(serve: Serve, tree: ServedTree, path: str, caplog: pytest.LogCaptureFixture) -> None:
    root, outside = tree.root, os.path.dirname(tree.root)
    secret = put(outside, "secret.txt", b"secret")
    for hidden in (".secret", ".git/config", "css/.hidden.css"):
        put(root, hidden, b"secret")
    os.mkfifo(os.path.join(root, "fifo"))
    os.symlink(secret, os.path.join(root, "link-out.txt"))
    os.symlink(outside, os.path.join(root, "folder-out"))
    os.symlink("nowhere", os.path.join(root, "broken.txt"))
    os.symlink("loop", os.path.join(root, "loop"))
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(root)  # the path of a socket has 107 bytes at most
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        for application in (serve(tree), serve(tree, index_file=True)):
            reply = request(application, f"/static/{path}")
            assert is_passed_on(reply) or (reply.status, reply["Cache-Control"]) == (404, "no-store")
        assert request(serve(tree, on_missing="404"), f"/static/{path}").status == 404


def test_a_link_that_leaves_the_root_is_served_where_that_is_allowed(serve: Serve, tree: ServedTree) -> None:
    secret = put(os.path.dirname(tree.root), "shared.txt", b"shared")
    os.symlink(secret, os.path.join(tree.root, "link.txt"))
    assert request(serve(tree, follow_symlinks=True), "/static/link.txt").body == b"shared"


def test_well_known_is_served(serve: Serve, tree: ServedTree) -> None:
    put(tree.root, ".well-known/security.txt", b"Contact: x")
    assert request(serve(tree), "/static/.well-known/security.txt").body == b"Contact: x"


def test_a_variant_without_its_source_is_a_file_like_any_other(serve: Serve, tree: ServedTree) -> None:
    put(tree.root, "archive.tar.gz", b"bytes")
    assert request(serve(tree), "/static/archive.tar.gz").body == b"bytes"


# Fields on every status

STATUSES: dict[int, dict[str, str]] = {
    200: {},
    206: {"range": "bytes=0-3"},
    304: {"if_none_match": "*"},
    412: {"if_match": '"nope"'},
    416: {"range": "bytes=99999-"},
}


@pytest.mark.parametrize("status", [*STATUSES, 404, 405, 204])
def test_cors_and_nosniff_are_on_every_status_and_can_be_turned_off(
    serve: Serve, tree: ServedTree, status: int
) -> None:
    path = UNKNOWN if status == 404 else tree.url("css/styles.css")
    method = {405: "PUT", 204: "OPTIONS"}.get(status, "GET")
    fields = STATUSES.get(status, {})
    on = request(serve(tree), path, method=method, **fields)
    assert on.status == status
    assert on["Access-Control-Allow-Origin"] == "*"
    assert on["X-Content-Type-Options"] == "nosniff"
    assert "Date" not in on
    off = request(serve(tree, allow_all_origins=False, nosniff=False), path, method=method, **fields)
    assert off.status == status
    assert "Access-Control-Allow-Origin" not in off
    assert "X-Content-Type-Options" not in off


@pytest.mark.parametrize("status", [200, 206, 304, 416])
@pytest.mark.parametrize("accept_encoding", [None, "br", "gzip", "unheard-of"])
def test_vary_is_on_every_representation_and_on_304_and_416(
    serve: Serve, tree: ServedTree, status: int, accept_encoding: str | None
) -> None:
    fields = STATUSES[status] | ({} if accept_encoding is None else {"accept_encoding": accept_encoding})
    reply = request(serve(tree), tree.url("css/styles.css"), **fields)
    assert (reply.status, reply["Vary"]) == (status, "Accept-Encoding")
    assert "Vary" not in request(serve(tree), tree.url("ten.txt"), **fields)


def test_a_hooks_own_vary_is_kept_and_merged(serve: Serve, tree: ServedTree) -> None:
    def add(fields: HeaderFields, path: str, url: str) -> None:
        fields["Vary"] = "Origin"

    application = serve(tree, add_headers_function=add)
    for status, fields in STATUSES.items():
        if status != 412:
            reply = request(application, tree.url("css/styles.css"), **fields)
            assert (reply.status, reply["Vary"]) == (status, "Origin, Accept-Encoding")


@pytest.mark.parametrize("status", [404, 405, 412, 416])
def test_errors_of_ours_carry_a_type_and_a_length(serve: Serve, tree: ServedTree, status: int) -> None:
    path = UNKNOWN if status == 404 else tree.url("ten.txt")
    method = "DELETE" if status == 405 else "GET"
    reply = request(serve(tree), path, method=method, **STATUSES.get(status, {}))
    assert reply.status == status
    assert reply["Content-Type"] == "text/plain; charset=utf-8"
    assert int(reply["Content-Length"]) == len(reply.body) > 0


# Methods


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"accept_encoding": "br"},
        {"if_none_match": "*"},
        {"if_match": '"nope"'},
        {"if_none_match": '"zz"'},
    ],
)
@pytest.mark.parametrize("name", ["ten.txt", "css/styles.css", "empty.txt", "unknown", "index", "redirect"])
def test_head_has_exactly_gets_fields_and_no_body(
    serve: Serve, tree: ServedTree, name: str, fields: dict[str, str]
) -> None:
    put(tree.root, "folder/index.html", b"<p>")
    application = serve(tree, index_file=True)
    special = {"unknown": UNKNOWN, "index": "/static/folder/", "redirect": "/static/folder"}
    path = special.get(name) or tree.url(name)
    got = request(application, path, **fields)
    headed = request(application, path, method="HEAD", **fields)
    assert (headed.status, headed.headers, headed.body) == (got.status, got.headers, b"")


def test_options_is_204_with_allow(serve: Serve, tree: ServedTree) -> None:
    reply = request(serve(tree), tree.url("ten.txt"), method="OPTIONS")
    assert (reply.status, reply["Allow"], reply.body) == (204, "GET, HEAD, OPTIONS", b"")
    assert "Access-Control-Allow-Methods" not in reply


def test_a_preflight_is_granted(serve: Serve, tree: ServedTree) -> None:
    asked = {"origin": "https://example.org", "access_control_request_method": "GET"}
    path = tree.url("ten.txt")
    reply = request(serve(tree), path, method="OPTIONS", access_control_request_headers="X-A, range", **asked)
    assert reply.status == 204
    assert reply["Access-Control-Allow-Origin"] == "*"
    assert reply["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert reply["Access-Control-Allow-Headers"] == "X-A, range"
    odd = request(serve(tree), path, method="OPTIONS", access_control_request_headers="x\x01", **asked)
    assert "Access-Control-Allow-Headers" not in odd
    refused = request(serve(tree, allow_all_origins=False), path, method="OPTIONS", **asked)
    assert "Access-Control-Allow-Methods" not in refused


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "GETS"])
def test_any_other_method_is_405_with_allow(serve: Serve, tree: ServedTree, method: str) -> None:
    reply = request(serve(tree), tree.url("ten.txt"), method=method)
    assert (reply.status, reply["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert "no-store" in reply["Cache-Control"]


# Content negotiation

SMALLEST = "br"
NEGOTIATION = [
    (None, None),
    ("", None),
    ("gzip", "gzip"),
    ("GZIP", "gzip"),
    ("x-gzip", "gzip"),
    ("X-GZip", "gzip"),
    ("br", "br"),
    ("gzip, deflate, br, zstd", SMALLEST),
    ("br, gzip", SMALLEST),
    ("gzip;q=1.0, br;q=0.5", "gzip"),
    ("gzip;q=0.001, br;q=0.002", "br"),
    ("gzip;q=0", None),
    ("gzip;q=0.000, br;q=0", None),
    ("x-gzip-really", None),
    ("br;q=0, *", "gzip"),
    ("*", SMALLEST),
    ("*;q=0.5, gzip", "gzip"),
    ("*;q=0", None),
    ("gzip;q=0.001, identity;q=1", None),
    ("gzip;q=0.5, identity;q=0.5", "gzip"),
    ("identity;q=0", None),
    ("identity;q=0, gzip;q=0, br;q=0", None),
    ("identity;q=0, deflate", None),
    ("gzip;q=wrong, br", "br"),
    ("gzip;q=0.5x, ;;, br;q=0.1", "br"),
    ("gzip;q=2, br;q=0.1", "br"),
    ("deflate", None),
    ("gzip," * 20_000, "gzip"),
    ("x," * 50_000 + "gzip", None),
]


@pytest.mark.parametrize(("accept_encoding", "coding"), NEGOTIATION)
def test_negotiation(serve: Serve, tree: ServedTree, accept_encoding: str | None, coding: str | None) -> None:
    fields = {} if accept_encoding is None else {"accept_encoding": accept_encoding}
    application = serve(tree)
    for _ in range(2):  # the second time from memory
        reply = request(application, tree.url("css/styles.css"), **fields)
        assert reply.status == 200
        assert reply.all("Content-Encoding") == ([] if coding is None else [coding])
        decode: dict[str | None, Callable[[bytes], bytes]] = {
            "br": brotli.decompress,
            "gzip": gzip.decompress,
        }
        assert decode.get(coding, bytes)(reply.body) == STYLES
        assert int(reply["Content-Length"]) == len(reply.body)
        assert reply["Content-Type"] == "text/css; charset=utf-8"


def test_a_variant_older_than_its_source_is_not_used(serve: Serve, live: ServedTree) -> None:
    put(live.root, "css/styles.css", STYLES, age=0)
    reply = request(serve(live), "/static/css/styles.css", accept_encoding="gzip, br")
    assert "Content-Encoding" not in reply
    assert reply.body == STYLES


# Validators


def test_the_tag_is_of_the_content_alone(serve: Serve, tree: ServedTree, tmp_path: Any) -> None:
    copied = copy_tree(tree, str(tmp_path / "elsewhere"))
    for folder, _, names in os.walk(copied.root):
        for name in names:
            if not name.startswith("staticfiles"):
                os.utime(os.path.join(folder, name), (1_000_000_000, 1_000_000_000))
    for fields in ({}, {"accept_encoding": "br"}):
        here = request(serve(tree), tree.url("css/styles.css"), **fields)
        there = request(serve(copied), copied.url("css/styles.css"), **fields)
        assert here["ETag"] == there["ETag"]


@pytest.mark.parametrize(("moment", "is_sent"), [(0, False), (315_532_800, False), (1_000_000_000, True)])
def test_last_modified_is_sent_only_where_it_means_something(
    serve: Serve, live: ServedTree, moment: int, is_sent: bool
) -> None:
    os.utime(live.location("ten.txt"), (moment, moment))
    reply = get_ten(serve, live)
    assert reply.all("Last-Modified") == ([formatdate(moment, usegmt=True)] if is_sent else [])


@pytest.mark.parametrize("moment", [4_000_000_000, 300_000_000_000])
def test_last_modified_never_lies_ahead(serve: Serve, live: ServedTree, moment: int) -> None:
    try:
        os.utime(live.location("ten.txt"), (moment, moment))
    except OverflowError:  # pragma: no cover  # a file system with small times
        pytest.skip("the file system has no such time")
    reply = get_ten(serve, live)
    assert (reply.status, reply.all("Last-Modified")) == (200, [])


# Preconditions. `{etag}` stands for the current entity-tag, `{date}` for Last-Modified.

PRECONDITIONS: list[tuple[dict[str, str], int]] = [
    ({"if_none_match": "*"}, 304),
    ({"if_none_match": "{etag}"}, 304),
    ({"if_none_match": "W/{etag}"}, 304),
    ({"if_none_match": '"zz", {etag}'}, 304),
    ({"if_none_match": '"zz"'}, 200),
    ({"if_none_match": ""}, 200),
    ({"if_none_match": "garbage"}, 200),
    ({"if_match": "*"}, 200),
    ({"if_match": "{etag}"}, 200),
    ({"if_match": '"zz", {etag}'}, 200),
    ({"if_match": "W/{etag}"}, 412),
    ({"if_match": '"nope"'}, 412),
    ({"if_match": ""}, 412),
    ({"if_match": "{etag}", "if_unmodified_since": LONG_AGO}, 200),
    ({"if_match": "{etag}", "if_none_match": "{etag}"}, 304),
    ({"if_match": '"nope"', "if_none_match": "{etag}"}, 412),
]
DATED: list[tuple[dict[str, str], int]] = [
    ({"if_unmodified_since": LONG_AGO}, 412),
    ({"if_unmodified_since": FUTURE}, 200),
    ({"if_unmodified_since": "{date}"}, 200),
    ({"if_unmodified_since": "no date"}, 200),
    ({"if_modified_since": "{date}"}, 304),
    ({"if_modified_since": FUTURE}, 304),
    ({"if_modified_since": "Thursday, 01-Jan-60 00:00:00 GMT"}, 304),
    ({"if_modified_since": "Thu Jan  1 00:00:00 2099"}, 304),
    ({"if_modified_since": LONG_AGO}, 200),
    ({"if_modified_since": "1 Jan 2099 00:00:00"}, 200),
    ({"if_modified_since": "Thu, 01 Jan 2099 00:00:00 +0800"}, 200),
    ({"if_modified_since": ""}, 200),
    ({"if_modified_since": FUTURE, "if_none_match": '"zz"'}, 200),
    ({"if_modified_since": LONG_AGO, "if_none_match": "{etag}"}, 304),
]


def filled(fields: dict[str, str], reply: Reply) -> dict[str, str]:
    known = {"etag": reply["ETag"], "date": (reply.all("Last-Modified") or [""])[0]}
    return {name: value.format(**known) for name, value in fields.items()}


@pytest.mark.parametrize(("fields", "status"), PRECONDITIONS)
def test_preconditions_by_tag(serve: Serve, tree: ServedTree, fields: dict[str, str], status: int) -> None:
    application, path = serve(tree), tree.url("ten.txt")
    first = request(application, path)
    for method in ("GET", "HEAD", "GET"):
        reply = request(application, path, method=method, **filled(fields, first))
        assert reply.status == status
        if status == 304:
            assert reply["ETag"] == first["ETag"]
            assert reply["Cache-Control"] == first["Cache-Control"]
            assert reply.body == b""


@pytest.mark.parametrize(("fields", "status"), PRECONDITIONS)
def test_preconditions_of_a_first_request_leave_nothing_wrong_behind(
    serve: Serve, tree: ServedTree, fields: dict[str, str], status: int
) -> None:
    first = request(serve(tree), tree.url("ten.txt"))
    application = serve(tree)
    assert request(application, tree.url("ten.txt"), **filled(fields, first)).status == status
    after = request(application, tree.url("ten.txt"))
    assert (after.status, after.body, after["ETag"]) == (200, TEN, first["ETag"])


@pytest.mark.parametrize(("fields", "status"), DATED)
def test_preconditions_by_date(serve: Serve, live: ServedTree, fields: dict[str, str], status: int) -> None:
    application, path = serve(live), live.url("ten.txt")
    first = request(application, path)
    for method in ("GET", "HEAD"):
        assert request(application, path, method=method, **filled(fields, first)).status == status


def test_the_tag_of_any_representation_counts_for_if_none_match(serve: Serve, tree: ServedTree) -> None:
    application, path = serve(tree), tree.url("css/styles.css")
    zipped = request(application, path, accept_encoding="gzip")
    for accept_encoding in ("br, gzip", "br, x-gzip;q=0.1", "*"):
        reply = request(application, path, accept_encoding=accept_encoding, if_none_match=zipped["ETag"])
        assert (reply.status, reply["ETag"]) == (304, zipped["ETag"])
    assert request(application, path, if_none_match=zipped["ETag"]).status == 304


@pytest.mark.parametrize("accept_encoding", ["", "identity", "br, gzip;q=0"])
def test_the_tag_of_a_coding_that_is_not_accepted_does_not_count(
    serve: Serve, tree: ServedTree, accept_encoding: str
) -> None:
    application, path = serve(tree), tree.url("css/styles.css")
    zipped = request(application, path, accept_encoding="gzip")
    reply = request(application, path, accept_encoding=accept_encoding, if_none_match=zipped["ETag"])
    assert reply.status == 200
    assert reply["ETag"] != zipped["ETag"]


# Ranges

RANGES: list[tuple[str, int, str]] = [
    ("bytes=0-0", 206, "0-0"),
    ("bytes=-1", 206, "9-9"),
    ("bytes=9-", 206, "9-9"),
    ("bytes=5-9", 206, "5-9"),
    ("bytes=5-99", 206, "5-9"),
    ("bytes=-99", 206, "0-9"),
    ("bytes=0-", 206, "0-9"),
    ("Bytes=0-1", 206, "0-1"),
    ("bytes=2-3,", 206, "2-3"),
    ("bytes=2-3, 50-60", 206, "2-3"),
    ("bytes=-0", 416, "*"),
    ("bytes=10-", 416, "*"),
    ("bytes=10-20, 30-", 416, "*"),
    ("bytes=5-2", 200, ""),
    ("bytes=--5", 200, ""),
    ("bytes=1_0-2_0", 200, ""),
    ("bytes= 0-1x", 200, ""),
    ("bytes", 200, ""),
    ("bytes=", 200, ""),
    ("", 200, ""),
    ("items=0-1", 200, ""),
    ("bytes=0-4, 2-9", 200, ""),
    ("bytes=" + ",".join(["0-0"] * 9), 200, ""),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(1000)), 200, ""),
]


@pytest.mark.parametrize(("value", "status", "content_range"), RANGES)
def test_ranges(serve: Serve, tree: ServedTree, value: str, status: int, content_range: str) -> None:
    reply = get_ten(serve, tree, range=value)
    assert reply.status == status
    assert reply["Accept-Ranges"] == "bytes"
    assert int(reply["Content-Length"]) == len(reply.body)
    if status == 200:
        assert reply.body == TEN
        assert "Content-Range" not in reply
    else:
        assert reply["Content-Range"] == f"bytes {content_range}/10"
    if status == 206:
        start, end = map(int, content_range.split("-"))
        assert reply.body == TEN[start : end + 1]


def test_a_head_ignores_range(serve: Serve, tree: ServedTree) -> None:
    reply = request(serve(tree), tree.url("ten.txt"), method="HEAD", range="bytes=0-4")
    assert (reply.status, reply["Content-Length"], reply.body) == (200, "10", b"")
    assert "Content-Range" not in reply


def test_several_ranges_are_multipart(serve: Serve, tree: ServedTree) -> None:
    reply = get_ten(serve, tree, range="bytes=0-1, -2")
    boundary = reply["Content-Type"].removeprefix("multipart/byteranges; boundary=")
    parts = reply.body.split(b"\r\n--" + boundary.encode())
    assert reply.status == 206
    assert parts[0] == b""
    assert parts[3] == b"--\r\n"
    for part, (content_range, content) in zip(parts[1:3], [("0-1", b"01"), ("8-9", b"89")], strict=True):
        head, _, body = part.partition(b"\r\n\r\n")
        fields = f"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {content_range}/10"
        assert (head.decode(), body) == (fields, content)


def test_a_range_is_of_the_selected_representation(serve: Serve, tree: ServedTree) -> None:
    application, path = serve(tree), tree.url("css/styles.css")
    whole = request(application, path, accept_encoding="gzip")
    part = request(application, path, accept_encoding="gzip", range="bytes=1-4")
    assert (part.status, part.body) == (206, whole.body[1:5])
    assert part["Content-Range"] == f"bytes 1-4/{len(whole.body)}"
    assert part["Content-Encoding"] == "gzip"
    assert part["ETag"] == whole["ETag"]


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ("{etag}", 206),
        ('"stale"', 200),
        ("W/{etag}", 200),
        (LONG_AGO, 200),
        (FUTURE, 200),
        ("garbage", 200),
        ("", 200),
    ],
)
def test_if_range(serve: Serve, tree: ServedTree, if_range: str, status: int) -> None:
    fields = filled({"if_range": if_range}, get_ten(serve, tree))
    reply = get_ten(serve, tree, range="bytes=5-9", **fields)
    assert (reply.status, reply.body) == (status, TEN[5:] if status == 206 else TEN)
    assert get_ten(serve, tree, **fields).status == 200


def test_if_range_by_the_exact_date(serve: Serve, live: ServedTree) -> None:
    assert (
        get_ten(serve, live, range="bytes=5-9", if_range=get_ten(serve, live)["Last-Modified"]).status == 206
    )


def test_a_range_of_an_empty_file_is_ignored(serve: Serve, tree: ServedTree) -> None:
    reply = request(serve(tree), tree.url("empty.txt"), range="bytes=0-0")
    assert (reply.status, reply["Content-Length"], reply.body) == (200, "0", b"")


# The rest of the right answers


def test_gzip_and_identity_of_one_url_have_different_strong_tags(serve: Serve, tree: ServedTree) -> None:
    client = TestApp(validator(serve(tree)))
    plain = client.get(tree.url("css/styles.css"), headers={"Accept-Encoding": "identity"})
    zipped = client.get(tree.url("css/styles.css"), headers={"Accept-Encoding": "gzip"})
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    assert not plain.headers["ETag"].startswith("W/")
    assert not zipped.headers["ETag"].startswith("W/")


def test_the_same_size_and_time_with_new_content_is_seen(serve: Serve, live: ServedTree) -> None:
    application = serve(live)
    first = request(application, "/static/ten.txt")
    status = os.stat(live.location("ten.txt"))
    put(live.root, "ten.txt", b"abcdefghij")
    os.utime(live.location("ten.txt"), ns=(status.st_atime_ns, status.st_mtime_ns))
    second = request(application, "/static/ten.txt", if_none_match=first["ETag"])
    assert (second.status, second.body) == (200, b"abcdefghij")
    assert second["ETag"] != first["ETag"]


def test_a_live_file_that_shrank_has_its_new_length(serve: Serve, live: ServedTree) -> None:
    application = serve(live)
    request(application, "/static/ten.txt")
    os.truncate(live.location("ten.txt"), 4)
    reply = request(application, "/static/ten.txt")
    assert (reply.status, reply["Content-Length"], reply.body) == (200, "4", b"0123")


@pytest.mark.parametrize("is_known", [False, True])
def test_a_fingerprinted_file_that_shrank_never_has_a_wrong_length(
    serve: Serve, fingerprinted: ServedTree, is_known: bool
) -> None:
    application = serve(fingerprinted, body_budget=0)
    if is_known:
        assert request(application, fingerprinted.url("ten.txt")).body == TEN
    os.truncate(fingerprinted.location("ten.txt"), 4)
    reply = request(application, fingerprinted.url("ten.txt"))
    if fingerprinted.kind == "built":
        assert (reply.status, reply["Cache-Control"]) == (404, "no-store")
    else:
        assert (reply.status, reply["Content-Length"], reply.body) == (200, "4", b"0123")


@pytest.mark.parametrize("budget", [0, 1 << 20])
def test_a_fingerprinted_file_that_was_deleted_is_a_404_that_no_cache_stores(
    serve: Serve, fingerprinted: ServedTree, budget: int
) -> None:
    application = serve(fingerprinted, body_budget=budget)
    os.unlink(fingerprinted.location("ten.txt"))
    for method in ("GET", "HEAD"):
        reply = request(application, fingerprinted.url("ten.txt"), method=method)
        assert (reply.status, reply["Cache-Control"]) == (404, "no-store")


def test_a_live_file_that_was_deleted_is_the_applications(serve: Serve, live: ServedTree) -> None:
    application = serve(live)
    assert request(application, "/static/ten.txt").body == TEN
    os.unlink(live.location("ten.txt"))
    assert is_passed_on(request(application, "/static/ten.txt"))
    assert request(serve(live, on_missing="404"), "/static/ten.txt")["Cache-Control"] == "no-store"


def test_post_to_an_index_url_is_405_and_no_redirect(serve: Serve, tree: ServedTree) -> None:
    put(tree.root, "folder/index.html", b"<p>")
    application = serve(tree, index_file=True)
    for path in ("/static/folder", "/static/folder/", "/static/folder/index.html"):
        assert request(application, path, method="POST").status == 405
        assert request(application, path, method="OPTIONS").status == 204


def test_an_index_redirect_keeps_the_query_string(serve: Serve, tree: ServedTree) -> None:
    put(tree.root, "folder/index.html", b"<p>")
    application = serve(tree, index_file=True)
    for path, location in (
        ("/static/folder", "folder/?a=1&b=2"),
        ("/static/folder/index.html", "./?a=1&b=2"),
    ):
        reply = request(application, path, query="a=1&b=2")
        assert (reply.status, reply["Location"]) == (302, location)


def test_a_broken_link_at_start_is_served_around(serve: Serve, tree: ServedTree) -> None:
    os.symlink("nowhere", os.path.join(tree.root, "aaa"))
    assert get_ten(serve, tree).body == TEN


def test_non_ascii_names_are_served(serve: Serve, tree: ServedTree) -> None:
    reply = request(serve(tree), tree.url("tëxt/é.txt"))
    assert (reply.status, reply.body) == (200, POEM)
    encoded = HashServe(wrapped_application, tree.root, "/static/").url("tëxt/é.txt")
    assert "%C3%A9" in encoded
    assert TestApp(validator(serve(tree))).get(encoded).body == POEM


def test_a_manifest_of_ours_is_read_by_django_as_it_is(built: BuiltTree) -> None:
    loaded = Manifest.load(os.path.join(built.root, "staticfiles.json"))
    assert loaded.paths == built.names


# Deltas (RFC 9842)


@pytest.fixture(scope="module")
def with_deltas(tmp_path_factory: pytest.TempPathFactory) -> TreeWithDeltas:
    return three_releases(tmp_path_factory.mktemp("deltas"))


APP = "css/app.css"
PRIVATE = "private, max-age=31536000, immutable"


def ask(application: Application, tree: TreeWithDeltas, had: int | None = 0, /, **fields: Any) -> Reply:
    """Ask for the newest style sheet, as a browser that has the one of release ``had``."""
    asked: dict[str, Any] = {"accept_encoding": BROWSER, **fields}
    if had is not None and "available_dictionary" not in fields:
        asked["available_dictionary"] = tree.dictionary(APP, had)
    return request(application, tree.url(APP), **asked)


@pytest.mark.parametrize("had", [0, 1])
def test_a_client_that_has_an_earlier_release_gets_a_delta_that_is_its_own(
    serve: Serve, with_deltas: TreeWithDeltas, had: int
) -> None:
    application = serve(with_deltas)
    whole = ask(application, with_deltas, None)
    for _ in range(2):  # the second one from the memo
        reply = ask(application, with_deltas, had)
        assert decoded(reply, with_deltas.content(APP, had)) == with_deltas.content(APP)
        assert (reply.status, reply["Content-Length"]) == (200, str(len(reply.body)))
        assert len(reply.body) < len(whole.body)
        assert (whole["Cache-Control"], reply["Cache-Control"]) == (IMMUTABLE, PRIVATE)
        assert (whole["Accept-Ranges"], reply["Accept-Ranges"]) == ("bytes", "none")
        assert STRONG_TAG.fullmatch(reply["ETag"])
        for field in ("Vary", "Use-As-Dictionary", "Content-Type", "Access-Control-Allow-Origin"):
            assert reply[field] == whole[field]
    assert len({whole["ETag"], *(ask(application, with_deltas, each)["ETag"] for each in (0, 1))}) == 3


def test_every_release_of_a_dictionary_says_so_and_varies_by_it(
    serve: Serve, with_deltas: TreeWithDeltas
) -> None:
    application = serve(with_deltas)
    for release in range(3):
        for coding in ("identity", "br", BROWSER):
            for method, fields, status in (
                ("GET", {}, 200),
                ("HEAD", {}, 200),
                ("GET", {"if_none_match": "*"}, 304),
                ("GET", {"range": "bytes=0-1"}, 206),
                ("GET", {"range": "bytes=99999-"}, 416),
            ):
                url = with_deltas.url(APP, release)
                reply = request(application, url, method=method, accept_encoding=coding, **fields)
                assert (reply.status, reply["Vary"]) == (status, "Accept-Encoding, Available-Dictionary")
                assert reply.all("Use-As-Dictionary") == (
                    [] if status in (206, 416) else ['match="../css/app.*.css"']
                )
    other = request(application, with_deltas.url("ten.txt"), accept_encoding=BROWSER)
    assert (other["Vary"], other.all("Use-As-Dictionary")) == ("Accept-Encoding", [])


WITHOUT_DELTA: dict[str, dict[str, str]] = {
    "no coding named": {"accept_encoding": "gzip, br"},
    "any coding": {"accept_encoding": "br, *"},
    "dcz refused": {"accept_encoding": "br, dcz;q=0"},
    "br preferred": {"accept_encoding": "br, dcz;q=0.9"},
    "an unknown dictionary": {"available_dictionary": available_dictionary(b"unknown")},
    "two dictionaries": {"available_dictionary": ":{0}:, :{1}:"},
    "no dictionary": {"available_dictionary": "?1"},
    "100 kB": {"available_dictionary": ":{0}:" + " " * 100_000 + ";a"},
    "another site": {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
    "the same site, not the origin": {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
    "cors without an origin": {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"},
    "a mode that nobody knows": {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "websocket",
        "origin": "https://a.example",
    },
    "a range": {"range": "bytes=0-"},
    "a range of no known unit": {"range": "lines=0-"},
}


@pytest.mark.parametrize("case", WITHOUT_DELTA)
def test_any_other_client_gets_the_same_as_without_a_dictionary(
    serve: Serve, with_deltas: TreeWithDeltas, case: str
) -> None:
    application = serve(with_deltas)
    digests = [with_deltas.dictionary(APP, had).strip(":") for had in (0, 1)]
    fields = dict(WITHOUT_DELTA[case])
    if "available_dictionary" in fields:
        fields["available_dictionary"] = fields["available_dictionary"].format(*digests)
    alike = {name: value for name, value in fields.items() if name in ("accept_encoding", "range")}
    for _ in range(2):
        reply = ask(application, with_deltas, **fields)
        assert reply == ask(application, with_deltas, None, **alike)
        assert reply.all("Content-Encoding") != ["dcz"]
        assert ask(application, with_deltas)["Content-Encoding"] == "dcz"


WITH_DELTA: dict[str, dict[str, str]] = {
    "dcz alone": {"accept_encoding": "dcz"},
    "a qvalue": {"accept_encoding": "br;q=0.5, DCZ;q=0.9"},
    "a parameter": {"available_dictionary": ":{0}:;a=1"},
    "without padding": {"available_dictionary": ":{short}:"},
    "the same origin": {"sec_fetch_site": "same-origin", "sec_fetch_mode": "no-cors"},
    "cors": {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors", "origin": "https://example.org"},
    "a navigation": {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
}


@pytest.mark.parametrize("case", WITH_DELTA)
def test_a_client_that_may_use_its_dictionary_gets_the_delta(
    serve: Serve, with_deltas: TreeWithDeltas, case: str
) -> None:
    application, expected = serve(with_deltas), ask(serve(with_deltas), with_deltas)
    digest = with_deltas.dictionary(APP, 0).strip(":")
    fields = {
        name: value.format(digest, short=digest.rstrip("=")) for name, value in WITH_DELTA[case].items()
    }
    for _ in range(2):
        assert ask(application, with_deltas, **fields) == expected


def test_head_has_the_fields_of_a_delta_and_ignores_a_range(
    serve: Serve, with_deltas: TreeWithDeltas
) -> None:
    application = serve(with_deltas)
    for _ in range(2):
        for fields in ({}, {"range": "bytes=0-1"}):
            head = ask(application, with_deltas, method="HEAD", **fields)
            got = ask(application, with_deltas)
            assert (head.status, sorted(head.headers), head.body) == (200, sorted(got.headers), b"")


def test_a_304_names_the_copy_that_the_client_has_and_how_long_to_keep_it(
    serve: Serve, with_deltas: TreeWithDeltas
) -> None:
    application = serve(with_deltas)
    delta = ask(application, with_deltas)
    whole, other = ask(application, with_deltas, None), ask(application, with_deltas, 1)
    for _ in range(2):
        for method in ("GET", "HEAD"):
            for tag, copy in ((delta["ETag"], delta), (whole["ETag"], whole), ("*", delta)):
                reply = ask(application, with_deltas, method=method, if_none_match=tag)
                assert (reply.status, reply["ETag"]) == (304, copy["ETag"])
                assert reply["Cache-Control"] == copy["Cache-Control"]
            # A cache that asks for such a client must not send it the delta.
            for tag, had in ((delta["ETag"], None), (delta["ETag"], 1), (other["ETag"], 0)):
                reply = ask(application, with_deltas, had, method=method, if_none_match=tag)
                assert (reply.status, reply["ETag"]) == (200, ask(application, with_deltas, had)["ETag"])


def test_if_match_holds_for_the_representation_that_is_selected(
    serve: Serve, with_deltas: TreeWithDeltas
) -> None:
    application = serve(with_deltas)
    delta, whole = ask(application, with_deltas), ask(application, with_deltas, None)
    for tag, had, status in (
        (delta["ETag"], 0, 200),
        ("*", 0, 200),
        (delta["ETag"], None, 412),
        (delta["ETag"], 1, 412),
        (whole["ETag"], 0, 412),
        (whole["ETag"], None, 200),
    ):
        assert ask(application, with_deltas, had, if_match=tag).status == status


def test_a_range_of_a_delta_is_answered_with_the_whole_file(
    serve: Serve, with_deltas: TreeWithDeltas
) -> None:
    application = serve(with_deltas)
    whole, delta = ask(application, with_deltas, None), ask(application, with_deltas)
    assert ask(application, with_deltas, range="bytes=9-", if_range=delta["ETag"]) == whole
    assert ask(application, with_deltas, range="bytes=9-", if_range=whole["ETag"]).body == whole.body[9:]


def test_a_file_with_a_delta_is_no_url_of_its_own(serve: Serve, with_deltas: TreeWithDeltas) -> None:
    application = serve(with_deltas, on_missing="404")
    for name, rows in (with_deltas.manifest().deltas or {}).items():
        assert len(rows) in (1, 2)
        for delta in with_deltas.manifest().deltas_of(name):
            reply = request(application, f"/static/{delta.path}", accept_encoding=BROWSER)
            assert (reply.status, reply["Cache-Control"]) == (404, "no-store")


@pytest.mark.parametrize("setting", ["serve_deltas", "public_deltas"])
def test_settings_switch_deltas_off_and_make_them_public(
    serve: Serve, with_deltas: TreeWithDeltas, setting: str
) -> None:
    settings: dict[str, Any] = {setting: setting == "public_deltas"}
    reply = ask(serve(with_deltas, **settings), with_deltas)
    is_delta = setting == "public_deltas"
    assert (reply["Content-Encoding"], reply["Cache-Control"]) == ("dcz" if is_delta else "br", IMMUTABLE)
    assert ("Use-As-Dictionary" in reply, "Dictionary" in reply["Vary"]) == (is_delta, is_delta)


def test_a_manifest_without_deltas_changes_nothing(serve: Serve, tmp_path: Any) -> None:
    tree = three_releases(tmp_path)
    tree.replace(deltas=None)
    reply = ask(serve(tree), tree)
    assert (reply["Content-Encoding"], reply["Vary"]) == ("br", "Accept-Encoding")
    assert "Use-As-Dictionary" not in reply
    # The first release has no deltas yet, but later ones need its files.
    tree.replace(deltas={})
    reply = ask(serve(tree), tree)
    assert (reply["Content-Encoding"], reply["Use-As-Dictionary"]) == ("br", 'match="../css/app.*.css"')


@pytest.mark.parametrize("damage", ["delta", "delta gone", "dictionary", "dictionary gone"])
def test_a_damaged_delta_is_logged_once_and_the_variant_is_sent(
    serve: Serve, tmp_path: Any, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    tree = three_releases(tmp_path)
    delta = tree.delta(APP, 0)
    path = tmp_path / (delta.path if damage.startswith("delta") else delta.dictionary)
    content = path.read_bytes()
    known = tree.dictionary(APP, 0)
    path.unlink()
    if not damage.endswith("gone"):
        path.write_bytes(content[:-1] + b"?")
    application = serve(tree)
    whole = ask(application, tree, None)
    for _ in range(2):
        assert ask(application, tree, available_dictionary=known) == whole
    assert [record for record in caplog.records if "as dcz" in record.message]
    assert len([record for record in caplog.records if record.name == "hashserve"]) == 1
    assert decoded(ask(application, tree, 1), tree.content(APP, 1)) == tree.content(APP)
    path.write_bytes(content)
    assert ask(application, tree)["Content-Encoding"] == "dcz"
