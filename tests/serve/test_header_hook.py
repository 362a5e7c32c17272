"""What a hook may change of the fields of a file."""

from __future__ import annotations

import logging
from typing import Any
from wsgiref.headers import Headers as HeaderFields

import pytest

from hashserve.serve.header_hook import HeaderHook
from hashserve.serve.policy import Policy
from hashserve.settings.serve import HeadersHook

PATH, URL = "/srv/static/css/app.css", "/static/css/app.css"
COMMON = [("Access-Control-Allow-Origin", "*"), ("X-Content-Type-Options", "nosniff")]
CSS = ("Content-Type", "text/css; charset=utf-8")
LIVE = [CSS, ("Cache-Control", "public, max-age=60"), *COMMON]


def fields_with(hook: HeadersHook) -> list[tuple[str, str]]:
    return HeaderHook(hook).changed([*LIVE], PATH, URL)


def test_a_hook_adds_changes_and_takes_away_fields() -> None:
    def hook(headers: HeaderFields, path: str, url: str) -> None:
        assert (path, url) == (PATH, URL)
        headers["X-Added"] = "1"
        headers["cache-control"] = "no-cache"
        headers.add_header("Vary", "Origin")
        headers.add_header("Vary", "Cookie")
        del headers["X-Content-Type-Options"]

    fields = fields_with(hook)
    assert sorted(fields, key=str) == sorted(
        [
            CSS,
            COMMON[0],
            ("X-Added", "1"),
            ("cache-control", "no-cache"),
            ("Vary", "Origin"),
            ("Vary", "Cookie"),
        ],
        key=str,
    )


def test_a_hook_never_changes_the_policy_itself() -> None:
    policy = Policy(add_headers=HeaderHook(lambda headers, path, url: headers.add_header("X-Added", "1")))
    first = policy.fields(PATH, URL, immutable=False)
    assert policy.fields(PATH, URL, immutable=False) == first == [*LIVE, ("X-Added", "1")]


@pytest.mark.parametrize(
    "name",
    ["Content-Length", "content-encoding", "CONTENT-RANGE", "Accept-Ranges", "ETag", "Transfer-Encoding"],
)
def test_a_field_that_describes_the_bytes_is_not_the_hooks(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="hashserve"):
        fields = fields_with(lambda headers, path, url: headers.add_header(name, "1"))
    assert fields == LIVE
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert name in record.getMessage()
    assert PATH in record.getMessage()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Split", "a\r\nSet-Cookie: b=c"),
        ("X-Split", "a\nb"),
        ("X-Null", "a\0b"),
        ("X-Delete", "a\x7f"),
        ("X-Euro", "\u20ac"),
        ("X-Surrogate", "\ud800"),
        ("X Space", "a"),
        ("X-Colon:", "a"),
        ("X-\xe9", "a"),
        ("X-Line\n", "a"),
        ("", "a"),
        ("Connection", "close"),  # hop by hop: the server's
        ("keep-alive", "timeout=5"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("X-Number", 1),
        ("X-None", None),
    ],
)
def test_a_field_that_http_forbids_is_left_out_and_logged(
    name: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hook = HeaderHook(lambda headers, path, url: headers.__setitem__(name, value))
    with caplog.at_level(logging.ERROR, logger="hashserve"):
        assert hook.changed([*LIVE], PATH, URL) == LIVE
        assert hook.changed([*LIVE], f"{PATH}.other", URL) == LIVE
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert repr(name) in record.getMessage()
    assert "\n" not in record.getMessage()


def test_each_way_to_add_a_field_that_http_forbids_leaves_it_out() -> None:
    def hook(headers: HeaderFields, path: str, url: str) -> None:
        headers.add_header("X-Added", "a\nb", filename="a.css")
        headers.add_header("Content-Disposition", "attachment", filename="a\nb")
        headers.setdefault("X-Default", "a\0b")
        headers["Cache-Control"] = "a\r\nb"
        del headers["X-Line\n"]

    assert fields_with(hook) == [CSS, *COMMON]


def test_names_of_fields_made_from_paths_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    hook = HeaderHook(lambda headers, path, url: headers.__setitem__(f"{path} ", "1"))
    with caplog.at_level(logging.ERROR, logger="hashserve"):
        for number in range(200):
            hook.changed([*LIVE], str(number), URL)
    assert len(caplog.records) == 100


@pytest.mark.parametrize("value", ["", "a", "a\tb", " a ", "\xe9\xff", 'a, b; c="d"', "x" * 100_000])
def test_a_field_that_http_allows_is_kept(value: str) -> None:
    fields = fields_with(lambda headers, path, url: headers.__setitem__("X-Any", value))
    assert fields == [*LIVE, ("X-Any", value)]


def test_an_oserror_of_a_hook_is_not_one_of_the_file() -> None:
    def hook(headers: HeaderFields, path: str, url: str) -> None:
        raise FileNotFoundError(path)

    with pytest.raises(RuntimeError, match=f"add_headers_function failed for {PATH}"):
        fields_with(hook)
