"""The memo: what it recalls, and which requests bypass it, in the memo itself and in the gateway."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.http.messages import CONDITIONAL_FIELDS, Request
from hashserve.serve.memo import (
    BYPASSING_FIELDS,
    AnswerMemo,
    Entry,
    chosen,
)
from tests.support.client import request, wrapped_application
from tests.support.deltas import BROWSER, available_dictionary
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


OLD, OTHER = (available_dictionary(content) for content in (b"old", b"other"))
DELTA: Entry[list[str]] = (lambda: ["delta"], b"delta", '"d"', lambda: ["304"], lambda: ["HEAD"])


def remember_choice(
    memo: AnswerMemo[list[str]],
    entry: Entry[list[str]],
    digest: str | None,
    accept_encoding: str | None = BROWSER,
) -> None:
    memo.remember_choice(
        memo.hot,
        memo.choices,
        Request("GET", "/a", accept_encoding=accept_encoding),
        entry,
        digest=digest,
        offered=[OLD.strip(":")],
        allowed_origin="*",
    )


def recalled_body(memo: AnswerMemo[list[str]], value: str | None = None, **fields: str) -> bytes | None:
    """Return what is recalled for a client with a dictionary."""
    known = {} if value is None else {"HTTP_AVAILABLE_DICTIONARY": value}
    recalled = memo.recall("/a", "GET", {"HTTP_ACCEPT_ENCODING": BROWSER, **known, **fields})
    return None if recalled is None else recalled[2][0]


def test_the_dictionary_of_a_client_chooses_the_answer() -> None:
    memo = memo_of()
    assert recalled_body(memo, OLD) is None
    remember_choice(memo, DELTA, OLD.strip(":"))
    assert [recalled_body(memo, value) for value in (OLD, None, OTHER)] == [b"delta", None, None]
