"""Static sites: the page of 404s, and pages without their extension."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from hashserve import HashServe, build
from hashserve.serve.failure_log import MOST_LOGGED_OF_CLIENTS
from tests.support.client import APPLICATION_BODY, Reply, request, wrapped_application
from tests.support.django_client import django_application
from tests.support.files import put

NAVIGATION = "text/html,application/xhtml+xml,*/*;q=0.8"
MISSING = b"<!doctype html><title>nothing here</title>\n" * 20
BLOG = b"<!doctype html><title>blog</title>\n" * 20

Application = Callable[..., Iterable[bytes]]


@pytest.fixture(scope="module")
def built_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("site")
    put(tmp_path, "source/404.html", MISSING)
    put(tmp_path, "source/blog.html", BLOG)
    put(tmp_path, "source/index.html", b"<!doctype html><title>home</title>")
    put(tmp_path, "source/both.html", b"the page")
    put(tmp_path, "source/both/index.html", b"the folder's index")
    put(tmp_path, "source/docs/v1.2.html", b"version 1.2")
    put(tmp_path, "source/ab:c.html", b"colon")
    put(tmp_path, "source/css/app.css", b"a { color: red }\n" * 40)
    build(tmp_path / "source", tmp_path / "site", prefix="/")
    return tmp_path / "site"


@pytest.fixture
def site(built_site: Path, tmp_path: Path) -> Path:
    """A static site as generators write it, for one test."""
    return Path(shutil.copytree(built_site, tmp_path / "site"))


def missing_json(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as an API without this path."""
    start_response("404 Not Found", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"{}"]


def owned(site: Path, **settings: Any) -> HashServe:
    return HashServe(wrapped_application, site, "/", on_missing="404", not_found_page="404.html", **settings)


# The page of 404s


@pytest.mark.parametrize("path", ["/none", "/none.css", "/deep/none/", "/.env", "/css"])
@pytest.mark.parametrize("accept", [NAVIGATION, "*/*", "application/json"])
def test_a_path_without_a_file_gets_the_page_and_404(site: Path, path: str, accept: str) -> None:
    reply = request(owned(site), path, accept=accept)
    assert (reply.status, reply.body) == (404, MISSING)
    assert reply["Content-Type"] == "text/html; charset=utf-8"
    assert reply["Cache-Control"] == "no-store"
    assert (reply["Access-Control-Allow-Origin"], reply["X-Content-Type-Options"]) == ("*", "nosniff")


def test_the_page_of_404s_is_compressed_as_any_page_is(site: Path) -> None:
    reply = request(owned(site), "/none", accept_encoding="gzip")
    assert (reply["Content-Encoding"], reply["Vary"]) == ("gzip", "Accept-Encoding")
    assert (gzip.decompress(reply.body), reply["Content-Length"]) == (MISSING, str(len(reply.body)))


def test_head_has_the_fields_of_get(site: Path) -> None:
    application = owned(site, expires=True)
    for coding in ("gzip", "identity"):
        got = request(application, "/none", accept_encoding=coding)
        headed = request(application, "/none", method="HEAD", accept_encoding=coding)
        assert (headed.status, headed.headers, headed.body) == (404, got.headers, b"")


