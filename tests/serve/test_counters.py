"""Counts: every answer once, on each of its ways, with threads and with memos that are dropped."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brotli
import pytest

from hashserve import HashServe, SettingError
from hashserve.http.messages import Response
from hashserve.serve.answers import Answer
from hashserve.serve.counters import Counters, Counts, State
from hashserve.serve.memo import LONGEST_REMEMBERED
from tests.support.client import Reply, request, wrapped_application
from tests.support.deltas import BROWSER, three_releases
from tests.support.django_client import django_application
from tests.support.files import put
from tests.support.trees import STYLES, TEN, BuiltTree

THREADS = 8
ROUNDS = 150
BROTLI = len(brotli.compress(STYLES))
NEVER = 3600.0

Application = Callable[..., Any]


def counting(built: BuiltTree, **settings: Any) -> HashServe:
    return HashServe(wrapped_application, built.root, counters=True, **{"check_interval": NEVER, **settings})


def path_of(built: BuiltTree, logical_path: str = "ten.txt") -> str:
    return f"/static/{built.names[logical_path]}"


def responses(application: HashServe) -> dict[Any, dict[str, int]]:
    return dict(application.counters()["responses"])


# What is asked of the 10 bytes under the fingerprinted and under the unhashed name; the status and coding
# that are counted, and the bytes of the body.
EXCHANGES: list[tuple[str, dict[str, str], str, int]] = [
    ("GET", {}, "200 identity", 10),
    ("HEAD", {}, "200 identity", 0),
    ("GET", {"range": "bytes=2-4"}, "206 identity", 3),
    ("HEAD", {"range": "bytes=2-4"}, "200 identity", 0),
    ("GET", {"range": "bytes=10-"}, "416", len("416 Range Not Satisfiable\n")),
    ("GET", {"if_none_match": "{etag}"}, "304", 0),
    ("HEAD", {"if_none_match": "{etag}"}, "304", 0),
    ("GET", {"if_none_match": "*"}, "304", 0),
    ("GET", {"if_none_match": '"other"'}, "200 identity", 10),
    ("GET", {"if_match": '"other"'}, "412", len("412 Precondition Failed\n")),
    ("POST", {}, "405", len("405 Method Not Allowed\n")),
    ("HEAD", {"if_match": '"other"'}, "412", 0),
    ("OPTIONS", {}, "204", 0),
]


@pytest.mark.parametrize("kind", ["fingerprinted", "unhashed"])
@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize(("method", "fields", "name", "size"), EXCHANGES)
def test_an_answer_is_counted_once_whether_it_was_remembered_or_not(
    built: BuiltTree, kind: str, is_warm: bool, method: str, fields: dict[str, str], name: str, size: int
) -> None:
    path = path_of(built) if kind == "fingerprinted" else "/static/ten.txt"
    etag = request(HashServe(wrapped_application, built.root), path)["ETag"]
    application = counting(built)
    if is_warm:
        request(application, path)
    before = application.counters()
    asked = {key: value.format(etag=etag) for key, value in fields.items()}
    reply = request(application, path, method=method, **asked)
    after = application.counters()
    assert f"{reply.status}" == name.partition(" ")[0]
    assert len(reply.body) == size
    assert difference(before, after) == ({(kind, name): 1}, size)


def difference(before: Counts, after: Counts) -> tuple[dict[tuple[str, str], int], int]:
    """Return the responses and the bytes that were counted in between."""
    flat = [
        {
            (str(kind), name): number
            for kind, forms in counts["responses"].items()
            for name, number in forms.items()
        }
        for counts in (before, after)
    ]
    added = {key: number - flat[0].get(key, 0) for key, number in flat[1].items()}
    sizes = [sum(counts["body_bytes"].values()) for counts in (before, after)]
    return {key: number for key, number in added.items() if number}, sizes[1] - sizes[0]


def test_codings_are_counted_apart_and_in_the_bytes_that_they_have(built: BuiltTree) -> None:
    application = counting(built)
    for path in (path_of(built, "css/styles.css"), "/static/css/styles.css"):
        for accepted, times in (("br", 3), ("gzip", 2), ("identity", 1)):
            for _ in range(times):
                request(application, path, accept_encoding=accepted)
        request(application, path, accept_encoding="br", range="bytes=0-0")
    expected = {"200 br": 3, "200 gzip": 2, "200 identity": 1, "206 br": 1}
    assert responses(application) == {"fingerprinted": expected, "unhashed": expected}
    (size,) = set(application.counters()["body_bytes"].values())
    gzip = int(
        request(application, path_of(built, "css/styles.css"), accept_encoding="gzip")["Content-Length"]
    )
    assert size == 3 * BROTLI + 2 * gzip + len(STYLES) + 1


def test_a_body_that_is_sent_from_its_file_is_counted_like_one_in_memory(built: BuiltTree) -> None:
    application = counting(built, largest_body=5)
    for _ in range(3):
        request(application, path_of(built))
    assert responses(application) == {"fingerprinted": {"200 identity": 3}}
    assert application.counters()["body_bytes"] == {"fingerprinted": 30}
    assert application.counters()["remembered_answers"] == 0


# Kinds of paths: the setting, the path, what it is counted as.
OUTCOMES: list[tuple[dict[str, Any], str, dict[str, dict[str, int]], dict[str, int]]] = [
    ({}, "/static/none.0123456789ab.css", {"unknown": {"404": 1}}, {}),
    ({"on_unknown": "redirect"}, "/static/ten.0123456789ab.txt", {"unknown": {"302": 1}}, {}),
    ({"on_unknown": "pass"}, "/static/ten.0123456789ab.txt", {}, {"unknown": 1}),
    ({}, "/static/none.txt", {}, {"missing": 1}),
    ({}, "/static/../none.txt", {}, {"missing": 1}),
    ({"on_missing": "404"}, "/static/none.txt", {"missing": {"404": 1}}, {}),
    ({"index_file": True}, "/static/index.html", {"redirect": {"302": 1}}, {}),
    ({"index_file": True}, "/static/", {"unhashed": {"200 identity": 1}}, {}),
    ({}, "/elsewhere", {}, {}),
]


@pytest.mark.parametrize(("settings", "path", "answered", "passed"), OUTCOMES)
def test_what_names_nothing_is_counted_as_what_it_is(
    built: BuiltTree,
    settings: dict[str, Any],
    path: str,
    answered: dict[str, dict[str, int]],
    passed: dict[str, int],
) -> None:
    put(built.root, "index.html", b"index")
    application = counting(built, **settings)
    request(application, path)
    assert responses(application) == answered
    assert application.counters()["passed"] == {"unknown": 0, "missing": 0, **passed}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("on_missing", ["pass", "404"])
def test_the_page_of_a_single_page_application_is_a_kind_of_its_own(
    built: BuiltTree, on_missing: str, method: str
) -> None:
    def says_not_found(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []

    put(built.root, "index.html", b"page")
    settings: dict[str, Any] = {"spa_fallback": "index.html", "on_missing": on_missing, "counters": True}
    application = HashServe(says_not_found, built.root, **settings)
    reply = request(application, "/static/cart", method=method, accept="text/html")
    assert (reply.status, reply.body) == (200, b"page" if method == "GET" else b"")
    assert responses(application) == {"fallback": {"200 identity": 1}}
    assert application.counters()["body_bytes"] == ({"fallback": 4} if method == "GET" else {})
    assert application.counters()["passed"]["missing"] == (on_missing == "pass")


def test_a_logged_failure_is_counted_as_failed(built: BuiltTree, monkeypatch: pytest.MonkeyPatch) -> None:
    application = counting(built)
    os.unlink(os.path.join(built.root, built.names["ten.txt"]))
    assert request(application, path_of(built)).status == 404
    with monkeypatch.context() as context:
        context.setattr("hashserve.serve.files.os.open", fails_for_want_of_descriptors)
        assert request(application, path_of(built, "empty.txt")).status == 503
    assert responses(application) == {"failed": {"404": 1, "503": 1}}


def fails_for_want_of_descriptors(*given: Any, **named: Any) -> int:
    raise OSError(errno.EMFILE, "too many open files")


def test_the_counts_are_a_plain_dictionary(built: BuiltTree) -> None:
    application = counting(built)
    for _ in range(2):
        request(application, path_of(built))
    counts = application.counters()
    assert type(counts) is dict
    assert (
        json.loads(json.dumps(counts))
        == counts
        == {
            "responses": {"fingerprinted": {"200 identity": 2}},
            "body_bytes": {"fingerprinted": 20},
            "deltas": 0,
            "delta_bytes_saved": 0,
            "passed": {"unknown": 0, "missing": 0},
            "manifest_reloads": 0,
            "manifest_failures": 0,
            "remembered_answers": 1,
            "kept_bodies": 1,
            "kept_bytes": counts["kept_bytes"],
        }
    )
    assert counts["kept_bytes"] >= len(TEN)


def test_without_the_setting_nothing_is_counted_and_the_error_names_the_remedy(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root)
    with pytest.raises(SettingError, match="counters=False: nothing is counted; make it True"):
        application.counters()


def test_expires_is_counted_like_any_other(built: BuiltTree) -> None:
    application = counting(built, expires=True)
    for _ in range(3):
        assert "Expires" in request(application, path_of(built))
    assert responses(application) == {"fingerprinted": {"200 identity": 3}}


def test_what_is_not_remembered_is_counted_each_time(built: BuiltTree) -> None:
    application = counting(built)
    for _ in range(3):
        request(application, path_of(built), accept_encoding="x" * (LONGEST_REMEMBERED + 1))
    assert responses(application) == {"fingerprinted": {"200 identity": 3}}
    assert application.counters()["remembered_answers"] == 0


def test_manifests_that_were_taken_over_and_those_that_could_not_be_are_counted(built: BuiltTree) -> None:
    application = counting(built, check_interval=0)
    old = path_of(built)
    request(application, old)
    built.add("new.txt", b"new")
    built.publish()
    assert request(application, path_of(built, "new.txt")).body == b"new"
    request(application, old)
    put(built.root, "staticfiles.json", b"{")
    for _ in range(3):
        request(application, old)
    counts = application.counters()
    assert (counts["manifest_reloads"], counts["manifest_failures"]) == (1, 1)
    assert counts["responses"] == {"fingerprinted": {"200 identity": 6}}
    assert counts["body_bytes"] == {"fingerprinted": 5 * len(TEN) + len(b"new")}


# Threads, and memos that are dropped


@contextmanager
def switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(work: Callable[[int], object]) -> None:
    """Do the work in many threads at once; whatever one raises is raised here."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  # raised in the test below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    with switching_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def ask(application: Application, path: str, environ: dict[str, str]) -> str:
    """Send a request without the checks of `tests.support.client`; return the status."""
    statuses: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return statuses.append  # type: ignore[return-value]  # nobody writes

    body = application({"REQUEST_METHOD": "GET", "PATH_INFO": path, **environ}, start_response)
    b"".join(body)
    return statuses[-1][:3]


