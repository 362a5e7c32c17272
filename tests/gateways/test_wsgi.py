"""The WSGI gateway: WhiteNoise's arguments compared with WhiteNoise, our own, and bounded memory."""

from __future__ import annotations

import inspect
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from wsgiref.headers import Headers as HeaderFields
from wsgiref.util import FileWrapper

import pytest
from whitenoise import WhiteNoise

from hashserve import HashServe, ManifestError, UnknownAssetError
from hashserve.digests import digest_of, integrity_of
from hashserve.serve.failure_log import MOST_LOGGED
from hashserve.serve.memo import LONGEST_REMEMBERED
from tests.support.client import APPLICATION_BODY, Reply, request, wrapped_application
from tests.support.files import put
from tests.support.trees import STYLES, TEN, BuiltTree, build_tree, put_variants

# Compared with WhiteNoise


@pytest.fixture
def root(tmp_path: Any) -> str:
    root = str(tmp_path / "root")
    put(root, "index.html", b"<p>top</p>")
    put(root, "home.htm", b"<p>home</p>")
    put(root, "folder/index.html", b"<p>folder</p>")
    put(root, "folder/home.htm", b"<p>home of folder</p>")
    put(root, "folder/a b/index.html", b"<p>deep</p>")
    put(root, "app.3f2a9c1d.js", b"js")
    put(root, "app.css", b"css")
    put(root, "data.foo", b"foo")
    put(root, "Special.Name", b"special")
    put(root, "plain", b"no extension")
    put(root, "é.txt", b"e")
    return root


PATHS = [
    *(
        "/static/app.css",
        "/static/app.3f2a9c1d.js",
        "/static/data.foo",
        "/static/Special.Name",
        "/static/plain",
    ),
    *("/static/", "/static", "/static/index.html", "/static/home.htm", "/static/é.txt", "/static/folder"),
    *("/static/folder/", "/static/folder/index.html", "/static/folder/home.htm", "/static/folder/a b"),
    *(
        "/static/folder/a b/",
        "/static/none.css",
        "/static/none/",
        "/",
        "/folder/",
        "/static/folder//",
        "/statics",
    ),
]


def directives(reply: Reply) -> set[str] | None:
    if "Cache-Control" not in reply:
        return None
    # WhiteNoise's "forever" is ten years, ours one: the longest that RFC 9111 caches are asked to honour.
    value = re.sub("max-age=(315360000|31536000)", "max-age=forever", reply["Cache-Control"])
    return {member.strip() for member in value.split(",")}


def summary(reply: Reply) -> tuple[object, ...]:
    """Return the part of a response on which both must agree."""
    fields = ("Location", "Access-Control-Allow-Origin", "X-Custom", "Content-Disposition")
    content_type = None if reply.status == 302 else reply["Content-Type"].replace('"', "")
    body = b"" if reply.status == 302 else reply.body
    found = [reply.all(name) for name in fields if reply.status != 302 or name == "Location"]
    return (reply.status, body, directives(reply), content_type, found)


