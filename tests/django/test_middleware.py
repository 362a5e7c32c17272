"""Django's middleware: what it adds to `tests.serve.test_conformance`, which runs over it too."""

# Django has no types.
# mypy: disable-error-code="import-untyped, misc, untyped-decorator"
from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
import time
from typing import Any
from wsgiref.headers import Headers as HeaderFields
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.urls import clear_script_prefix, set_script_prefix
from django.utils.decorators import sync_only_middleware

from hashserve import HashServe, ManifestError
from hashserve.django.class_names import STORAGE
from hashserve.django.middleware import HashServeMiddleware
from hashserve.django.page_release import pinned
from hashserve.django.requests import native_path
from hashserve.django.responses import StaticContent
from hashserve.errors import SettingError, TruncatedFileError
from hashserve.gateways.asgi_bodies import MOST_READERS, PIECE_SIZE, PIECES_AT_A_TIME, _readers
from tests.support.client import APPLICATION_BODY, request, wrapped_application
from tests.support.django_client import MIDDLEWARE, Application, django_application, over_asgi, project
from tests.support.files import put
from tests.support.trees import POEM, STYLES, TEN, BuiltTree, ServedTree, copy_tree, make_tree
from tests.support.waiting import wait_until

GATEWAYS = ("wsgi", "asgi")
every_gateway = pytest.mark.parametrize("gateway", GATEWAYS)
ANSWERER = "tests.support.django_client.application"
LARGE = os.urandom(3 * PIECES_AT_A_TIME * PIECE_SIZE + 5)


@pytest.fixture(scope="module")
def made_tree(tmp_path_factory: pytest.TempPathFactory) -> ServedTree:
    made = make_tree("built", str(tmp_path_factory.mktemp("built") / "root"))
    put(made.root, "large.bin", LARGE)
    put(made.root, "plain.txt", POEM * 100)
    return made


@pytest.fixture
def tree(made_tree: ServedTree, tmp_path: Any) -> ServedTree:
    return copy_tree(made_tree, str(tmp_path / "root"))


def serve(gateway: str, tree: ServedTree, **keys: Any) -> Application:
    return django_application(gateway, STATIC_ROOT=tree.root, HASHSERVE=keys)


def start(gateway: str) -> Application:
    """Start the project whose settings are in force, for requests while they are."""
    application: Application = WSGIHandler() if gateway == "wsgi" else over_asgi(ASGIHandler())
    return application


def middleware(tree: ServedTree, get_response: Any, **keys: Any) -> HashServeMiddleware:
    with project(STATIC_ROOT=tree.root, HASHSERVE=keys):
        return HashServeMiddleware(get_response)


async def answered_elsewhere(request: Any) -> HttpResponse:
    return HttpResponse(APPLICATION_BODY)


# The same answers as the wrapper's

ASKED: list[dict[str, str]] = [
    {},
    {"accept_encoding": "gzip"},
    {"accept_encoding": "br;q=0.1, gzip;q=0"},
    {"range": "bytes=1-4"},
    {"range": "bytes=0-1, -2"},
    {"range": "bytes=99999999-"},
    {"if_none_match": "*"},
    {"if_none_match": '"zz"'},
    {"if_match": '"nope"'},
    {"method": "HEAD"},
    {"method": "HEAD", "range": "bytes=1-4"},
    {"method": "HEAD", "if_none_match": "*"},
    {"method": "OPTIONS"},
    {"method": "OPTIONS", "origin": "https://x.test", "access_control_request_method": "GET"},
    {"method": "POST"},
    {"method": "get"},
]


@every_gateway
@pytest.mark.parametrize("largest_body", [0, 1 << 20])
@pytest.mark.parametrize("asked", ASKED)
def test_status_fields_and_body_are_those_of_the_wrapper(
    gateway: str, tree: ServedTree, largest_body: int, asked: dict[str, str]
) -> None:
    wrapper = HashServe(wrapped_application, tree.root, "/static/", largest_body=largest_body)
    ours = serve(gateway, tree, LARGEST_BODY=largest_body)
    paths = [
        tree.url("css/styles.css"),
        tree.url("tëxt/é.txt"),
        "/static/ten.txt",
        "/static/x.0123456789ab.css",
    ]
    for path in paths:
        for _ in range(2):  # the second time from memory
            assert request(ours, path, **asked) == request(wrapper, path, **asked)


