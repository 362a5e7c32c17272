"""Requests: which are plain, and what HEAD asks about."""

from __future__ import annotations

import pytest

from hashserve.http.messages import CONDITIONAL_FIELDS, PRECONDITIONS, Request


@pytest.mark.parametrize("name", CONDITIONAL_FIELDS)
def test_a_get_with_a_conditional_field_is_not_plain(name: str) -> None:
    asked = Request("GET", "/")._replace(**{name: "x"})
    assert not asked.is_plain_get
    assert asked.has_preconditions == (name in PRECONDITIONS)


def test_a_get_without_them_is_plain_whatever_else_it_has() -> None:
    others = {name: "x" for name in Request._fields if name not in (*CONDITIONAL_FIELDS, "method")}
    assert Request(method="GET", **others).is_plain_get
    assert not Request(method="GET", **others).has_preconditions
    assert not Request(method="HEAD", **others).is_plain_get


def test_head_asks_about_the_get_without_ranges() -> None:
    others = {name: "x" for name in Request._fields if name not in ("method", "range")}
    head = Request(method="HEAD", range="bytes=0-1", **others)
    assert head.as_get() == Request(method="GET", range=None, **others)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "head"])
def test_any_other_method_asks_about_itself(method: str) -> None:
    asked = Request(method=method, path="/", range="bytes=0-1")
    assert asked.as_get() == asked