@pytest.mark.parametrize("settings", [{}, {"memo_size": 3}, {"memo_size": 0}, {"check_interval": 0}])
def test_nothing_is_lost_between_threads(built: BuiltTree, settings: dict[str, Any]) -> None:
    application = counting(built, **settings)
    etags = {path: request(application, path)["ETag"] for path in (path_of(built), "/static/ten.txt")}
    styles = path_of(built, "css/styles.css")

    def work(number: int) -> None:
        for _ in range(ROUNDS):
            for path, etag in etags.items():
                assert ask(application, path, {}) == "200"
                assert ask(application, path, {"HTTP_IF_NONE_MATCH": etag}) == "304"
                assert ask(application, path, {"REQUEST_METHOD": "HEAD"}) == "200"
            assert ask(application, styles, {"HTTP_ACCEPT_ENCODING": "br"}) == "200"

    in_threads(work)
    times = THREADS * ROUNDS
    counts = application.counters()
    assert counts["responses"] == {
        "fingerprinted": {"200 br": times, "200 identity": 2 * times + 1, "304": times},
        "unhashed": {"200 identity": 2 * times + 1, "304": times},
    }
    ten = 10 * (times + 1)
    assert counts["body_bytes"] == {"fingerprinted": ten + BROTLI * times, "unhashed": ten}


