"""The memo: which requests bypass it, in the memo itself and in the gateway."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.http.messages import CONDITIONAL_FIELDS
from hashserve.serve.memo import BYPASSING_FIELDS
from tests.support.client import request, wrapped_application
from tests.support.trees import TEN, BuiltTree


def names_of_fields(function: Any) -> set[str]:
    """Find the request fields that the source of a function names."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and text.startswith("HTTP_")}


def test_the_gateway_bypasses_the_memo_for_the_same_fields_as_the_memo_itself() -> None:
    compared = {"HTTP_ACCEPT_ENCODING", "HTTP_IF_NONE_MATCH"}
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
