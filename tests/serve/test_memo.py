"""The memo: what it recalls, and which requests bypass it, in the memo itself and in the gateway."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.file_identity import identify
from hashserve.http.messages import CONDITIONAL_FIELDS, Request
from hashserve.serve.inspection import Watched
from hashserve.serve.memo import BYPASSING_FIELDS, AnswerMemo, Entry, chosen
from tests.support.client import request, wrapped_application
from tests.support.files import put
from tests.support.trees import TEN, BuiltTree

ENTRY: Entry[list[str]] = (
    lambda: ["200"],
    b"body",
    '"tag"',
    lambda: ["304"],
    lambda: ["HEAD"],
)


def names_of_fields(function: Any) -> set[str]:
    """Find the request fields that the source of a function names."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and text.startswith("HTTP_")}


def test_the_gateway_bypasses_the_memo_for_the_same_fields_as_the_memo_itself() -> None:
    compared = {"HTTP_ACCEPT_ENCODING", "HTTP_IF_NONE_MATCH", *names_of_fields(chosen)}
    assert names_of_fields(HashServe.__call__) == {*BYPASSING_FIELDS, *compared}
    assert {f"HTTP_{name.upper()}" for name in CONDITIONAL_FIELDS} == {
        *BYPASSING_FIELDS,
        "HTTP_IF_NONE_MATCH",
    }


@pytest.mark.parametrize("name", BYPASSING_FIELDS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_answer_is_recalled_for_a_request_with_such_a_field(
    built: BuiltTree, name: str, method: str
) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=3600.0)
    path = f"/static/{built.names['ten.txt']}"
    assert request(application, path).body == TEN
    memo = application._service.memo
    assert memo.recall(path, method, {}) is not None
    assert memo.recall(path, method, {name: "x"}) is None


def test_if_modified_since_does_not_count_next_to_if_none_match(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=3600.0)
    path = f"/static/{built.names['ten.txt']}"
    etag = request(application, path)["ETag"]
    fields = {"HTTP_IF_NONE_MATCH": etag, "HTTP_IF_MODIFIED_SINCE": "Sun, 06 Nov 1994 08:49:37 GMT"}
    recalled = application._service.memo.recall(path, "GET", fields)
    assert recalled is not None
    assert recalled[0] == 304


def memo_of(*paths: str, limit: int = 10) -> AnswerMemo[list[str]]:
    """Return a memo that holds the answers to a GET of each path."""
    memo: AnswerMemo[list[str]] = AnswerMemo(limit)
    memo.due = float("inf")
    for path in paths:
        memo.remember(memo.hot, Request("GET", path), ENTRY)
    return memo


def test_a_new_memo_recalls_nothing_before_it_knows_until_when() -> None:
    memo: AnswerMemo[list[str]] = AnswerMemo(10)
    assert memo.recall("/a", "GET", {}) is None
    assert memo.recall_live("/a", "GET", {}) is None
    memo.remember(memo.hot, Request("GET", "/a"), ENTRY)
    assert memo.recall("/a", "GET", {}) is None


def test_an_entry_has_the_fields_of_its_own_for_each_kind_of_request() -> None:
    memo = memo_of("/a")
    assert memo.recall("/a", "GET", {}) == (200, ["200"], (b"body",))
    assert memo.recall("/a", "HEAD", {}) == (200, ["HEAD"], ())
    assert memo.recall("/a", "GET", {"HTTP_IF_NONE_MATCH": '"tag"'}) == (304, ["304"], ())
    assert memo.recall("/a", "GET", {"HTTP_IF_NONE_MATCH": '"other"'}) is None


def test_another_accept_encoding_is_another_answer() -> None:
    memo = memo_of("/a")
    assert memo.recall("/a", "GET", {"HTTP_ACCEPT_ENCODING": "br"}) is None
    memo.remember(memo.hot, Request("GET", "/a", accept_encoding="br"), ENTRY)
    assert memo.recall("/a", "GET", {"HTTP_ACCEPT_ENCODING": "br"}) is not None
    assert len(memo) == 2


def test_hot_and_live_answers_count_together() -> None:
    memo = memo_of("/a", "/b")
    memo.remember(memo.live, Request("GET", "/c"), (Watched("/c", (0, 0, 0, 0, 0), ()), ENTRY))
    assert len(memo) == 3


def test_one_answer_too_many_starts_the_memo_again() -> None:
    assert len(memo_of("/a", "/b", limit=2)) == 2
    memo = memo_of("/a", "/b", "/c", limit=2)
    # The third value was for dictionaries that were in use before they were replaced.
    assert (len(memo), memo._remembered) == (0, 1)
    memo.remember(memo.hot, Request("GET", "/d"), ENTRY)
    assert len(memo) == 1


def test_an_answer_that_is_replaced_takes_no_more_room() -> None:
    assert len(memo_of("/a", "/a", "/b", limit=2)) == 2


def test_a_cleared_memo_has_all_its_room() -> None:
    memo = memo_of("/a", "/b", limit=2)
    memo.clear()
    assert (len(memo), memo._remembered) == (0, 0)


def test_an_answer_that_was_begun_before_the_memo_was_cleared_is_not_recalled() -> None:
    memo = memo_of()
    hot = memo.hot
    memo.clear()
    memo.remember(hot, Request("GET", "/a"), ENTRY)
    assert memo.recall("/a", "GET", {}) is None


def test_an_answer_is_recalled_until_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    memo = memo_of("/a")
    memo.due = 5.0
    for now, is_recalled in ((4.9, True), (5.0, False)):
        monkeypatch.setattr("hashserve.serve.memo.monotonic", lambda now=now: now)
        assert (memo.recall("/a", "GET", {}) is not None) == is_recalled


@pytest.mark.parametrize("path", ["a.txt", "gone.txt"])
def test_a_live_answer_is_recalled_while_its_file_is_unchanged(tmp_path: Path, path: str) -> None:
    location = put(tmp_path, "a.txt", b"")
    watched = Watched(str(tmp_path / path), identify(location.stat()), (None, None, None))
    memo = memo_of()
    memo.remember(memo.live, Request("GET", "/a"), (watched, ENTRY))
    expected = (200, ["200"], (b"body",)) if path == "a.txt" else None
    assert memo.recall_live("/a", "GET", {}) == expected
    assert memo.recall_live("/a", "POST", {}) is None
    assert memo.recall_live("/b", "GET", {}) is None
    assert memo.recall("/a", "GET", {}) is None