def unchecked(application: Callable[..., Iterable[bytes]], path: str) -> Reply:
    """Send one GET without the checks of `request`, some of which WhiteNoise does not pass."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda data: None

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path.encode().decode("latin-1")}
    body = application(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()
    return Reply(status=int(started[0][0][:3]), headers=started[0][1], body=content)


def add_custom(fields: HeaderFields, path: str, url: str) -> None:
    fields["X-Custom"] = f"{os.path.basename(path)} {url.encode('ascii', 'replace').decode()}"
    if url.endswith(".js"):
        del fields["Access-Control-Allow-Origin"]
        fields["Cache-Control"] = "no-cache"


SETTINGS: list[dict[str, Any]] = [
    {},
    {"max_age": 0},
    {"max_age": 3600},
    {"max_age": None},
    {"max_age": None, "index_file": True},
    {"allow_all_origins": False},
    {"charset": "latin-1"},
    {"mimetypes": {".foo": "application/x-foo", ".css": "text/x-css", "special.name": "image/png"}},
    {"mimetypes": {".foo": "text/x-foo"}, "charset": "us-ascii"},
    {"add_headers_function": add_custom},
    {"add_headers_function": add_custom, "index_file": True},
    {"index_file": True},
    {"index_file": False},
    {"index_file": "home.htm"},
    {"index_file": ""},
    {"immutable_file_test": r"\.[0-9a-f]{8}\."},
    {"immutable_file_test": r"^/static/folder/$", "index_file": True},
    {"immutable_file_test": lambda path, url: path.endswith(".css") and url == "/static/app.css"},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("autorefresh", [False, True])
def test_whitenoises_arguments_mean_what_they_mean_to_whitenoise(
    root: str, settings: dict[str, Any], autorefresh: bool
) -> None:
    ours = HashServe(wrapped_application, root, "/static/", autorefresh=autorefresh, **settings)
    theirs = WhiteNoise(wrapped_application, root, "/static/", autorefresh=autorefresh, **settings)
    for path in PATHS:
        if path == "/static" and autorefresh:
            continue  # WhiteNoise answers this one only without autorefresh
        # The responses to a folder's two other URLs are those of WhiteNoise, byte for byte.
        assert summary(request(ours, path)) == summary(unchecked(theirs, path)), path


@pytest.mark.parametrize(
    "prefix", [None, "", "/", "static", "/static", "static/", "/static/", "a/b", "//x//"]
)
def test_a_prefix_is_written_in_any_way(root: str, prefix: str | None) -> None:
    ours = HashServe(wrapped_application, root, prefix)
    theirs = WhiteNoise(wrapped_application, root, prefix)
    for start in ("", "/static", "/a/b", "/x", "//x"):
        path = f"{start}/app.css"
        assert summary(request(ours, path)) == summary(unchecked(theirs, path))


@pytest.mark.parametrize("autorefresh", [False, True])
def test_what_is_added_last_is_served_first(root: str, tmp_path: Any, autorefresh: bool) -> None:
    second, third = str(tmp_path / "second"), str(tmp_path / "third")
    put(second, "app.css", b"second css")
    put(second, "only-second.css", b"only second")
    put(third, "app.css", b"third css")
    put(third, "folder/index.html", b"third index")
    ours = HashServe(wrapped_application, root, "/static/", autorefresh=autorefresh)
    theirs = WhiteNoise(wrapped_application, root, "/static/", autorefresh=autorefresh)
    paths = ["/static/app.css", "/static/only-second.css", "/static/data.foo", "/static/sub/app.css"]
    paths += ["/static/folder/index.html", "/app.css", "/sub/app.css", "/other/app.css", "/only-second.css"]
    for folder, prefix in ((second, "/static"), (third, "static/sub/"), (third, "/static"), (second, None)):
        ours.add_files(folder, prefix)
        theirs.add_files(folder, prefix)
        for path in paths:
            assert summary(request(ours, path)) == summary(unchecked(theirs, path)), (path, prefix)


def test_an_application_without_a_root_is_only_wrapped() -> None:
    application = HashServe(wrapped_application)
    for path in ("", "/", "/static/x.0123456789ab.css", "/\xff"):
        assert request(application, path).body == APPLICATION_BODY
    environ = {"REQUEST_METHOD": "GET"}
    body = application(environ, lambda status, headers, exc_info=None: lambda data: None)
    assert list(body) == [APPLICATION_BODY]


def test_every_argument_of_whitenoise_is_one_of_ours() -> None:
    theirs = inspect.signature(WhiteNoise).parameters
    ours = inspect.signature(HashServe).parameters
    for name, parameter in theirs.items():
        assert (ours[name].default, ours[name].kind) == (parameter.default, parameter.kind)


# Index files


def test_a_redirect_to_a_folder_whose_name_has_a_colon_is_not_taken_for_a_scheme(root: str) -> None:
    put(root, "javascript:x/index.html", b"<p>")
    application = HashServe(wrapped_application, root, "/", index_file=True)
    assert request(application, "/javascript:x")["Location"] == "./javascript:x/"


def test_the_prefix_alone_leads_to_its_index_only_where_there_is_one(root: str, tmp_path: Any) -> None:
    application = HashServe(wrapped_application, root, "/a/b/", index_file=True)
    assert request(application, "/a/b", query="x=1")["Location"] == "b/?x=1"
    assert request(application, "/a/b", method="POST").status == 405
    empty = HashServe(wrapped_application, tmp_path / "none", "/a/b/", index_file=True, on_missing="404")
    assert request(empty, "/a/b").body == APPLICATION_BODY
    assert request(empty, "/a/b/").status == 404


# The single-page application's fallback

NAVIGATION = "text/html,application/xhtml+xml,*/*;q=0.8"


class App:
    """An application that knows ``/known`` and answers all else with 404, in one of many manners."""

    def __init__(self, manner: str) -> None:
        self.manner = manner
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_known = environ["PATH_INFO"] == "/known"
        status = "200 OK" if is_known else "404 Not Found"
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else b"known" if is_known else b"unknown"
        headers = [("Content-Type", "text/plain")]
        arguments = (status, headers)
        if self.manner == "list":
            start_response(*arguments)
            return [body]
        if self.manner == "empty list":
            start_response(*arguments)
            return []
        if self.manner == "write":
            write = start_response(*arguments)
            write(body[:2])
            write(body[2:])
            return []
        if self.manner == "write and list":
            write = start_response(*arguments)
            write(body[:2])
            return [body[2:]]
        if self.manner == "exc_info":
            start_response("500 Oops", list(headers))
            try:
                int("x")
            except ValueError:
                start_response(status, list(headers), sys.exc_info())
            return [body]
        return Body(self, start_response, arguments, body)


class Body:
    """A body that calls start_response at its first chunk, or has done so."""

    def __init__(self, app: App, start_response: Any, arguments: Any, body: bytes) -> None:
        self.app = app
        if app.manner == "generator":
            start_response(*arguments)
        self.chunks = self.generate(start_response, arguments, body)

    def generate(self, start_response: Any, arguments: Any, body: bytes) -> Iterator[bytes]:
        if self.app.manner == "late":
            start_response(*arguments)
        yield body[:2]
        yield body[2:]

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        self.app.closed += 1


MANNERS = ["list", "empty list", "write", "write and list", "exc_info", "generator", "late"]


@pytest.fixture
def pages(tmp_path: Any) -> str:
    root = str(tmp_path / "pages")
    put(root, "index.html", b"<p>single page</p>")
    put(root, "app.css", b"css")
    return root


def single_page(application: Callable[..., Iterable[bytes]], root: str, **settings: Any) -> HashServe:
    return HashServe(application, root, "/", spa_fallback="index.html", **settings)


@pytest.mark.parametrize(("status", "sent"), [("404 Not Found", b"<p>single page</p>"), ("200 OK", b"late")])
def test_an_application_may_make_empty_chunks_before_its_status(pages: str, status: str, sent: bytes) -> None:
    def application(environ: object, start_response: Callable[..., Any]) -> Iterator[bytes]:
        yield b""
        yield b""
        start_response(status, [("Content-Type", "text/plain")])
        yield b"late"

    reply = request(single_page(application, pages), "/deep/page", accept=NAVIGATION)
    assert (reply.status, reply.body) == (200, sent)


def test_the_applications_body_is_closed_though_the_page_cannot_be_sent(pages: str) -> None:
    inner = App("generator")

    def failing(*arguments: object) -> Any:
        raise ConnectionResetError

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/deep/page",
        "SCRIPT_NAME": "",
        "HTTP_ACCEPT": NAVIGATION,
    }
    with pytest.raises(ConnectionResetError):
        single_page(inner, pages)(environ, failing)
    assert inner.closed == 1


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_navigation_that_nobody_knows_gets_the_fallback(pages: str, manner: str, method: str) -> None:
    inner = App(manner)
    reply = request(single_page(inner, pages), "/deep/page", method=method, accept=NAVIGATION)
    assert (reply.status, reply["Cache-Control"]) == (200, "no-cache")
    assert reply["Content-Type"] == "text/html; charset=utf-8"
    assert reply.body == (b"<p>single page</p>" if method == "GET" else b"")
    assert reply["Content-Length"] == "18"
    assert inner.closed == (1 if manner in ("generator", "late") else 0)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("path", ["/known", "/unknown"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_what_the_application_knows_or_no_navigation_asks_for_passes_as_it_is(
    pages: str, manner: str, path: str, method: str
) -> None:
    accept = (
        {"accept": NAVIGATION} if path == "/known" or method == "POST" else {"accept": "application/json"}
    )
    alone, wrapped = App(manner), App(manner)
    assert request(single_page(wrapped, pages), path, method=method, **accept) == request(
        alone, path, method=method, **accept
    )
    assert wrapped.closed == alone.closed


@pytest.mark.parametrize("manner", MANNERS)
def test_without_the_fallback_file_the_applications_404_passes_as_it_is(pages: str, manner: str) -> None:
    os.unlink(os.path.join(pages, "index.html"))
    alone, wrapped = App(manner), App(manner)
    expected = request(alone, "/unknown", accept=NAVIGATION)
    assert request(single_page(wrapped, pages), "/unknown", accept=NAVIGATION) == expected
    assert wrapped.closed == alone.closed


@pytest.mark.parametrize(
    ("path", "accept", "is_navigation"),
    [
        ("/deep/page", "text/html", True),
        ("/deep/page", "*/*", False),
        ("/deep.d/page", "text/html", True),
        ("/", "text/html", True),
        ("/deep/page.js", "text/html", False),
        ("/deep/page", "application/json", False),
        ("/deep/page", "image/*", False),
        ("/deep/page", None, False),
    ],
)
def test_only_a_page_asked_for_by_a_browser_is_a_navigation(
    pages: str, path: str, accept: str | None, is_navigation: bool
) -> None:
    fields = {} if accept is None else {"accept": accept}
    reply = request(single_page(App("list"), pages), path, **fields)
    assert reply.status == (200 if is_navigation else 404)


def test_a_static_file_comes_before_application_and_fallback(pages: str) -> None:
    assert request(single_page(App("list"), pages), "/app.css", accept=NAVIGATION).body == b"css"


def test_the_fallback_is_revalidated_and_never_outdated(pages: str) -> None:
    application = single_page(App("list"), pages)
    first = request(application, "/page", accept=NAVIGATION)
    assert request(application, "/page", accept=NAVIGATION, if_none_match=first["ETag"]).status == 304
    put(pages, "index.html", b"<p>new</p>")
    assert request(application, "/page", accept=NAVIGATION, if_none_match=first["ETag"]).body == b"<p>new</p>"
    assert request(application, "/page", accept=NAVIGATION, range="bytes=0-1").status == 206
    headed = request(application, "/page", method="HEAD", accept=NAVIGATION, range="bytes=0-1")
    assert (headed.status, headed["Content-Length"]) == (200, "10")


def test_the_fallback_answers_for_a_prefix_that_is_owned(pages: str) -> None:
    application = single_page(App("list"), pages, on_missing="404")
    assert request(application, "/known", accept=NAVIGATION).body == b"<p>single page</p>"
    assert request(application, "/known", method="HEAD", accept=NAVIGATION).status == 200
    assert request(application, "/none.css", accept=NAVIGATION).status == 404


def test_a_fallback_that_cannot_be_read_is_a_404(pages: str, caplog: pytest.LogCaptureFixture) -> None:
    os.unlink(os.path.join(pages, "index.html"))
    os.symlink("/etc/hostname", os.path.join(pages, "index.html"))
    reply = request(single_page(App("list"), pages), "/page", accept=NAVIGATION)
    assert (reply.status, reply["Cache-Control"]) == (404, "no-store")
    assert "leads out of the root" in caplog.text


def test_outside_of_every_prefix_there_is_no_fallback(pages: str) -> None:
    application = HashServe(App("list"), pages, "/app/", spa_fallback="index.html")
    assert request(application, "/page", accept=NAVIGATION).status == 404
    assert request(application, "/app/page", accept=NAVIGATION).status == 200


def test_an_application_that_fails_fails_as_before_and_is_closed(pages: str) -> None:
    class Failing(Body):
        def generate(self, start_response: Any, arguments: Any, body: bytes) -> Iterator[bytes]:
            yield str(1 / 0).encode()

    inner = App("late")
    application = single_page(
        lambda environ, start_response: Failing(inner, start_response, None, b""), pages
    )
    with pytest.raises(ZeroDivisionError):
        request(application, "/page", accept=NAVIGATION)
    assert inner.closed == 1


def test_an_error_in_the_middle_of_a_body_reaches_the_server(pages: str) -> None:
    calls: list[tuple[Any, ...]] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        try:
            int("x")
        except ValueError:
            start_response("500 Oops", [], sys.exc_info())

    def start_response(*arguments: Any) -> Callable[[bytes], object]:
        calls.append(arguments)
        return lambda data: None

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/page", "HTTP_ACCEPT": "text/html"}
    assert list(single_page(application, pages)(environ, start_response)) == [b"first"]
    assert [arguments[0] for arguments in calls] == ["200 OK", "500 Oops"]
    assert calls[1][2][0] is ValueError


def test_the_applications_own_body_object_is_given_to_the_server_where_it_can_be(pages: str) -> None:
    with open(os.path.join(pages, "app.css"), "rb") as stream:
        body = FileWrapper(stream)

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            start_response("200 OK", [])
            return body

        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/page", "HTTP_ACCEPT": "text/html"}
        assert single_page(application, pages)(environ, lambda *arguments: lambda data: None) is body


def test_what_an_application_writes_is_not_collected(pages: str) -> None:
    events: list[object] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        for number in range(3):
            write(b"%d" % number)
            events.append("wrote")
        return []

    def start_response(*arguments: Any) -> Callable[[bytes], object]:
        return events.append

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/page", "HTTP_ACCEPT": "text/html"}
    assert list(single_page(application, pages)(environ, start_response)) == []
    assert events == [b"0", "wrote", b"1", "wrote", b"2", "wrote"]


# URLs


def test_url_and_integrity_name_what_is_served(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root)
    assert application.url("ten.txt") == f"/static/{built.names['ten.txt']}"
    assert application.url("ten.txt?v=1#top") == f"/static/{built.names['ten.txt']}?v=1#top"
    assert application.url("ten.txt#a?b") == f"/static/{built.names['ten.txt']}#a?b"
    assert application.integrity("ten.txt?v=1") == integrity_of(digest_of([TEN]))
    put(built.root, "live file.txt", b"live")
    assert application.url("live file.txt") == "/static/live%20file.txt"
    assert application.integrity("live file.txt") == integrity_of(digest_of([b"live"]))
    for path in ("none.txt", "", "../x", ".hidden", "css"):
        with pytest.raises(UnknownAssetError):
            application.url(path)
        with pytest.raises(UnknownAssetError):
            application.integrity(path)
    with pytest.raises(UnknownAssetError, match="no folder of static files was added"):
        HashServe(wrapped_application).url("x")


def test_urls_start_with_the_mount_point_or_the_base(built: BuiltTree) -> None:
    path = f"/static/{built.names['ten.txt']}"
    application = HashServe(wrapped_application, built.root)
    environ = {"SCRIPT_NAME": "/caf\xc3\xa9 x/"}
    assert application.url("ten.txt", environ) == f"/caf%C3%A9%20x{path}"
    assert application.url("ten.txt", {}) == path
    based = HashServe(wrapped_application, built.root, url_base="https://cdn.example.org/")
    assert based.url("ten.txt", environ) == f"https://cdn.example.org{path}"
    reply = request(application, path, script_name="/app")
    assert (reply.status, reply.body) == (200, TEN)


def test_the_last_root_that_has_a_path_names_it(built: BuiltTree, tmp_path: Any) -> None:
    other = str(tmp_path / "other")
    put(other, "ten.txt", b"other")
    put(other, "more.txt", b"more")
    application = HashServe(wrapped_application, built.root)
    application.add_files(other, "/other/")
    assert application.url("ten.txt") == "/other/ten.txt"
    assert application.integrity("ten.txt") == integrity_of(digest_of([b"other"]))
    assert application.url("css/styles.css") == f"/static/{built.names['css/styles.css']}"
    assert application.integrity("css/styles.css") == integrity_of(digest_of([STYLES]))


def test_the_integrity_of_what_cannot_be_read_is_unknown(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root)
    os.symlink("/etc/hostname", os.path.join(built.root, "link.txt"))
    with pytest.raises(UnknownAssetError):
        application.integrity("link.txt")


def test_an_outdated_name_is_redirected_by_whichever_root_has_todays(built: BuiltTree, tmp_path: Any) -> None:
    application = HashServe(wrapped_application, built.root, on_unknown="redirect")
    application.add_files(tmp_path, "/static/")
    reply = request(application, "/static/ten.0123456789ab.txt")
    assert (reply.status, reply["Location"]) == (302, f"/static/{built.names['ten.txt']}")


# The hot path


def test_a_hit_from_memory_is_the_same_answer(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root)
    path = f"/static/{built.names['css/styles.css']}"
    for fields in ({}, {"accept_encoding": "br"}, {"accept_encoding": "gzip, br;q=0"}):
        first = request(application, path, **fields)
        assert request(application, path, **fields) == first
        fresh = HashServe(wrapped_application, built.root)
        for tag in (first["ETag"], f"W/{first['ETag']}", "*"):
            held = request(application, path, if_none_match=tag, **fields)
            assert held == request(fresh, path, if_none_match=tag, **fields)
            assert held.status == 304


def test_a_hit_from_memory_needs_no_disk(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=1000.0, preload=True)
    path = f"/static/{built.names['css/styles.css']}"
    for suffix in ("", ".br", ".gz"):
        os.unlink(os.path.join(built.root, built.names["css/styles.css"] + suffix))
    for accept_encoding in ("br", "gzip", "identity", "br"):
        assert request(application, path, accept_encoding=accept_encoding).status == 200
    assert request(application, path, range="bytes=0-3").body == STYLES[:4]


def remembered(application: HashServe) -> int:
    return sum(map(len, application._service.memo.hot.values()))


def test_memory_is_bounded_whatever_clients_send(built: BuiltTree) -> None:
    put(built.root, "live.txt", b"live")
    put_variants(built.root, "live.txt", b"live")
    application = HashServe(
        wrapped_application, built.root, memo_size=500, on_missing="404", check_interval=1000.0
    )
    statuses: set[str] = set()

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        statuses.add(status[:3])
        return lambda data: None

    hot = [f"/static/{path}" for path in built.names.values()]
    cold = ["/static/live.txt", "/static/none.txt", "/static/x.0123456789ab.css", "/elsewhere"]
    for number in range(100_000):
        path = hot[number % len(hot)] if number % 50 else cold[number // 50 % len(cold)]
        if path in cold[1:]:
            path = f"{path[:-4]}{number}{path[-4:]}"
        value = f"gzip;q=0.{number % 1000}, x-{number}" + "y" * (number % 400)
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_ACCEPT_ENCODING": value}
        application(environ, start_response)
        if number % 1000 == 0:
            assert remembered(application) <= 500
    assert statuses == {"200", "404"}
    assert 0 < remembered(application) <= 500
    for memo in application._service.memo.hot.values():
        assert all(key is None or len(key) <= LONGEST_REMEMBERED for key in memo)
    site = application._site
    assert len(site.bodies._bodies) <= 10
    assert len(site.failure_log) <= MOST_LOGGED
    for mount in site.mounts:
        assert len(mount.live._remembered) <= 500
        assert mount.table is not None
        assert len(mount.table._found) == 0


@pytest.mark.parametrize("budget", [0, 1000, 100_000, 1_000_000])
def test_bodies_in_memory_are_bounded_together_with_what_refers_to_them(tmp_path: Any, budget: int) -> None:
    tree = BuiltTree(str(tmp_path))
    for number in range(50):
        tree.add(f"{number}.bin", bytes([number]) * (number * 1000 + 1))
    largest = max(budget // 2, 1)
    for size in (largest - 1024, largest - 512, largest - 256, largest - 1, largest):
        if size > 0:
            tree.add(f"near-{size}.bin", os.urandom(size))
    tree.publish()
    application = HashServe(wrapped_application, tree.root, body_budget=budget, prefix="/static/")
    for _ in range(2):
        for path in tree.names.values():
            assert request(application, f"/static/{path}").status == 200
        referred = {
            id(entry[1]): len(entry[1])
            for memo in application._service.memo.hot.values()
            for entry in memo.values()
            if entry is not None
        }
        assert sum(referred.values()) <= budget


def test_with_no_memory_at_all_everything_is_served(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, memo_size=0, body_budget=0, largest_body=0)
    put(built.root, "live.txt", b"live")
    for _ in range(2):
        for path in (*built.names.values(), *built.names, "live.txt"):
            assert request(application, f"/static/{path}").status == 200
    assert remembered(application) == 0


def test_a_manifest_that_is_broken_from_the_start_is_an_error(tmp_path: Any) -> None:
    put(str(tmp_path), "staticfiles.json", b"{")
    with pytest.raises(ManifestError, match=r"staticfiles\.json"):
        HashServe(wrapped_application, tmp_path)


@pytest.mark.parametrize("name", ["content-type", "cache-control", "vary", "CONTENT-TYPE"])
def test_a_hook_writes_names_as_it_likes(root: str, name: str) -> None:
    values = {"content-type": "text/x-mine", "cache-control": "private", "vary": "Cookie"}
    value = values[name.lower()]

    def add(fields: HeaderFields, path: str, url: str) -> None:
        fields[name] = value

    application = HashServe(wrapped_application, root, "/", add_headers_function=add, index_file=True)
    assert request(application, "/app.css")[name] == value
    several = request(application, "/app.css", range="bytes=0-0,2-2")
    assert several.status == 206
    assert len(several.all("Content-Type")) == 1
    if name.lower() == "content-type":
        assert b"text/x-mine" in several.body


def test_a_hook_may_take_the_type_away(root: str) -> None:
    def remove(fields: HeaderFields, path: str, url: str) -> None:
        del fields["Content-Type"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/app.css", "HTTP_RANGE": "bytes=0-0,2-2"}
    application = HashServe(wrapped_application, root, "/", add_headers_function=remove)
    body = b"".join(application(environ, lambda *arguments: lambda data: None))
    assert b"Content-Type" not in body


def test_what_lies_between_two_prefixes_is_the_applications(root: str) -> None:
    application = HashServe(wrapped_application, root, "/a/")
    application.add_files(root, "/c/")
    for path in ("/a/app.css", "/c/app.css"):
        assert request(application, path).body == b"css"
    assert request(application, "/b/app.css").body == APPLICATION_BODY


def test_a_hooks_own_modification_date_counts(built: BuiltTree) -> None:
    moment = "Sat, 01 Jan 2000 00:00:00 GMT"

    def add(fields: HeaderFields, path: str, url: str) -> None:
        fields["Last-Modified"] = moment

    application = HashServe(wrapped_application, built.root, add_headers_function=add)
    for path in ("/static/ten.txt", f"/static/{built.names['ten.txt']}"):
        assert request(application, path)["Last-Modified"] == moment
        assert request(application, path, if_modified_since=moment).status == 304
        assert request(application, path, if_unmodified_since="Fri, 31 Dec 1999 00:00:00 GMT").status == 412


# URLs in pages, and odd names and settings


class Page:
    """An application that writes the URL of a file into each page, as a template does."""

    def __init__(self, root: str, **settings: Any) -> None:
        self.static = HashServe(self, root, **settings)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        if environ["PATH_INFO"] == "/streamed":
            return (self.static.url("ten.txt").encode() for _ in range(1))
        return [self.static.url("ten.txt").encode()]

    def url(self, path: str, script_name: str) -> str:
        return request(self.static, path, script_name=script_name, accept="text/html").body.decode()


@pytest.mark.parametrize("path", ["/page", "/streamed", "/static/none.txt", "/static/none"])
def test_the_url_in_a_page_starts_with_the_mount_point_of_its_own_request(
    built: BuiltTree, path: str
) -> None:
    page, served = Page(built.root, spa_fallback="index.html"), f"/static/{built.names['ten.txt']}"
    for mount_point in ("", "/a", "/b", "", "/a"):
        assert page.url(path, mount_point) == mount_point + served


def test_a_url_outside_of_any_request_has_no_mount_point(built: BuiltTree) -> None:
    application, served = HashServe(wrapped_application, built.root), f"/static/{built.names['ten.txt']}"
    assert application.url("ten.txt") == served
    thread = threading.Thread(target=request, args=(application, "/page"), kwargs={"script_name": "/a"})
    thread.start()
    thread.join()
    assert application.url("ten.txt") == served


def test_requests_at_the_same_time_each_have_their_own_mount_point(built: BuiltTree) -> None:
    page, served = Page(built.root), f"/static/{built.names['ten.txt']}"
    arrived, found = threading.Barrier(2), dict[str, str]()
    url = page.static.url

    def url_of_both(logical_path: str, environ: Any = None) -> str:
        arrived.wait(timeout=60)
        return url(logical_path, environ)

    page.static.url = url_of_both  # type: ignore[method-assign]

    def ask(mount_point: str) -> None:
        found[mount_point] = page.url("/page", mount_point)

    threads = [threading.Thread(target=ask, args=(mount_point,)) for mount_point in ("/a", "/b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"/a": f"/a{served}", "/b": f"/b{served}"}


def test_two_wrappers_around_each_other_have_a_mount_point_each(built: BuiltTree) -> None:
    urls: list[str] = []

    def innermost(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        urls.extend(wrapper.url("ten.txt") for wrapper in (outer, inner))
        return wrapped_application(environ, start_response)

    def mounting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return inner({**environ, "SCRIPT_NAME": "/inner"}, start_response)

    inner = HashServe(innermost, built.root)
    outer = HashServe(mounting, built.root)
    request(outer, "/page")
    served = f"/static/{built.names['ten.txt']}"
    assert urls == [served, f"/inner{served}"]


@pytest.mark.parametrize("origin", ["https://cdn.example.com", "//cdn.example.com"])
def test_a_prefix_that_is_a_url_is_served_under_its_path(built: BuiltTree, origin: str) -> None:
    application = HashServe(wrapped_application, built.root, f"{origin}/assets/")
    path = f"/assets/{built.names['ten.txt']}"
    assert application.url("ten.txt") == origin + path
    assert request(application, path).status == 200


def test_a_manifest_that_comes_later_brings_its_prefix(tmp_path: Path) -> None:
    root = tmp_path / "root"
    application = HashServe(wrapped_application, root, check_interval=0.0)
    tree = build_tree(str(root))
    url = application.url("ten.txt")
    assert url == f"/static/{tree.names['ten.txt']}"
    assert request(application, url)["Cache-Control"].endswith("immutable")


@pytest.mark.parametrize("name", ["n#1.txt", "q?.txt", "a b#?%.txt"])
def test_a_name_with_a_delimiter_in_it_has_a_url_that_serves_it(built: BuiltTree, name: str) -> None:
    built.add(name, b"odd name")
    built.publish()
    application = HashServe(wrapped_application, built.root)
    url = application.url(name)
    assert "?" not in url
    assert "#" not in url
    assert request(application, unquote(url)).body == b"odd name"
    assert application.integrity(name).startswith("sha256-")


def test_no_line_break_of_a_query_reaches_a_field(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, on_unknown="redirect")
    query, mount = "q=1\r\nSet-Cookie: a", "//evil.example"
    reply = request(application, "/static/ten.0123456789ab.txt", query=query, script_name=mount)
    assert reply["Location"].startswith("/evil.example/static/ten.")
    assert reply["Location"].endswith("?q=1%0D%0ASet-Cookie:%20a")


def test_only_get_is_sent_to_the_name_of_today(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, on_unknown="redirect")
    assert request(application, "/static/ten.0123456789ab.txt", method="POST").status == 404


def test_an_error_of_the_hook_is_not_taken_for_one_of_the_file(built: BuiltTree) -> None:
    def failing(fields: object, path: str, url: str) -> None:
        raise FileNotFoundError(url)

    application = HashServe(wrapped_application, built.root, add_headers_function=failing)
    with pytest.raises(RuntimeError, match="add_headers_function failed"):
        request(application, "/static/ten.txt")


def test_an_error_of_the_test_for_immutable_files_is_not_taken_for_one_of_the_file(built: BuiltTree) -> None:
    def failing(path: str, url: str) -> bool:
        raise FileNotFoundError(url)

    application = HashServe(wrapped_application, built.root, immutable_file_test=failing)
    with pytest.raises(RuntimeError, match="immutable_file_test failed"):
        request(application, "/static/ten.txt")


def test_the_manifest_has_no_url(built: BuiltTree) -> None:
    with pytest.raises(UnknownAssetError):
        HashServe(wrapped_application, built.root).url("staticfiles.json")


def test_a_large_file_of_the_right_length_and_wrong_bytes_is_not_served(built: BuiltTree) -> None:
    path = built.add("large.bin", bytes(2_000_000))
    built.publish()
    location = put(built.root, path, bytes(1_999_999) + b"!")
    application = HashServe(wrapped_application, built.root)
    reply = request(application, f"/static/{path}")
    assert (reply.status, reply["Cache-Control"]) == (404, "no-store")
    put(built.root, path, bytes(2_000_000))
    assert request(application, f"/static/{path}").body == bytes(2_000_000)
    os.unlink(location)
    assert request(application, f"/static/{path}").status == 404


def test_a_named_manifest_that_does_not_exist_yet_is_logged(
    built: BuiltTree, caplog: pytest.LogCaptureFixture
) -> None:
    HashServe(wrapped_application, built.root, manifest="later.json")
    assert "there is no manifest later.json" in caplog.text


def test_an_expires_field_is_sent_where_it_is_asked_for(built: BuiltTree) -> None:
    path = f"/static/{built.names['ten.txt']}"
    application = HashServe(wrapped_application, built.root, expires=True)
    for asked in (path, path, "/static/ten.txt"):  # the second time from memory
        assert request(application, asked)["Expires"].endswith("GMT")
    assert "Expires" not in request(HashServe(wrapped_application, built.root), path)