@every_gateway
def test_a_redirect_is_that_of_the_wrapper(gateway: str, tree: ServedTree) -> None:
    put(tree.root, "folder/index.html", b"<p>")
    wrapper = HashServe(wrapped_application, tree.root, "/static/", index_file=True)
    ours = serve(gateway, tree, INDEX_FILE=True)
    for path in ("/static/folder", "/static/folder/index.html"):
        assert request(ours, path, query="a=%C3%A9") == request(wrapper, path, query="a=%C3%A9")


@every_gateway
def test_several_fields_of_one_name_become_one_list(gateway: str, tree: ServedTree) -> None:
    def add(fields: HeaderFields, path: str, url: str) -> None:
        fields.add_header("Link", "<a>")
        fields.add_header("link", "<b>")

    reply = request(serve(gateway, tree, ADD_HEADERS_FUNCTION=add), tree.url("ten.txt"))
    assert reply["Link"] == "<a>, <b>"


def add_poem(fields: HeaderFields, path: str, url: str) -> None:
    fields["X-Poem"] = f"{os.path.basename(path)} {url}"


@every_gateway
def test_the_hook_may_be_a_dotted_path(gateway: str, tree: ServedTree) -> None:
    application = serve(gateway, tree, ADD_HEADERS_FUNCTION=f"{__name__}.add_poem")
    assert request(application, "/static/ten.txt")["X-Poem"] == "ten.txt /static/ten.txt"


@every_gateway
def test_expires_says_what_max_age_says(gateway: str, tree: ServedTree) -> None:
    application = serve(gateway, tree, EXPIRES=True)
    for _ in range(2):
        year = int(time.strftime("%Y", time.gmtime(time.time() + 31_536_000)))
        assert str(year) in request(application, tree.url("ten.txt"))["Expires"]
    assert "Expires" in request(application, "/static/ten.txt")
    assert "Expires" not in request(application, "/static/none.0123456789ab.css")


# What is not static


@pytest.mark.parametrize("path", ["/", "/page", "/static", "/statics/ten.txt", "/static/none.txt", "/é"])
def test_the_next_middleware_gets_the_request_and_makes_the_response(tree: ServedTree, path: str) -> None:
    response = HttpResponse()
    seen = []

    def get_response(request: Any) -> HttpResponse:
        seen.append(request)
        return response

    asked = RequestFactory().get(path)
    assert middleware(tree, get_response)(asked) is response
    assert seen == [asked]


@pytest.mark.parametrize("path", ["/", "/page", "/static/none.txt", "/é"])
def test_the_next_middleware_gets_the_request_under_an_event_loop(tree: ServedTree, path: str) -> None:
    response = HttpResponse()
    seen = []

    async def get_response(request: Any) -> HttpResponse:
        seen.append(request)
        return response

    asked = AsyncRequestFactory().get(path)
    assert asyncio.run(middleware(tree, get_response)(asked)) is response
    assert seen == [asked]


# Other middleware above

ABOVE = [
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
]


@every_gateway
@pytest.mark.parametrize("largest_body", [0, 1 << 20])
@pytest.mark.parametrize(
    "asked", [fields | {"accept_encoding": "gzip"} for fields in ASKED if "accept_encoding" not in fields]
)
def test_middleware_above_changes_nothing(
    gateway: str, tree: ServedTree, largest_body: int, asked: dict[str, str]
) -> None:
    settings = {"STATIC_ROOT": tree.root, "HASHSERVE": {"LARGEST_BODY": largest_body}}
    alone = django_application(gateway, **settings)
    with project(**settings, MIDDLEWARE=[*ABOVE, MIDDLEWARE, ANSWERER]):
        stacked = start(gateway)
        for path in (tree.url("css/styles.css"), "/static/plain.txt", "/static/none.0123456789ab.css"):
            assert request(stacked, path, **asked) == request(alone, path, **asked)


