"""The site without a server: requests in, answers out."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashserve.builder import build
from hashserve.http.messages import FileSpan, Request
from hashserve.serve.answers import Answer
from hashserve.serve.asset_urls import AssetUrls
from hashserve.serve.files import ChangedFileError, is_machine_error
from hashserve.serve.inspection import OutsideRootError
from hashserve.serve.locks import renew_locks
from hashserve.serve.mount import Mount
from hashserve.serve.site import ATTEMPTS, Site, retry
from hashserve.settings.serve import ServeSettings
from tests.support.files import put
from tests.support.trees import STYLES, TEN, BuiltTree


def site_of(root: str, prefix: str | None = "/static/", **settings: Any) -> Site:
    site = Site(ServeSettings(**settings))
    site.add(root, prefix)
    return site


def body_of(answer: Answer) -> bytes:
    return b"".join(part for part in answer.response.body if isinstance(part, bytes))


def get(site: Site, path: str, **fields: Any) -> Answer | None:
    return site.answer(Request(**{"method": "GET", "path": path, **fields}))


def test_an_answer_from_memory_holds_bytes_and_no_descriptor(built: BuiltTree) -> None:
    answer = get(site_of(built.root), f"/static/{built.names['ten.txt']}")
    assert answer is not None
    assert (answer.response.status, body_of(answer), answer.descriptor) == (200, TEN, None)
    assert answer.asset is not None


def test_an_answer_from_a_file_holds_its_open_descriptor(built: BuiltTree) -> None:
    answer = get(site_of(built.root, body_budget=0), f"/static/{built.names['ten.txt']}")
    assert answer is not None
    assert answer.descriptor is not None
    with os.fdopen(answer.descriptor, "rb") as stream:
        assert stream.read() == TEN
    (span,) = answer.response.body
    assert isinstance(span, FileSpan)
    assert (span.start, span.length) == (0, 10)
    assert answer.asset is None


@pytest.mark.parametrize("settled_after", [-1, 2_000_000_000], ids=["watched", "changed-lately"])
def test_a_live_file_is_an_unhashed_one(
    built: BuiltTree, settled_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.serve.live_files.SETTLED_AFTER", settled_after)
    answer = get(site_of(built.root), "/static/ten.txt")
    assert answer is not None
    assert (answer.kind, answer.watched is not None) == ("unhashed", settled_after < 0)


def test_a_damaged_file_is_a_404_that_failed_and_is_logged_with_its_url(
    built: BuiltTree, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(built.root, built.names["ten.txt"], b"9876543210")
    answer = get(site_of(built.root), f"/static/{path.name}")
    assert answer is not None
    assert (answer.response.status, answer.kind) == (404, "failed")
    assert f"/static/{path.name} as identity: {path}: is not the content" in caplog.text


def test_what_is_live_is_never_said_to_be_lasting(built: BuiltTree) -> None:
    answer = get(site_of(built.root), "/static/ten.txt")
    assert answer is not None
    assert answer.asset is None


def test_the_prefix_that_the_build_wrote_down_is_the_default(built: BuiltTree) -> None:
    assert site_of(built.root, None).mounts[0].prefix == "/static/"
    assert site_of(built.root, "/assets/").mounts[0].prefix == "/assets/"
    assert site_of(os.path.join(built.root, "css"), None).mounts[0].prefix == "/"


def test_what_is_nobodys_is_none(built: BuiltTree) -> None:
    site = site_of(built.root)
    for path in ("/", "", "/static", "/static/", "/static/none", "/other/ten.txt", "/static/\u20ac"):
        assert get(site, path) is None


def test_the_clock_decides_when_manifests_are_looked_at(built: BuiltTree) -> None:
    now, changes = [0.0], list[None]()
    site = Site(
        ServeSettings(check_interval=5.0), on_change=lambda: changes.append(None), clock=lambda: now[0]
    )
    site.add(built.root, "/static/")
    assert len(changes) == 1
    built.add("new.txt", b"new")
    built.publish()
    now[0] = 4.9
    site.follow_if_due()
    assert len(changes) == 1
    now[0] = 5.0
    site.follow_if_due()
    assert len(changes) == 2
    assert site.check_due == 10.0
    assert not site.follow()


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "denied"),
        FileNotFoundError(errno.ENOENT, "gone"),
        OSError(errno.ELOOP, "loop"),
        OSError(errno.ENAMETOOLONG, "long"),
        OutsideRootError("link"),
        ChangedFileError("x", "changed"),
        OSError(errno.EMFILE, "many"),
        OSError(errno.EIO, "disk"),
        OSError(errno.ESTALE, "stale"),
        OSError("no number"),
    ],
)
def test_no_error_of_the_disk_comes_out(
    built: BuiltTree, error: OSError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = site_of(built.root, spa_fallback="ten.txt", body_budget=0)
    attempts: list[None] = []

    def failing(*arguments: Any) -> Any:
        attempts.append(None)
        raise error

    monkeypatch.setattr(Mount, "find", failing)
    monkeypatch.setattr("hashserve.serve.body_cache.open_stored", failing)
    monkeypatch.setattr("hashserve.serve.live_files.snapshot_of", failing)
    is_unavailable = isinstance(error, ChangedFileError) or error.errno in (
        errno.EMFILE,
        errno.EIO,
        errno.ESTALE,
    )
    for answer in (
        get(site, "/static/ten.txt"),
        site.fallback(Request(method="GET", path="/static/page", accept="text/html")),
    ):
        assert answer is not None
        assert answer.response.status == (503 if is_unavailable else 404)
        assert ("Cache-Control", "no-store") in answer.response.headers
        assert str(error).encode() not in body_of(answer)
    is_looked_at_again = isinstance(error, (ChangedFileError, FileNotFoundError))
    assert len(attempts) == 2 * (ATTEMPTS if is_looked_at_again else 1)
    # A shortage of the machine is logged once for all files.
    assert caplog.text.count("cannot serve") == (1 if is_machine_error(error) else 2)


def test_a_shortage_that_lasts_is_logged_again_from_time_to_time(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*arguments: Any) -> Any:
        raise OSError(errno.EMFILE, "many")

    now = [0.0]
    site = Site(ServeSettings(), clock=lambda: now[0])
    site.add(built.root, "/static/")
    monkeypatch.setattr(Mount, "find", failing)
    for seconds in range(0, 180, 5):
        now[0] = float(seconds)
        get(site, f"/static/{seconds}.txt")
    assert caplog.text.count("cannot serve") == 3


def test_no_client_writes_lines_of_the_log(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*arguments: Any) -> Any:
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr(Mount, "find", failing)
    get(site_of(built.root), "/static/a\nERROR all is lost")
    assert "/static/a%0AERROR%20all%20is%20lost: [Errno 5] disk" in caplog.text


def test_a_disk_that_fails_keeps_no_page_from_an_application_that_shares_its_prefix(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, shared = site_of(built.root), site_of(built.root, prefix="/")

    def failing(path: Any, **keywords: Any) -> Any:
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr("os.stat", failing)
    answer = get(alone, "/static/page")
    monkeypatch.undo()
    assert answer is not None
    assert answer.response.status == 503
    monkeypatch.setattr("os.stat", failing)
    assert get(shared, "/page") is None


def failing_for(monkeypatch: pytest.MonkeyPatch, ending: str, number: int) -> None:
    """Let each open fail of a path with this ending."""
    real_open = os.open

    def opening(path: Any, *arguments: Any, **keywords: Any) -> int:
        if str(path).endswith(ending):
            raise OSError(number, os.strerror(number), path)
        return real_open(path, *arguments, **keywords)

    monkeypatch.setattr("os.open", opening)


def test_a_variant_in_a_bad_place_of_the_disk_is_done_without(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site, path = site_of(built.root), f"/static/{built.names['css/styles.css']}"
    failing_for(monkeypatch, ".css.br", errno.EIO)
    for _ in range(3):
        answer = get(site, path, accept_encoding="br")
        assert answer is not None
        assert (answer.response.status, body_of(answer), answer.asset) == (200, STYLES, None)
    live = get(site, "/static/css/styles.css", accept_encoding="br")
    assert live is not None
    assert body_of(live) == STYLES
    assert caplog.text.count("cannot serve") == 1
    monkeypatch.undo()
    whole = get(site, path, accept_encoding="br")
    assert whole is not None
    assert ("Content-Encoding", "br") in whole.response.headers


@pytest.mark.parametrize(
    ("ending", "number"), [(".css", errno.EIO), (".css.br", errno.EMFILE)], ids=["identity", "variant"]
)
def test_a_failing_disk_or_a_lack_of_descriptors_is_a_503_and_never_another_representation(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch, ending: str, number: int
) -> None:
    site, path = site_of(built.root), f"/static/{built.names['css/styles.css']}"
    failing_for(monkeypatch, ending, number)
    accepted = "br" if ending == ".css.br" else None
    answer = get(site, path, accept_encoding=accepted)
    assert answer is not None
    assert (answer.response.status, answer.kind) == (503, "failed")
    monkeypatch.undo()
    again = get(site, path, accept_encoding=accepted)
    assert again is not None
    assert again.response.status == 200


def test_a_variant_that_could_not_be_looked_at_is_looked_at_again(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(built.root)
    failing_for(monkeypatch, ".css.br", errno.EMFILE)
    answer = get(site, "/static/css/styles.css", accept_encoding="br")
    assert answer is not None
    assert answer.response.status == 503
    monkeypatch.undo()
    answer = get(site, "/static/css/styles.css", accept_encoding="br")
    assert answer is not None
    assert ("Content-Encoding", "br") in answer.response.headers


def test_a_large_file_that_can_no_longer_be_read_is_a_503_and_leaves_no_descriptor(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, path = site_of(built.root, body_budget=0), f"/static/{built.names['ten.txt']}"
    proven = get(site, path)
    assert proven is not None
    assert proven.descriptor is not None
    os.close(proven.descriptor)
    before = os.dup(0)
    os.close(before)

    def failing(*arguments: Any) -> bytes:
        raise OSError(errno.EIO, "disk")

    for gone in (failing, lambda *arguments: b""):
        monkeypatch.setattr("os.pread", gone)
        answer = get(site, path, range="bytes=5-")
        assert answer is not None
        assert answer.response.status in (404, 503)
        assert ("Cache-Control", "no-store") in answer.response.headers
        after = os.dup(0)
        os.close(after)
        assert after == before


def test_exhaustion_while_a_fingerprinted_file_is_opened_is_a_503(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> Any:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("hashserve.serve.body_cache.open_stored", failing)
    answer = get(site_of(built.root, body_budget=0), f"/static/{built.names['css/styles.css']}")
    assert answer is not None
    assert answer.response.status == 503


def test_a_query_that_is_the_fingerprint_of_the_bytes_makes_them_immutable(tmp_path: Any) -> None:
    root = str(tmp_path)
    put(root, "js/app.js", b"app")
    put(root, "mix-manifest.json", b'{"/js/app.js": "/js/app.js?id=d2a57dc1d883fd21fb9951699df71cc7"}')
    site = site_of(root, "/")

    def lifetime(query: str) -> str:
        answer = get(site, "/js/app.js", query=query)
        assert answer is not None
        return dict(answer.response.headers)["Cache-Control"]

    right = "id=d2a57dc1d883fd21fb9951699df71cc7"
    assert "immutable" in lifetime(right)
    assert "immutable" not in lifetime("")
    assert "immutable" not in lifetime("id=d2a57dc1")
    assert AssetUrls(site).url("js/app.js") == f"/js/app.js?{right}"
    put(root, "js/app.js", b"newer than the manifest")
    assert "immutable" not in lifetime(right)
    assert get(site, "/mix-manifest.json") is None


def test_a_manifest_of_django_1_0_without_a_prefix_is_served_from_the_top(tmp_path: Any) -> None:
    put(str(tmp_path), "a.0123456789ab.css", STYLES)
    put(str(tmp_path), "staticfiles.json", b'{"version": "1.0", "paths": {"a.css": "a.0123456789ab.css"}}')
    answer = get(site_of(str(tmp_path), None), "/a.0123456789ab.css")
    assert answer is not None
    assert body_of(answer) == STYLES


def test_a_site_follows_in_a_child_if_another_thread_was_following_at_the_fork(built: BuiltTree) -> None:
    site = site_of(built.root)
    site._following.lock.acquire()
    renew_locks()  # what runs in a child after the fork
    assert not site.follow()


# The published manifest

PUBLISHED = "/static/.well-known/hashserve.json"


def test_the_manifest_is_published_only_where_that_is_asked_for(built: BuiltTree) -> None:
    assert get(site_of(built.root), PUBLISHED) is None
    site = site_of(built.root, publish_manifest=True)
    answer = get(site, PUBLISHED)
    assert answer is not None
    with open(os.path.join(built.root, "staticfiles.json"), "rb") as stream:
        assert body_of(answer) == stream.read()
    assert ("Cache-Control", "no-store") in answer.response.headers
    assert get(site, "/static/staticfiles.json") is None


def test_a_published_manifest_shows_what_its_page_says(tmp_path: Path) -> None:
    put(tmp_path / "secret-source", "js/app.js", b"import './b.js'; // a comment of the source\n")
    put(tmp_path / "secret-source", "js/b.js", b"export default 1;\n")
    for content in (b"a {}", b"b {}"):
        put(tmp_path / "secret-source", "css/app.css", content)
        build(tmp_path / "secret-source", tmp_path / "out", leave_references=["css/*"], skip_compress=["png"])
    site = Site(ServeSettings(publish_manifest=True))
    site.add(str(tmp_path / "out"), "/static/")
    answer = get(site, PUBLISHED)
    assert answer is not None
    text = body_of(answer).decode()
    shown = json.loads(text)
    assert shown.keys() == {"paths", "version", "hash", "hashserve"}
    assert shown["hashserve"].keys() <= {
        *("format", "created", "columns", "files", "media_types", "releases", "prefix", "queries"),
        *("unhashed", "unhashed_files", "skipped", "modules", "leave_references", "deltas"),
    }
    assert not [private for private in (str(tmp_path), "secret-source", "comment") if private in text]


@pytest.mark.parametrize("make", [None, os.mkdir, os.mkfifo])
def test_a_manifest_that_is_none_is_not_published(
    built: BuiltTree, make: Callable[[str], None] | None
) -> None:
    site = site_of(built.root, publish_manifest=True)
    path = os.path.join(built.root, "staticfiles.json")
    os.unlink(path)
    if make is not None:
        make(path)
    assert get(site, PUBLISHED) is None


def test_an_outdated_name_that_nothing_is_known_of_is_a_404(built: BuiltTree) -> None:
    path = built.names["ten.txt"]
    os.unlink(os.path.join(built.root, "staticfiles.json"))
    plain = site_of(built.root, on_unknown="redirect")
    for name in ("none.0123456789ab.css", "0123456789abcdef.css"):
        answer = get(plain, f"/static/{name}")
        assert answer is not None
        assert answer.response.status == 404
    answer = get(plain, f"/static/{path}")
    assert answer is not None
    assert answer.response.status == 200


# Redirects


def test_another_url_of_an_index_file_leads_to_it_with_its_query(built: BuiltTree) -> None:
    put(built.root, "index.html", b"")
    site = site_of(built.root, index_file=True, max_age=5)
    for path, location in (("/static/index.html", "./?a=b"), ("/static", "static/?a=b")):
        answer = get(site, path, query="a=b")
        assert answer is not None
        fields = dict(answer.response.headers)
        assert (answer.response.status, answer.kind, fields["Location"]) == (302, "redirect", location)
        assert fields["Cache-Control"] == "public, max-age=5"
        assert fields["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 204), ("POST", 405)])
def test_a_url_that_leads_to_an_index_answers_other_methods_itself(
    built: BuiltTree, method: str, status: int
) -> None:
    put(built.root, "index.html", b"")
    answer = get(site_of(built.root, index_file=True), "/static/index.html", method=method)
    assert answer is not None
    assert (answer.response.status, answer.kind) == (status, "redirect")
    assert ("X-Content-Type-Options", "nosniff") in answer.response.headers


def test_an_outdated_name_leads_to_todays_below_the_mount_point(built: BuiltTree) -> None:
    site = site_of(built.root, on_unknown="redirect")
    answer = get(site, "/static/ten.0123456789ab.txt", query="a=b", mount="/mo unted")
    assert answer is not None
    fields = dict(answer.response.headers)
    assert (answer.response.status, answer.kind) == (302, "unknown")
    assert fields["Location"] == f"/mo%20unted/static/{built.names['ten.txt']}?a=b"
    assert fields["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_an_outdated_name_leads_nowhere_for_other_methods(built: BuiltTree, method: str) -> None:
    answer = get(site_of(built.root, on_unknown="redirect"), "/static/ten.0123456789ab.txt", method=method)
    assert answer is not None
    assert (answer.response.status, answer.kind) == (404, "unknown")


# Paths that name nothing


def test_an_unknown_fingerprint_is_a_404_or_the_applications(built: BuiltTree) -> None:
    path = "/static/none.0123456789ab.css"
    answer = get(site_of(built.root), path)
    assert answer is not None
    assert (answer.response.status, answer.kind) == (404, "unknown")
    assert ("X-Content-Type-Options", "nosniff") in answer.response.headers
    site = site_of(built.root, on_unknown="pass")
    assert get(site, path) is None
    assert site.is_unknown(Request("GET", path))
    assert not site.is_unknown(Request("GET", "/static/none.css"))
    assert not site.is_unknown(Request("GET", "/other/none.0123456789ab.css"))
    assert not site.is_unknown(Request("GET", "/static/\u20ac"))


def test_a_missing_path_is_a_404_only_below_a_prefix_that_is_owned(built: BuiltTree) -> None:
    site = Site(ServeSettings(on_missing="404"))
    site.add(built.root, "/shared/", is_shared=True)
    site.add(built.root, "/owned/")
    assert get(site, "/shared/none.css") is None
    assert get(site, "/none.css") is None
    answer = get(site, "/owned/none.css")
    assert answer is not None
    assert (answer.response.status, answer.kind) == (404, "missing")
    assert ("X-Content-Type-Options", "nosniff") in answer.response.headers


# The page of a single-page application


@pytest.mark.parametrize(
    ("method", "path", "accept", "is_navigation"),
    [
        ("GET", "/static/page", "text/html", True),
        ("HEAD", "/static/page", "text/html", True),
        ("GET", "/static/a.b/page", "application/xml, text/html;q=0.9", True),
        ("POST", "/static/page", "text/html", False),
        ("GET", "/static/page.js", "text/html", False),
        ("GET", "/static/page", "*/*", False),
        ("GET", "/static/page", None, False),
    ],
)
def test_a_navigation_asks_for_a_page_by_a_name_without_extension(
    built: BuiltTree, method: str, path: str, accept: str | None, is_navigation: bool
) -> None:
    request = Request(method=method, path=path, accept=accept)
    assert site_of(built.root, spa_fallback="ten.txt").is_navigation(request) is is_navigation
    assert not site_of(built.root).is_navigation(request)


def test_the_page_is_revalidated_and_has_the_common_fields(built: BuiltTree) -> None:
    site = site_of(built.root, spa_fallback="ten.txt")
    answer = site.fallback(Request("GET", "/static/page", accept="text/html"))
    assert answer is not None
    assert (answer.response.status, answer.kind, body_of(answer)) == (200, "fallback", TEN)
    assert ("Cache-Control", "no-cache") in answer.response.headers
    failed = site.fallback(Request("GET", "/static/page", accept="text/html", if_match='"other"'))
    assert failed is not None
    assert ("X-Content-Type-Options", "nosniff") in failed.response.headers
    assert site.fallback(Request("GET", "/other/page", accept="text/html")) is None


def test_a_page_that_is_not_there_is_no_answer(built: BuiltTree) -> None:
    site = site_of(built.root, spa_fallback="none.html")
    assert site.fallback(Request("GET", "/static/page", accept="text/html")) is None


def test_the_page_answers_for_a_missing_path_that_is_owned(built: BuiltTree) -> None:
    site = site_of(built.root, spa_fallback="ten.txt", on_missing="404")
    page, script = (get(site, "/static/page", accept=accept) for accept in ("text/html", "*/*"))
    assert page is not None
    assert script is not None
    assert (page.kind, script.kind) == ("fallback", "missing")


# Looking again


@pytest.mark.parametrize("error", [ChangedFileError("a", "changed"), FileNotFoundError("gone")])
def test_a_file_that_changes_is_looked_at_again_up_to_a_limit(error: OSError) -> None:
    looks: list[str] = []

    def find(path: str, request: Request) -> str:
        looks.append(path)
        if len(looks) < ATTEMPTS:
            raise error
        return request.path

    assert retry(find, "a", Request("GET", "/a")) == "/a"
    assert looks == ["a"] * ATTEMPTS


def test_a_file_that_changes_too_often_is_an_error() -> None:
    looks: list[str] = []

    def find(path: str, request: Request) -> None:
        looks.append(path)
        raise ChangedFileError(path, "changed")

    with pytest.raises(ChangedFileError):
        retry(find, "a", Request("GET", "/a"))
    assert len(looks) == ATTEMPTS


def test_another_error_is_raised_at_once() -> None:
    looks: list[str] = []

    def find(path: str, request: Request) -> None:
        looks.append(path)
        raise PermissionError

    with pytest.raises(PermissionError):
        retry(find, "a", Request("GET", "/a"))
    assert looks == ["a"]


# Mounts


def test_a_folder_is_added_with_its_separator_and_its_origin(built: BuiltTree) -> None:
    site = Site(ServeSettings())
    mount = site.add(built.root, "/static/", origin="https://cdn.example")
    assert (mount.root.path, mount.root.follow_symlinks) == (os.path.join(built.root, ""), False)
    assert (mount.origin, mount.is_shared) == ("https://cdn.example", False)
    assert site.add(built.root, "/b/", locate=lambda path: None).root.follow_symlinks
    assert Site(ServeSettings(follow_symlinks=True)).add(built.root, "/b/").root.follow_symlinks


def test_files_of_several_folders_are_found_by_the_function_for_them(
    built: BuiltTree, tmp_path: Path
) -> None:
    place = put(tmp_path, "elsewhere/a.txt", b"elsewhere")
    site = Site(ServeSettings())
    site.add(built.root, "/static/", locate={"a.txt": os.fspath(place)}.get, follows_manifest=False)
    answer = get(site, "/static/a.txt")
    assert answer is not None
    assert body_of(answer) == b"elsewhere"
    assert get(site, "/static/ten.txt") is None
    assert site.mounts[0].table is None


def test_a_folder_that_is_not_there_is_logged(built: BuiltTree, caplog: pytest.LogCaptureFixture) -> None:
    site_of(built.root)
    assert caplog.messages == []
    site_of(f"{built.root}/none")
    (message,) = caplog.messages
    assert f"{built.root}/none/" in message


def test_the_mount_that_was_added_last_answers_first(built: BuiltTree, tmp_path: Path) -> None:
    put(tmp_path, "other/ten.txt", b"other")
    site = site_of(built.root)
    site.add(tmp_path / "other", "/static/")
    answer = get(site, "/static/ten.txt")
    assert answer is not None
    assert body_of(answer) == b"other"


def test_after_the_manifest_was_deleted_the_bodies_are_dropped(built: BuiltTree) -> None:
    drops: list[None] = []
    site = Site(ServeSettings(), on_change=lambda: drops.append(None))
    site.add(built.root, "/static/")
    get(site, f"/static/{built.names['ten.txt']}")
    assert site.bodies.kept()[0] == 1
    os.unlink(os.path.join(built.root, "staticfiles.json"))
    assert site.follow()
    assert site.bodies.kept()[0] == 0
    assert len(drops) == 2
