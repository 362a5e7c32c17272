"""Responses that need no asset: their fields come from values alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

import hashserve
from hashserve.http.messages import Headers, Request, Response
from hashserve.http.responses import (
    ANY_ORIGIN,
    METHODS,
    REASON_PHRASES,
    method_not_allowed,
    not_found,
    options,
    redirect,
    unavailable,
)

COMMON = [ANY_ORIGIN, ("X-Content-Type-Options", "nosniff")]
PREFLIGHT = Request(
    method="OPTIONS",
    path="/",
    origin="https://example.org",
    requested_method="GET",
    requested_fields="range, x-one",
)


ERRORS = pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (not_found, 404, b"404 Not Found\n"),
        (method_not_allowed, 405, b"405 Method Not Allowed\n"),
        (unavailable, 503, b"503 Service Unavailable\n"),
    ],
)


@ERRORS
def test_an_error_has_the_common_fields_and_is_never_stored(
    error: Callable[[Headers], Response], status: int, body: bytes
) -> None:
    response = error(COMMON)
    assert response.status == status
    assert set(COMMON) <= set(response.headers)
    assert ("Cache-Control", "no-store") in response.headers


@ERRORS
def test_an_error_says_its_status_as_plain_text(
    error: Callable[[Headers], Response], status: int, body: bytes
) -> None:
    response = error(COMMON)
    assert response.body == (body,)
    assert ("Content-Type", "text/plain; charset=utf-8") in response.headers
    assert ("Content-Length", str(len(body))) in response.headers


def test_a_503_asks_to_try_again_after_a_second() -> None:
    assert ("Retry-After", "1") in unavailable([]).headers


def test_a_405_lists_the_methods_that_are_allowed() -> None:
    assert ("Allow", METHODS) in method_not_allowed([]).headers


@pytest.mark.parametrize(("cache_control", "values"), [("no-cache", ["no-cache"]), (None, [])])
def test_a_redirect_may_be_stored_as_its_caller_says(cache_control: str | None, values: list[str]) -> None:
    response = redirect("app.css", COMMON, cache_control)
    assert (response.status, dict(response.headers)["Location"]) == (302, "app.css")
    assert [value for name, value in response.headers if name == "Cache-Control"] == values


def test_a_preflight_is_allowed_where_every_origin_is() -> None:
    response = options(PREFLIGHT, COMMON)
    assert response.status == 204
    assert response.headers == [
        ("Allow", METHODS),
        *COMMON,
        ("Access-Control-Allow-Methods", METHODS),
        ("Access-Control-Max-Age", "86400"),
        ("Access-Control-Allow-Headers", "range, x-one"),
    ]


@pytest.mark.parametrize(
    ("asked", "common_fields"),
    [
        (PREFLIGHT, []),
        (PREFLIGHT._replace(origin=None), COMMON),
        (PREFLIGHT._replace(requested_method=None), COMMON),
    ],
    ids=["no-origin-allowed", "no-origin", "no-method"],
)
def test_options_that_are_no_preflight_have_no_field_of_one(asked: Request, common_fields: Headers) -> None:
    response = options(asked, common_fields)
    assert response.headers == [("Allow", METHODS), *common_fields]


@pytest.mark.parametrize("requested", [None, "", "x one", "x-one,\r\nset-cookie: a"])
def test_field_names_that_are_none_are_not_sent_back(requested: str | None) -> None:
    fields = dict(options(PREFLIGHT._replace(requested_fields=requested), COMMON).headers)
    assert "Access-Control-Allow-Headers" not in fields
    assert "Access-Control-Allow-Methods" in fields


def test_each_status_that_we_send_has_the_reason_phrase_of_rfc_9110() -> None:
    package = Path(hashserve.__file__).parent
    named = {
        HTTPStatus[name]
        for module in package.rglob("*.py")
        for name in re.findall(r"\bHTTPStatus\.([A-Z_]+)", module.read_text("utf-8"))
    }

    assert named == REASON_PHRASES.keys()
    assert REASON_PHRASES[416] == "Range Not Satisfiable"  # Python before 3.13 has another
    assert all(REASON_PHRASES[status] == status.phrase for status in named if status != 416)