@every_gateway
def test_security_middleware_above_adds_its_fields(gateway: str, tree: ServedTree) -> None:
    application = django_application(
        gateway,
        STATIC_ROOT=tree.root,
        MIDDLEWARE=["django.middleware.security.SecurityMiddleware", MIDDLEWARE, ANSWERER],
    )
    for _ in range(2):
        for path in (tree.url("ten.txt"), "/static/large.bin"):
            reply = request(application, path)
            assert reply["Referrer-Policy"] == "same-origin"
            assert reply["X-Content-Type-Options"] == "nosniff"


@sync_only_middleware
def thread_bound(get_response: Any) -> Any:
    """Run whatever is further in in one thread, as middleware of old does."""
    return lambda request: get_response(request)  # noqa: PLW0108  # another object than it wraps


@pytest.mark.parametrize(
    "stack", [[f"{__name__}.thread_bound", MIDDLEWARE], [MIDDLEWARE, f"{__name__}.thread_bound"]]
)
def test_middleware_without_an_event_loop_works_on_either_side(tree: ServedTree, stack: list[str]) -> None:
    application = django_application("asgi", STATIC_ROOT=tree.root, MIDDLEWARE=[*stack, ANSWERER])
    for path, body in (("/static/large.bin", LARGE), (tree.url("ten.txt"), TEN), ("/page", APPLICATION_BODY)):
        assert request(application, path).body == body


# Where the site is mounted

URLS = [
    ("static/", "/static/"),
    ("/static/", "/static/"),
    ("assets/s/", "/assets/s/"),
    ("https://cdn.example/", "/"),
    ("https://cdn.example/static/", "/static/"),
    ("//cdn.example/static/", "/static/"),
    ("https://cdn.example/a/static/", "/a/static/"),
]


@every_gateway
@pytest.mark.parametrize(("static_url", "prefix"), URLS)
@pytest.mark.parametrize("mount", ["", "/app"])
def test_static_files_are_served_below_the_path_of_static_url(
    gateway: str, tree: ServedTree, static_url: str, prefix: str, mount: str
) -> None:
    application = django_application(gateway, STATIC_ROOT=tree.root, STATIC_URL=static_url)
    reply = request(application, f"{prefix}{tree.names['ten.txt']}", script_name=mount)
    assert reply.body == TEN
    assert request(application, "/page", script_name=mount).body == APPLICATION_BODY


@every_gateway
@pytest.mark.parametrize(
    "static_url", ["/app/static/", "static/", "/static/", "https://cdn.example/app/static/"]
)
def test_the_path_excludes_a_forced_mount_point(gateway: str, tree: ServedTree, static_url: str) -> None:
    with project(
        STATIC_ROOT=tree.root,
        STATIC_URL=static_url,
        FORCE_SCRIPT_NAME="/app",
        HASHSERVE={"ON_UNKNOWN": "redirect"},
    ):
        application = start(gateway)
        mount = "" if gateway == "wsgi" else "/app"
        assert request(application, tree.url("ten.txt"), script_name=mount).body == TEN
        moved = request(application, "/static/css/styles.0123456789ab.css", script_name=mount)
        assert moved["Location"] == f"/app{tree.url('css/styles.css')}"


@every_gateway
def test_static_url_may_contain_the_mount_point_of_the_server(gateway: str, tree: ServedTree) -> None:
    application = django_application(
        gateway, STATIC_ROOT=tree.root, STATIC_URL="/app/static/", HASHSERVE={"ON_UNKNOWN": "redirect"}
    )
    assert request(application, tree.url("ten.txt"), script_name="/app").body == TEN
    moved = request(application, "/static/css/styles.0123456789ab.css", script_name="/app")
    assert moved["Location"] == f"/app{tree.url('css/styles.css')}"
    assert request(application, "/page", script_name="/app").body == APPLICATION_BODY


def test_a_relative_static_url_still_follows_the_mount_point_after_the_start(tree: ServedTree) -> None:
    with project(STATIC_ROOT=tree.root, STATIC_URL="static/"):
        HashServeMiddleware(answered_elsewhere)
        set_script_prefix("/app/")
        try:
            assert django_settings.STATIC_URL == "/app/static/"
        finally:
            clear_script_prefix()


