from __future__ import annotations

import logging
from wsgiref.headers import Headers as HeaderFields

import pytest

from hashserve.http.media_types import MediaTypes
from hashserve.http.messages import Headers
from hashserve.serve.policy import FOREVER, IMMUTABLE, Policy, with_expires
from hashserve.settings.serve import HeadersHook

PATH, URL = "/srv/static/css/app.css", "/static/css/app.css"
COMMON = [("Access-Control-Allow-Origin", "*"), ("X-Content-Type-Options", "nosniff")]
CSS = ("Content-Type", "text/css; charset=utf-8")
LIVE = [CSS, ("Cache-Control", "public, max-age=60"), *COMMON]


def fields_with(hook: HeadersHook) -> list[tuple[str, str]]:
    return Policy(add_headers=hook).fields(PATH, URL, immutable=False)


@pytest.mark.parametrize(
    ("policy", "immutable", "expected"),
    [
        (Policy(), False, "public, max-age=60"),
        (Policy(), True, "public, max-age=31536000, immutable"),
        (Policy(max_age=0), False, "public, max-age=0"),
        (Policy(max_age=0), True, IMMUTABLE),
        (Policy(max_age=None), False, None),
        (Policy(max_age=None), True, IMMUTABLE),
        (Policy(is_immutable=lambda path, url: (path, url) == (PATH, URL)), False, IMMUTABLE),
        (Policy(is_immutable=lambda path, url: False), False, "public, max-age=60"),
        (Policy(is_immutable=lambda path, url: False), True, IMMUTABLE),
    ],
)
def test_a_file_has_the_lifetime_of_its_kind(policy: Policy, immutable: bool, expected: str | None) -> None:
    assert dict(policy.fields(PATH, URL, immutable=immutable)).get("Cache-Control") == expected


def test_forever_is_a_year() -> None:
    assert FOREVER == 365 * 24 * 60 * 60
    assert str(FOREVER) in IMMUTABLE


@pytest.mark.parametrize("allow_all_origins", [True, False])
@pytest.mark.parametrize("nosniff", [True, False])
def test_each_common_field_is_a_setting(allow_all_origins: bool, nosniff: bool) -> None:
    policy = Policy(allow_all_origins=allow_all_origins, nosniff=nosniff)
    fields = policy.common_fields()
    assert (COMMON[0] in fields, COMMON[1] in fields) == (allow_all_origins, nosniff)
    assert len(fields) == allow_all_origins + nosniff
    assert policy.fields(PATH, URL, immutable=False)[2:] == fields


def test_the_fields_of_a_live_file_are_its_type_its_lifetime_and_the_common_ones() -> None:
    assert Policy().fields(PATH, URL, immutable=False) == LIVE


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        (None, "text/css; charset=koi8-r"),
        ("text/x-mine", "text/x-mine; charset=koi8-r"),
        ("application/atom+xml", "application/atom+xml"),
    ],
)
def test_a_media_type_that_is_known_goes_before_the_name(media_type: str | None, expected: str) -> None:
    policy = Policy(media_types=MediaTypes(charset="koi8-r"))
    fields = dict(policy.fields(PATH, URL, immutable=True, media_type=media_type))
    assert fields["Content-Type"] == expected


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
    policy = Policy(add_headers=lambda headers, path, url: headers.add_header("X-Added", "1"))
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
    ],
)
def test_a_field_that_http_forbids_is_left_out_and_logged(
    name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="hashserve"):
        fields = fields_with(lambda headers, path, url: headers.__setitem__(name, value))
    assert fields == LIVE
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert repr(name) in record.getMessage()
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("value", ["", "a", "a\tb", " a ", "\xe9\xff", 'a, b; c="d"', "x" * 100_000])
def test_a_field_that_http_allows_is_kept(value: str) -> None:
    fields = fields_with(lambda headers, path, url: headers.__setitem__("X-Any", value))
    assert fields == [*LIVE, ("X-Any", value)]


def test_what_is_to_be_asked_for_each_time_is_never_immutable() -> None:
    policy = Policy(revalidates=True, max_age=60, is_immutable=lambda path, url: True)
    for immutable in (True, False):
        fields = dict(policy.fields("/x/app.css", "/app.css", immutable=immutable))
        assert fields["Cache-Control"] == "no-cache"


EXPIRES: list[tuple[Headers, str | None]] = [
    ([("Cache-Control", "public, max-age=60")], "Thu, 01 Jan 1970 00:01:00 GMT"),
    ([("cache-control", "MAX-AGE=60, public")], "Thu, 01 Jan 1970 00:01:00 GMT"),
    ([("Cache-Control", "max-age=0")], "Thu, 01 Jan 1970 00:00:00 GMT"),
    ([("Cache-Control", "s-max-age=60")], None),
    ([("Cache-Control", "max-age=9999999999")], None),
    ([("Cache-Control", "no-store")], None),
    ([("ETag", "max-age=60")], None),
    ([], None),
]


@pytest.mark.parametrize(("headers", "expires"), EXPIRES)
def test_expires_says_what_max_age_says(headers: Headers, expires: str | None) -> None:
    assert dict(with_expires(headers, 0)).get("Expires") == expires


def test_a_hooks_own_expires_stays() -> None:
    headers = [("Cache-Control", "max-age=60"), ("expires", "0")]
    assert with_expires(headers, 0) == headers