@pytest.mark.parametrize(
    "fields",
    [
        {"if_none_match": "*"},
        {"if_match": '"other"'},
        {"if_modified_since": "Thu, 01 Jan 2099 00:00:00 GMT"},
        {"if_unmodified_since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"range": "bytes=0-3"},
        {"range": "bytes=999999-"},
    ],
)
def test_neither_preconditions_nor_ranges_apply_to_a_404(site: Path, fields: dict[str, str]) -> None:
    application = owned(site)
    assert request(application, "/none", **fields) == request(application, "/none")


def test_a_404_has_no_validators_and_offers_no_ranges(site: Path) -> None:
    reply = request(owned(site, expires=True), "/none")
    for name in ("ETag", "Last-Modified", "Accept-Ranges", "Expires"):
        assert name not in reply


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE"])
def test_other_methods_get_a_404_without_the_page(site: Path, method: str) -> None:
    reply = request(owned(site), "/none", method=method)
    assert (reply.status, reply["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_the_page_itself_is_a_file_like_any_other(site: Path) -> None:
    assert request(owned(site), "/404.html").status == 200


def test_a_new_page_is_sent_at_the_next_request(site: Path) -> None:
    application = owned(site)
    assert request(application, "/none").body == MISSING
    put(site, "404.html", b"new", age=0)
    assert request(application, "/none").body == b"new"


def test_an_unknown_fingerprint_gets_a_short_404(site: Path) -> None:
    application = HashServe(
        wrapped_application, site, "/static/", on_missing="404", not_found_page="404.html"
    )
    assert request(application, "/static/app.0123456789ab.css").body == b"404 Not Found\n"
    assert request(application, "/static/none.css").body == MISSING


def test_without_the_page_a_404_is_short_and_the_log_says_so_once(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (site / "404.html").unlink()
    application = owned(site)
    for _ in range(2):
        assert request(application, "/none").body == b"404 Not Found\n"
    assert [record.message for record in caplog.records] == [
        "cannot serve the page of 404s: no root has '404.html'; create it"
    ]


def test_a_page_that_leads_out_of_the_root_is_not_sent(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    (site / "404.html").unlink()
    (site / "404.html").symlink_to("/etc/hostname")
    assert request(owned(site), "/none").body == b"404 Not Found\n"
    passing = HashServe(missing_json, site, "/", not_found_page="404.html")
    assert request(passing, "/none", accept=NAVIGATION).body == b"{}"
    assert "leads out of the root" in caplog.text


@pytest.mark.parametrize("setting", [{"not_found_page": "page.html"}, {"spa_fallback": "page.html"}])
def test_paths_that_clients_choose_do_not_keep_a_broken_page_out_of_the_log(
    site: Path, setting: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    (site / "out").mkdir()
    for number in range(MOST_LOGGED_OF_CLIENTS + 1):
        (site / f"out/{number}").symlink_to("/etc/hostname")
    (site / "page.html").symlink_to("/etc/hostname")
    application = HashServe(missing_json, site, "/", on_missing="404", **setting)
    for number in range(MOST_LOGGED_OF_CLIENTS + 1):
        request(application, f"/out/{number}")
    assert "too many problems with requested paths" in caplog.text
    caplog.clear()
    request(application, "/none", accept=NAVIGATION)
    assert [message for message in caplog.messages if message.startswith("cannot serve page.html: ")]


def test_an_applications_404_is_replaced_for_browsers_only(site: Path) -> None:
    application = HashServe(missing_json, site, "/", not_found_page="404.html")
    for path in ("/none", "/none.pdf"):
        reply = request(application, path, accept=NAVIGATION)
        assert (reply.status, reply["Cache-Control"], reply.body) == (404, "no-store", MISSING)
        assert request(application, path, method="HEAD", accept=NAVIGATION).headers == reply.headers
    assert request(application, "/none", accept="application/json").body == b"{}"
    assert request(application, "/none").body == b"{}"
    assert request(application, "/none", method="POST", accept=NAVIGATION).body == b"{}"


def test_what_the_application_answers_stays(site: Path) -> None:
    application = HashServe(wrapped_application, site, "/", not_found_page="404.html")
    assert request(application, "/none", accept=NAVIGATION).body == APPLICATION_BODY


def test_a_single_page_application_gets_the_page_for_what_is_no_navigation(site: Path) -> None:
    application = owned(site, spa_fallback="index.html")
    assert request(application, "/view", accept=NAVIGATION).status == 200
    reply = request(application, "/none.css", accept=NAVIGATION)
    assert (reply.status, reply.body) == (404, MISSING)


# Pages without their extension


def by_wrapper(site: Path, *, index_file: bool = True) -> Application:
    return HashServe(wrapped_application, site, "/", clean_urls=True, index_file=index_file)


def by_django(gateway: str) -> Callable[..., Application]:
    def serve(site: Path, *, index_file: bool = True) -> Application:
        settings = {"ROOT": str(site), "CLEAN_URLS": True, "INDEX_FILE": index_file}
        return django_application(gateway, STATIC_ROOT=str(site / "css"), HASHSERVE=settings)

    return serve


GATEWAYS = {"wrapper": by_wrapper, "wsgi": by_django("wsgi"), "asgi": by_django("asgi")}


@pytest.fixture(params=GATEWAYS)
def serve(request: pytest.FixtureRequest) -> Callable[..., Application]:
    return GATEWAYS[request.param]


def is_the_applications(reply: Reply) -> bool:
    return reply.body == APPLICATION_BODY


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/blog", 200, BLOG),
        ("/blog.html", 200, BLOG),
        ("/blog/", 302, "../blog"),
        ("/both", 200, b"the page"),
        ("/both/", 200, b"the folder's index"),
        ("/docs/v1.2", 200, b"version 1.2"),
        ("/docs/v1.2/", 302, "../v1.2"),
        ("/ab:c/", 302, "../ab:c"),
        ("/", 200, b"<!doctype html><title>home</title>"),
        ("/index", 302, "./"),
        ("/index.html", 302, "./"),
        ("/both/index", 302, "./"),
    ],
)
def test_a_page_has_a_url_without_its_extension(
    serve: Callable[..., Application], site: Path, path: str, status: int, expected: bytes | str
) -> None:
    application = serve(site)
    for _ in range(2):  # the second may come from the memo
        reply = request(application, path)
        assert (reply.status, reply["Location"] if status == 302 else reply.body) == (status, expected)


@pytest.mark.parametrize(
    "path", ["/none", "/none/", "/docs/v1", "/blog.html/", "/index/", "//blog", "/.html"]
)
def test_what_is_no_page_is_the_applications(
    serve: Callable[..., Application], site: Path, path: str
) -> None:
    assert is_the_applications(request(serve(site), path))


def test_without_an_index_file_pages_have_such_urls_too(
    serve: Callable[..., Application], site: Path
) -> None:
    application = serve(site, index_file=False)
    assert request(application, "/both").body == b"the page"
    assert request(application, "/index").status == 200
    assert request(application, "/both/")["Location"] == "../both"
    assert is_the_applications(request(application, "/"))


def test_a_redirect_keeps_the_query_and_stays_on_the_host(site: Path) -> None:
    application = by_wrapper(site)
    assert request(application, "/blog/", query="a=1&b=//x")["Location"] == "../blog?a=1&b=//x"
    for path in ("//evil.example/", "/\\evil.example/", "/%5Cevil.example/", "/..//evil.example/"):
        assert is_the_applications(request(application, path))


def test_a_page_without_extension_is_answered_by_all_rules_of_files(site: Path) -> None:
    application = by_wrapper(site)
    first = request(application, "/blog", accept_encoding="gzip")
    assert (first["Content-Encoding"], gzip.decompress(first.body)) == ("gzip", BLOG)
    assert first["Content-Type"] == "text/html; charset=utf-8"
    assert request(application, "/blog", accept_encoding="gzip", if_none_match=first["ETag"]).status == 304
    assert request(application, "/blog", range="bytes=0-3").body == BLOG[:4]
    assert request(application, "/blog", method="HEAD")["Content-Length"] == str(len(BLOG))
    assert request(application, "/blog", method="POST").status == 405
    assert request(application, "/blog", method="OPTIONS").status == 204


def test_a_page_is_remembered_until_it_or_a_file_without_extension_changes(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.serve.live_files.SETTLED_AFTER", -1)
    application = HashServe(
        wrapped_application, site, "/", clean_urls=True, index_file=True, check_interval=3600
    )
    request(application, "/blog")
    assert "/blog" in application._service.memo.live
    assert request(application, "/blog").body == BLOG
    put(site, "blog.html", b"edited")
    assert request(application, "/blog").body == b"edited"
    request(application, "/blog")
    put(site, "blog", b"a file without extension")
    assert request(application, "/blog").body == b"a file without extension"
    os.unlink(site / "blog")
    assert request(application, "/blog").body == b"edited"
    put(site, "blog/index.html", b"a folder")
    assert request(application, "/blog").body == b"edited"
    os.unlink(site / "blog.html")
    assert request(application, "/blog")["Location"] == "blog/"


def test_pages_have_such_urls_only_where_they_are_wanted(site: Path) -> None:
    application = HashServe(wrapped_application, site, "/", index_file=True)
    for path in ("/blog", "/blog/", "/index"):
        assert is_the_applications(request(application, path))