def test_nothing_is_lost_while_manifests_change(built: BuiltTree) -> None:
    application = counting(built, check_interval=0)
    path = path_of(built)

    def work(number: int) -> None:
        if number:
            for _ in range(ROUNDS):
                assert ask(application, path, {}) == "200"
        else:
            for turn in range(10):
                built.add(f"new{turn}.txt", b"x" * turn)
                built.publish()
                assert ask(application, path_of(built, f"new{turn}.txt"), {}) == "200"

    in_threads(work)
    assert responses(application) == {"fingerprinted": {"200 identity": (THREADS - 1) * ROUNDS + 10}}
    assert application.counters()["manifest_reloads"] == 10


# The counters alone


def answer_of(size: int) -> Answer:
    return Answer(Response(200, [], (bytes(size),)), kind="unhashed")


def counted_by(counters: Counters) -> tuple[dict[Any, dict[str, int]], dict[Any, int]]:
    counts = counters.counts([])
    return dict(counts["responses"]), dict(counts["body_bytes"])


def test_the_function_that_counts_gives_what_the_other_gives() -> None:
    counters = Counters()
    counted = counters.counted([1].copy, answer_of(10))
    first, second = counted(), counted()
    assert first == second == [1]
    assert first is not second
    assert counted_by(counters) == ({"unhashed": {"200 identity": 2}}, {"unhashed": 20})