@pytest.mark.parametrize("server_field", ["RAW_URI", "REQUEST_URI"])
def test_a_name_that_is_not_utf_8_is_found_if_the_server_passes_the_raw_path(
    tree: ServedTree, server_field: str
) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    put(tree.root, name, TEN)
    raw = {server_field: "/app/static/caf%E9.txt?x=1"}
    path = f"/static/{name}"
    assert request(serve("wsgi", tree), path, raw, script_name="/app").body == TEN
    assert request(serve("wsgi", tree), path, {server_field: "http://h/static/caf%E9.txt"}).body == TEN
    for other in ({}, {server_field: "/elsewhere"}):
        assert request(serve("wsgi", tree), path, other).body == APPLICATION_BODY
    assert request(serve("asgi", tree), path, script_name="/app").body == TEN


@pytest.mark.parametrize("sent", [{}, {"raw_path": None}, {"raw_path": b"/elsewhere"}])
def test_a_path_without_its_raw_form_is_used_as_it_is(sent: dict[str, Any]) -> None:
    asked = AsyncRequestFactory().get("/")
    asked.path_info = "/\ufffd.txt"
    asked.scope = {**asked.scope, **sent}
    assert native_path(asked) == "/\xef\xbf\xbd.txt"


@every_gateway
def test_a_percent_sign_in_a_name_is_a_percent_sign(gateway: str, tree: ServedTree) -> None:
    put(tree.root, "50%é.txt", TEN)
    put(tree.root, "\ufffd.txt", TEN)
    for name in ("50%é.txt", "\ufffd.txt"):
        assert request(serve(gateway, tree), f"/static/{name}").body == TEN


# The folder at the root of the site


@every_gateway
def test_a_folder_is_served_at_the_root_of_the_site(gateway: str, tree: ServedTree, tmp_path: Any) -> None:
    root = str(tmp_path / "public")
    put(root, "robots.txt", b"User-agent: *")
    put(root, "static/ten.txt", b"not this one")
    application = serve(gateway, tree, ROOT=root, ON_MISSING="404")
    robots = request(application, "/robots.txt")
    assert (robots.body, robots["Cache-Control"]) == (b"User-agent: *", "public, max-age=60")
    assert request(application, "/page").body == APPLICATION_BODY
    assert request(application, "/none.0123456789ab.css").body == APPLICATION_BODY
    assert request(application, "/static/ten.txt").body == TEN
    assert request(application, "/static/none.txt").status == 404


def test_a_path_that_the_root_of_the_site_lacks_takes_no_thread(tree: ServedTree, tmp_path: Any) -> None:
    root = str(tmp_path / "public")
    put(root, "robots.txt", b"robots")
    put(root, "index.html", b"index")
    put(root, "é/x.txt", b"accented")
    keys = {"ROOT": root, "INDEX_FILE": True, "CHECK_INTERVAL": 3600}
    answer = middleware(tree, answered_elsewhere, **keys)

    async def ask(path: str) -> bytes:
        content: bytes = (await answer(AsyncRequestFactory().get(path))).content
        return content

    for path, body in (("/robots.txt", b"robots"), ("/", b"index")):
        assert asyncio.run(ask(path)) == body
    application = serve("asgi", tree, **keys)
    for _ in range(2):  # the second time the names are known
        assert request(application, "/é/x.txt").body == b"accented"
    _readers().shutdown()
    try:
        for path in ("/page", "/none.txt", "/e/x.txt"):
            assert asyncio.run(ask(path)) == APPLICATION_BODY
        with pytest.raises(RuntimeError):
            asyncio.run(ask("/robots.txt"))
    finally:
        _readers.cache_clear()


def test_a_new_file_at_the_root_of_the_site_is_found(tree: ServedTree, tmp_path: Any) -> None:
    root = str(tmp_path / "public")
    application = serve("asgi", tree, ROOT=root, CHECK_INTERVAL=0.01)
    assert request(application, "/robots.txt").body == APPLICATION_BODY
    put(root, "robots.txt", b"robots")
    wait_until(lambda: request(application, "/robots.txt").body == b"robots")


