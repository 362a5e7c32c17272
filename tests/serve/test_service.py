"""A service: what it recalls, and what it must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import strptime

import pytest

from hashserve.http.messages import Headers, Request
from hashserve.serve.counters import Counters, State
from hashserve.serve.memo import LONGEST_REMEMBERED
from hashserve.serve.policy import Policy
from hashserve.serve.service import Service
from hashserve.settings.serve import ServeSettings
from tests.support.files import put
from tests.support.trees import TEN, BuiltTree, build_tree

Fields = dict[str, str]


def copier(headers: Headers) -> Callable[[], Fields]:
    return dict(headers).copy


def service_of(built: BuiltTree, policy: Policy | None = None) -> Service[Fields]:
    service = Service(ServeSettings(check_interval=3600), copier, policy)
    service.site.add(built.root, "/static/")
    return service


def path_of(built: BuiltTree) -> str:
    return f"/static/{built.names['ten.txt']}"


def warmed(built: BuiltTree, policy: Policy | None = None) -> tuple[Service[Fields], str, str]:
    """Return a service that has answered once, the path, and the entity-tag."""
    service, path = service_of(built, policy), path_of(built)
    answer = service.answer(Request("GET", path))
    assert answer is not None
    return service, path, dict(answer.response.headers)["ETag"]


def test_nothing_is_recalled_that_was_not_answered(built: BuiltTree) -> None:
    service = service_of(built)
    assert service.memo.recall(path_of(built), "GET", {}) is None


def test_a_plain_hit_is_recalled_with_fields_of_its_own(built: BuiltTree) -> None:
    service, path, etag = warmed(built)
    first, second = service.memo.recall(path, "GET", {}), service.memo.recall(path, "GET", {})
    assert first is not None
    assert second is not None
    assert (first[0], first[1]["ETag"], first[2]) == (200, etag, (TEN,))
    assert first[1] == second[1]
    assert "Expires" not in first[1]
    assert first[1] is not second[1]


# The method, the fields (`{etag}` stands for the entity-tag), and the status that is recalled.
RECALLED: list[tuple[str, dict[str, str], int | None]] = [
    ("GET", {}, 200),
    ("HEAD", {}, 200),
    ("GET", {"HTTP_IF_NONE_MATCH": "{etag}"}, 304),
    ("HEAD", {"HTTP_IF_NONE_MATCH": "{etag}"}, 304),
    ("GET", {"HTTP_IF_NONE_MATCH": "W/{etag}"}, None),
    ("GET", {"HTTP_IF_NONE_MATCH": "*"}, None),
    ("GET", {"HTTP_ACCEPT_ENCODING": "br"}, None),
    ("GET", {"HTTP_RANGE": "bytes=0-1"}, None),
    ("GET", {"HTTP_IF_MATCH": "*"}, None),
    ("GET", {"HTTP_IF_MODIFIED_SINCE": "x"}, None),
    ("GET", {"HTTP_IF_UNMODIFIED_SINCE": "x"}, None),
    ("POST", {}, None),
    ("POST", {"HTTP_IF_NONE_MATCH": "{etag}"}, None),
    ("OPTIONS", {}, None),
    ("get", {}, None),
]


@pytest.mark.parametrize(("method", "fields", "status"), RECALLED)
def test_only_what_path_and_accept_encoding_decide_is_recalled(
    built: BuiltTree, method: str, fields: dict[str, str], status: int | None
) -> None:
    service, path, etag = warmed(built)
    asked = {name: value.format(etag=etag) for name, value in fields.items()}
    found = service.memo.recall(path, method, asked)
    assert (found and found[0]) == status
    if found is not None:
        assert found[1]["ETag"] == etag
        assert found[2] == ((TEN,) if (method, status) == ("GET", 200) else ())


def test_nothing_is_recalled_past_the_time_to_look_for_a_manifest(built: BuiltTree) -> None:
    service, path, _ = warmed(built)
    service.memo.due = 0.0
    assert service.memo.recall(path, "GET", {}) is None


def test_a_head_is_remembered_for_its_get(built: BuiltTree) -> None:
    service, path = service_of(built), path_of(built)
    answer = service.answer(Request("HEAD", path))
    assert answer is not None
    assert answer.response.body == ()
    assert service.memo.recall(path, "GET", {}) is not None


def test_a_long_accept_encoding_is_not_remembered(built: BuiltTree) -> None:
    service, path = service_of(built), path_of(built)
    for length, is_remembered in ((LONGEST_REMEMBERED, True), (LONGEST_REMEMBERED + 1, False)):
        value = "x" * length
        service.answer(Request("GET", path, accept_encoding=value))
        assert (
            service.memo.recall(path, "GET", {"HTTP_ACCEPT_ENCODING": value}) is not None
        ) == is_remembered


def test_the_bounds_of_static_paths_are_passed_on_when_they_change(built: BuiltTree) -> None:
    told: list[tuple[str, str]] = []
    service = Service(ServeSettings(), copier, on_bounds=lambda *bounds: told.append(bounds))
    assert not "/static/x".startswith(service.prefixes)
    service.site.add(built.root, "/static/")
    assert told[-1] == (service.lowest, service.highest) == ("/static/", "/static0")
    assert "/static/x".startswith(service.prefixes)
    assert not "/static".startswith(service.prefixes)


def test_expires_is_of_the_moment_when_the_response_is_sent(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_700_000_000.0
    monkeypatch.setattr("hashserve.serve.service.time", lambda: now)
    service, path, etag = warmed(built, Policy(expires=True, max_age=60))
    for moment, year in ((1_700_000_000.0, 2024), (1_800_000_000.0, 2028)):
        now = moment
        answer = service.answer(Request("GET", path))
        recalled = service.memo.recall(path, "GET", {})
        unchanged = service.memo.recall(path, "GET", {"HTTP_IF_NONE_MATCH": etag})
        live = service.answer(Request("GET", "/static/ten.txt"))
        assert answer is not None
        assert recalled is not None
        assert unchanged is not None
        assert live is not None
        for fields in (dict(answer.response.headers), recalled[1], unchanged[1]):
            assert strptime(fields["Expires"], "%a, %d %b %Y %H:%M:%S GMT").tm_year == year
        lifetime = strptime(dict(live.response.headers)["Expires"], "%a, %d %b %Y %H:%M:%S GMT")
        assert lifetime.tm_year == year - 1
    missing = service.answer(Request("GET", "/static/none.0123456789ab.css"))
    assert missing is not None
    assert "Expires" not in dict(missing.response.headers)


# Answers that are finished here: HEAD, the fallback page, and what is counted

NAVIGATION = Request("GET", "/static/page", accept="text/html")


def with_fallback(built: BuiltTree, counters: Counters | None = None) -> Service[Fields]:
    settings = ServeSettings(check_interval=3600, spa_fallback="ten.txt")
    service = Service(settings, copier, counters=counters)
    service.site.add(built.root, "/static/")
    return service


def test_a_navigation_is_answered_with_the_page(built: BuiltTree) -> None:
    service = with_fallback(built, Counters())
    answer = service.fallback(NAVIGATION)
    assert answer is not None
    assert (answer.response.status, answer.response.body, answer.kind) == (200, (TEN,), "fallback")
    assert service.fallback(NAVIGATION._replace(accept="*/*")) is None


@pytest.mark.parametrize("path", ["/static/ten.txt", "/static/page"])
def test_head_has_the_fields_of_get_and_no_body_or_range(built: BuiltTree, path: str) -> None:
    service = with_fallback(built)
    ask = service.fallback if path == NAVIGATION.path else service.answer
    get = ask(NAVIGATION._replace(path=path))
    head = ask(NAVIGATION._replace(path=path, method="HEAD", range="bytes=0-1"))
    assert get is not None
    assert head is not None
    assert head.response == get.response._replace(body=())
    assert head.kind == get.kind


def test_the_state_is_that_of_all_mounts_and_of_the_memory(built: BuiltTree, tmp_path: Path) -> None:
    service, _, _ = warmed(built)
    other = build_tree(str(tmp_path / "other"))
    service.site.add(other.root, "/other/")
    assert service.state() == State(0, 0, 0, 1, len(TEN) + 512)  # a new mount clears the memo
    service.answer(Request("GET", path_of(built)))
    assert service.state() == State(0, 0, 1, 1, len(TEN) + 512)
    for tree in (built, other):
        tree.add("new.txt", b"new")
        tree.publish()
    service.site.follow()
    put(other.root, "staticfiles.json", b"{")
    service.site.follow()
    assert service.state()[:3] == (2, 1, 0)


def test_each_answer_is_counted_with_its_body(built: BuiltTree) -> None:
    counters = Counters()
    service, path = with_fallback(built, counters), path_of(built)
    first = service.answer(Request("GET", path))
    assert first is not None
    etag = dict(first.response.headers)["ETag"]
    for method, fields in (("GET", {}), ("HEAD", {}), ("GET", {"HTTP_IF_NONE_MATCH": etag})):
        assert service.memo.recall(path, method, fields) is not None
    service.answer(Request("HEAD", path))
    service.fallback(NAVIGATION)
    counts = counters.counts([])
    assert counts["responses"] == {
        "fingerprinted": {"200 identity": 4, "304": 1},
        "fallback": {"200 identity": 1},
    }
    assert counts["body_bytes"] == {"fingerprinted": 2 * len(TEN), "fallback": len(TEN)}


@pytest.mark.parametrize(
    ("path", "kind"), [("/static/none.txt", "missing"), ("/static/none.0123456789ab.css", "unknown")]
)
def test_what_is_left_to_the_application_is_counted_as_passed(built: BuiltTree, path: str, kind: str) -> None:
    counters = Counters()
    service = Service(ServeSettings(on_unknown="pass"), copier, counters=counters)
    service.site.add(built.root, "/static/")
    assert service.answer(Request("GET", path)) is None
    assert counters.counts([])["passed"] == {"unknown": 0, "missing": 0, kind: 1}


def test_without_an_interval_nothing_is_remembered(built: BuiltTree) -> None:
    service = Service(ServeSettings(check_interval=0), copier)
    service.site.add(built.root, "/static/")
    service.answer(Request("GET", path_of(built)))
    assert len(service.memo) == 0


def test_no_answer_keeps_a_body_that_was_dropped(built: BuiltTree) -> None:
    paths = [built.add(name, name.encode() * 200) for name in ("one", "two")]
    built.publish()
    service = Service(ServeSettings(check_interval=3600, body_budget=4000), copier)
    service.site.add(built.root, "/static/")
    service.answer(Request("GET", f"/static/{paths[0]}"))
    before = len(service.memo)
    service.answer(Request("GET", f"/static/{paths[1]}"))
    assert (before, len(service.memo)) == (1, 0)


def test_static_paths_start_with_a_prefix_or_are_one_that_has_an_index(built: BuiltTree) -> None:
    service = Service(ServeSettings(index_file=True), copier)
    for prefix in ("/b/", "/a/", "/b/"):
        service.site.add(built.root, prefix)
    assert service.prefixes == ("/b/", "/a/", "/b", "/a")
    assert (service.lowest, service.highest) == ("/a", "/c")


def test_at_the_root_every_path_may_be_static(built: BuiltTree) -> None:
    service = Service(ServeSettings(index_file=True), copier)
    service.site.add(built.root, "/")
    assert (service.prefixes, service.lowest, service.highest) == (("/",), "/", "0")