@pytest.mark.parametrize("answer", [answer_of(10), answer_of(20)])
def test_an_answer_that_nobody_asked_for_is_not_in_the_counts(answer: Answer) -> None:
    counters = Counters()
    counters.counted(list[int]().copy, answer)
    assert counted_by(counters) == ({}, {})


def test_head_after_a_read_of_the_counts_never_lowers_them(built: BuiltTree) -> None:
    application, seen = counting(built), []
    for method in ("GET", "HEAD", "HEAD", "GET"):
        request(application, path_of(built), method=method)
        seen.append(application.counters()["body_bytes"]["fingerprinted"])
    assert seen == [10, 10, 10, 20]


def test_a_file_whose_size_changes_all_the_time_takes_no_memory_for_its_counts(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.serve.live_files.SETTLED_AFTER", 0)
    application = counting(built, memo_size=10)
    for size in range(60):
        put(built.root, "live.txt", b"x" * size)
        for _ in range(2):
            assert request(application, "/static/live.txt").body == b"x" * size
    assert application.counters()["body_bytes"] == {"unhashed": 2 * sum(range(60))}
    assert application._counters is not None
    assert len(application._counters._tallies) <= 2


def test_what_several_services_tell_of_themselves_is_added_up() -> None:
    counters = Counters()
    counters.count(answer_of(10))
    counts = counters.counts([State(1, 2, 3, 4, 5), State(10, 20, 30, 40, 50)])
    assert counts["responses"] == {"unhashed": {"200 identity": 1}}
    assert [*counts.values()][-5:] == [11, 22, 33, 44, 55]
    assert [*counters.counts([]).values()][-5:] == [0] * 5


def test_deltas_are_counted_with_the_bytes_that_they_save(tmp_path: Path) -> None:
    tree = three_releases(tmp_path)
    application = HashServe(wrapped_application, tree.root, counters=True, check_interval=NEVER)
    asked = {"accept_encoding": BROWSER, "available_dictionary": tree.dictionary("css/app.css", 0)}
    url = tree.url("css/app.css")
    whole = request(application, url, accept_encoding="br")
    for _ in range(3):  # the second and third from the memo
        delta = request(application, url, **asked)
        request(application, url, method="HEAD", **asked)
        request(application, url, if_none_match="*", **asked)
        request(application, url, if_none_match=delta["ETag"], **asked)
    without_codings = request(application, url, **{**asked, "accept_encoding": "dcz"})
    assert without_codings.body == delta.body
    counts = application.counters()
    assert counts["responses"] == {"fingerprinted": {"200 br": 1, "200 dcz": 7, "304": 6}}
    assert counts["deltas"] == 4
    content = tree.content("css/app.css")
    saved = 3 * (len(whole.body) - len(delta.body)) + len(content) - len(delta.body)
    assert counts["delta_bytes_saved"] == saved
    assert counts["body_bytes"] == {"fingerprinted": len(whole.body) + 4 * len(delta.body)}


# Django


@pytest.mark.parametrize("gateway", ["wsgi", "asgi"])
def test_the_middleware_counts_what_it_answers(built: BuiltTree, gateway: str) -> None:
    from hashserve.django.counting import counters
    from tests.support.django_client import project

    settings = {"STATIC_ROOT": built.root, "HASHSERVE": {"COUNTERS": True, "CHECK_INTERVAL": NEVER}}
    with project(**settings):
        before = counters()
        application = django_application(gateway, **settings)
        replies: list[Reply] = []
        for path in (path_of(built), "/static/ten.txt"):
            etag = request(application, path)["ETag"]
            replies += [request(application, path, method=method) for method in ("GET", "HEAD")]
            replies.append(request(application, path, if_none_match=etag))
        request(application, "/static/none.txt")
        request(application, "/elsewhere")
        after = counters()
    assert [reply.status for reply in replies] == [200, 200, 304] * 2
    expected = {"200 identity": 3, "304": 1}
    assert difference(before, after) == (
        {(kind, name): number for kind in ("fingerprinted", "unhashed") for name, number in expected.items()},
        4 * len(TEN),
    )
    assert after["passed"]["missing"] - before["passed"]["missing"] == 1


def test_django_names_the_remedy_where_nothing_is_counted() -> None:
    from hashserve.django.counting import counters
    from tests.support.django_client import project

    with project(), pytest.raises(SettingError, match=r'HASHSERVE\["COUNTERS"\]=False: nothing is counted'):
        counters()