@every_gateway
def test_without_a_folder_every_request_is_the_applications(gateway: str) -> None:
    application = django_application(gateway, STATIC_ROOT=None)
    for path in ("/", "/static/ten.txt"):
        assert request(application, path).body == APPLICATION_BODY


# Development


@every_gateway
def test_in_development_files_come_from_the_finders(gateway: str, tmp_path: Any) -> None:
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    put(first, "page.css", b"one")
    put(second, "page.css", b"hidden by the first")
    put(second, "deep/app.js", b"script")
    with project(DEBUG=True, STATICFILES_DIRS=[first, ("vendor", second)], STATIC_ROOT=None):
        application = start(gateway)
        reply = request(application, "/static/page.css")
        assert (reply.body, reply["Cache-Control"]) == (b"one", "no-cache")
        assert request(application, "/static/page.css", if_none_match=reply["ETag"]).status == 304
        put(first, "page.css", b"two")
        assert request(application, "/static/page.css", if_none_match=reply["ETag"]).body == b"two"
        put(first, "new.css", b"new")
        assert request(application, "/static/new.css").body == b"new"
        os.unlink(os.path.join(first, "new.css"))
        assert request(application, "/static/new.css").body == APPLICATION_BODY
        assert request(application, "/static/vendor/deep/app.js").body == b"script"
        assert request(application, "/static/deep/app.js").body == APPLICATION_BODY
        assert request(application, "/static/vendor").body == APPLICATION_BODY


@every_gateway
def test_in_development_a_link_that_leaves_the_folder_is_followed(gateway: str, tmp_path: Any) -> None:
    put(str(tmp_path / "elsewhere"), "app.js", b"linked")
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    with project(DEBUG=True, STATICFILES_DIRS=[str(folder)], STATIC_ROOT=None):
        application = start(gateway)
        assert request(application, "/static/linked/app.js").body == b"linked"


@every_gateway
def test_in_development_nothing_is_immutable_by_a_manifest(gateway: str, tree: ServedTree) -> None:
    keys = {"MAX_AGE": 3600, "IMMUTABLE_FILE_TEST": ".", "INDEX_FILE": True}
    application = django_application(gateway, DEBUG=True, STATIC_ROOT=tree.root, HASHSERVE=keys)
    put(tree.root, "folder/index.html", b"<p>")
    for path in (tree.url("ten.txt"), "/static/ten.txt", "/static/folder"):
        assert request(application, path)["Cache-Control"] == "no-cache"
    os.unlink(tree.location("ten.txt"))
    assert request(application, tree.url("ten.txt")).status == 404
    assert request(application, "/static/staticfiles.json").body == APPLICATION_BODY


@pytest.fixture
def late_app(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """An app that has no folder for static files yet."""
    folder = tmp_path / "packages" / "late_app"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.delitem(sys.modules, "late_app", raising=False)
    return str(folder)


@every_gateway
def test_in_development_an_app_may_get_its_folder_after_the_start(gateway: str, late_app: str) -> None:
    apps = ["django.contrib.staticfiles", "late_app"]
    with project(DEBUG=True, INSTALLED_APPS=apps, STATIC_ROOT=None):
        application = start(gateway)
        assert request(application, "/static/late/app.css").body == APPLICATION_BODY
        put(late_app, "static/late/app.css", b"late")
        assert request(application, "/static/late/app.css").body == b"late"


class OneFile(BaseFinder):
    """Finds this very module as ``module.py``."""

    def find(self, path: str, *args: Any, **options: Any) -> Any:
        """Find one path."""
        return __file__ if path == "module.py" else []

    def list(self, ignore_patterns: Any) -> Any:
        """List nothing."""
        return iter(())


@every_gateway
def test_in_development_a_projects_own_finder_is_used(gateway: str) -> None:
    with project(DEBUG=True, STATICFILES_FINDERS=[f"{__name__}.OneFile"], STATIC_ROOT=None):
        application = start(gateway)
        assert b"Finds this very module" in request(application, "/static/module.py").body


def test_finders_may_be_used_along_with_a_build(tree: ServedTree, tmp_path: Any) -> None:
    put(str(tmp_path / "sources"), "page.css", b"found")
    with project(
        STATIC_ROOT=tree.root, STATICFILES_DIRS=[str(tmp_path / "sources")], HASHSERVE={"USE_FINDERS": True}
    ):
        application = WSGIHandler()
        assert request(application, "/static/page.css")["Cache-Control"] == "public, max-age=60"
        assert "immutable" in request(application, tree.url("ten.txt"))["Cache-Control"]


# Files, descriptors and threads


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@every_gateway
@pytest.mark.parametrize(
    "fields", [{}, {"range": "bytes=5-"}, {"range": "bytes=0-1, 9-10"}, {"method": "HEAD"}]
)
def test_every_descriptor_is_closed(gateway: str, tree: ServedTree, fields: dict[str, str]) -> None:
    application = serve(gateway, tree)
    request(application, "/static/large.bin")
    before = descriptors()
    for _ in range(5):
        request(application, "/static/large.bin", **fields)
    wait_until(lambda: descriptors() <= before)


def ask_with_wrapper(application: Application, path: str) -> Any:
    """Return the body that a server gets that sends files by itself."""
    environ: dict[str, Any] = {"PATH_INFO": path, "wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    return application(environ, lambda status, headers: None)


def test_a_server_may_send_the_file_by_itself(tree: ServedTree) -> None:
    before = descriptors()
    body = ask_with_wrapper(serve("wsgi", tree), "/static/large.bin")
    assert type(body) is FileWrapper
    assert isinstance(body.filelike, io.FileIO)
    assert b"".join(body) == LARGE
    body.close()
    body.close()
    assert descriptors() == before


def test_a_client_that_leaves_costs_no_descriptor(tree: ServedTree) -> None:
    application, before = serve("wsgi", tree), descriptors()
    body = ask_with_wrapper(application, "/static/large.bin")
    next(iter(body))
    body.close()
    assert descriptors() == before


def test_a_file_that_ends_early_is_an_error_for_the_server(tree: ServedTree) -> None:
    body = ask_with_wrapper(serve("wsgi", tree), "/static/large.bin")
    os.truncate(os.path.join(tree.root, "large.bin"), 10)
    assert len(b"".join(body)) == 10
    with pytest.raises(TruncatedFileError):
        body.close()


def test_a_client_that_leaves_an_event_loop_costs_no_descriptor(tree: ServedTree) -> None:
    answer = middleware(tree, answered_elsewhere)

    async def leave() -> None:
        for _ in range(5):
            response = await answer(AsyncRequestFactory().get("/static/large.bin"))
            assert await anext(aiter(response))
            response.close()

    before = descriptors()
    asyncio.run(leave())
    wait_until(lambda: descriptors() <= before)


class Gate:
    """A hook that waits in its thread until the test lets it go on."""

    def __init__(self, *, fails: bool = False) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self.fails = fails

    def __call__(self, fields: HeaderFields, path: str, url: str) -> None:
        self.reached.set()
        if not self.opened.wait(30):
            fields["X-Blocked"] = "the loop"
        if self.fails:
            raise RuntimeError("a hook of a project's own")


def test_the_loop_goes_on_while_a_file_is_read(tree: ServedTree) -> None:
    gate = Gate()
    answer = middleware(tree, answered_elsewhere, ADD_HEADERS_FUNCTION=gate)

    async def ask() -> Any:
        slow = asyncio.create_task(answer(AsyncRequestFactory().get("/static/ten.txt")))
        while not gate.reached.is_set():
            await asyncio.sleep(0.001)
        assert (await answer(AsyncRequestFactory().get("/page"))).content == APPLICATION_BODY
        gate.opened.set()
        return await slow

    response = asyncio.run(ask())
    assert response.content == TEN
    assert "X-Blocked" not in response.headers


@pytest.mark.parametrize(
    ("path", "fails"), [("/static/large.bin", False), ("/static/ten.txt", False), ("/static/ten.txt", True)]
)
def test_a_file_opened_for_a_client_that_left_is_closed(tree: ServedTree, path: str, fails: bool) -> None:
    gate = Gate(fails=fails)
    answer = middleware(tree, answered_elsewhere, ADD_HEADERS_FUNCTION=gate)

    async def leave() -> None:
        slow = asyncio.create_task(answer(AsyncRequestFactory().get(path)))
        while not gate.reached.is_set():
            await asyncio.sleep(0.001)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        gate.opened.set()

    _readers()
    before = descriptors()
    asyncio.run(leave())
    _readers().submit(int).result()
    wait_until(lambda: descriptors() <= before)


def test_a_hit_takes_no_thread_and_no_disk(tree: ServedTree) -> None:
    answer = middleware(tree, answered_elsewhere, CHECK_INTERVAL=3600)

    async def ask() -> bytes:
        response = await answer(AsyncRequestFactory().get(tree.url("css/styles.css")))
        content: bytes = response.content
        return content

    asyncio.run(ask())
    os.rename(tree.root, f"{tree.root}-gone")
    _readers().shutdown()
    try:
        assert asyncio.run(ask()) == STYLES
    finally:
        _readers.cache_clear()


def test_a_few_threads_read_for_any_number_of_requests(tree: ServedTree) -> None:
    answer = middleware(tree, answered_elsewhere, LARGEST_BODY=0)

    async def ask() -> bytes:
        response = await answer(AsyncRequestFactory().get("/static/plain.txt"))
        return b"".join([chunk async for chunk in response])

    async def ask_often() -> list[bytes]:
        return await asyncio.gather(*(ask() for _ in range(200)))

    assert asyncio.run(ask_often()) == [POEM * 100] * 200
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("hashserve")]
    assert len(ours) <= MOST_READERS


def test_a_child_process_starts_its_own_threads(tree: ServedTree) -> None:
    assert _readers().submit(os.getpid).result() == os.getpid()
    child = os.fork()
    if child == 0:  # pragma: no cover  # coverage does not follow
        status = 1
        try:
            status = 0 if _readers().submit(os.getpid).result(timeout=30) == os.getpid() else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


# The start


def test_a_wrong_setting_stops_the_start(tree: ServedTree) -> None:
    with pytest.raises(SettingError, match=r'HASHSERVE\["MAX_AGE"\]=-1: must be a whole number'):
        serve("wsgi", tree, MAX_AGE=-1)


def test_a_broken_manifest_stops_the_start(tree: ServedTree) -> None:
    put(tree.root, "staticfiles.json", b"{")
    with pytest.raises(ManifestError):
        serve("wsgi", tree)


def test_bodies_may_be_read_before_the_server_forks(built: BuiltTree) -> None:
    with project(STATIC_ROOT=built.root, HASHSERVE={"PRELOAD": True}):
        answer = HashServeMiddleware(lambda request: HttpResponse())
    assert answer._service.site.bodies.kept()[1] > len(STYLES)


def test_a_response_shares_nothing_with_the_next() -> None:
    first, second = StaticContent(200, {}), StaticContent(200, {})
    shared = [name for name, value in vars(first).items() if value is vars(second)[name]]
    assert all(isinstance(vars(first)[name], str | int | bool | None) for name in shared)
    assert set(vars(first)) == {*vars(HttpResponse()), "status_code"}


@pytest.mark.parametrize("is_async", [False, True])
def test_a_page_has_the_names_of_one_release(is_async: bool) -> None:
    seen: list[list[int]] = []

    def page(request: object) -> HttpResponse:
        counter = iter(range(2))
        seen.append([pinned(page, lambda: next(counter)) for _ in range(2)])
        return HttpResponse()

    async def page_async(request: object) -> HttpResponse:
        return page(request)

    storages = {"staticfiles": {"BACKEND": STORAGE}}
    for settings, expected in ((storages, [0, 0]), ({}, [0, 1])):
        with override_settings(STORAGES=settings):
            middleware = HashServeMiddleware(page_async if is_async else page)
            response = middleware(RequestFactory().get("/page"))
            if is_async:
                asyncio.run(response)
        assert seen.pop() == expected
