from __future__ import annotations

from wsgiref.headers import Headers as HeaderFields

import pytest

from hashserve.http.media_types import MediaTypes
from hashserve.http.messages import Headers
from hashserve.serve.header_hook import HeaderHook
from hashserve.serve.policy import FOREVER, IMMUTABLE, Policy, policy_of, with_expires
from hashserve.settings.serve import ServeSettings

PATH, URL = "/srv/static/css/app.css", "/static/css/app.css"
COMMON = [("Access-Control-Allow-Origin", "*"), ("X-Content-Type-Options", "nosniff")]
CSS = ("Content-Type", "text/css; charset=utf-8")
LIVE = [CSS, ("Cache-Control", "public, max-age=60"), *COMMON]


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


def test_no_lifetime_is_no_field() -> None:
    names = [name for name, _ in Policy(max_age=None).fields(PATH, URL, immutable=False)]
    assert "Cache-Control" not in names


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


def test_a_hook_gets_the_fields_the_path_and_the_url() -> None:
    calls: list[tuple[dict[str, str], str, str]] = []

    def hook(fields: HeaderFields, path: str, url: str) -> None:
        calls.append((dict(fields.items()), path, url))
        fields["X-One"] = "1"

    assert Policy(add_headers=HeaderHook(hook)).fields(PATH, URL, immutable=False) == [*LIVE, ("X-One", "1")]
    assert calls == [(dict(LIVE), PATH, URL)]


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
    ([("Cache-Control", "max-age=9999999999")], "Sun, 09 Sep 2001 01:46:39 GMT"),
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


def test_a_policy_of_settings_has_their_values() -> None:
    def hook(fields: HeaderFields, path: str, url: str) -> None:
        fields["X-One"] = "1"

    settings = ServeSettings(
        max_age=5,
        expires=True,
        allow_all_origins=False,
        nosniff=False,
        charset="koi8-r",
        mimetypes={".foo": "text/x-foo"},
        add_headers_function=hook,
    )
    policy = policy_of(settings)
    assert policy[:5] == (5, True, False, False, False)
    assert policy.media_types.content_type("a.txt") == "text/plain; charset=koi8-r"
    assert policy.media_types.content_type("a.foo") == "text/x-foo; charset=koi8-r"
    assert policy.add_headers is not None
    assert policy.add_headers.changed([], PATH, URL) == [("X-One", "1")]
    assert policy_of(settings, revalidates=True).lifetime() == "no-cache"


def test_an_immutable_file_test_is_a_function_or_an_expression_over_url_paths() -> None:
    for test in (r"^/static/v[0-9]+/", lambda path, url: url.startswith("/static/v1/")):
        policy = policy_of(ServeSettings(immutable_file_test=test))
        lifetimes = [
            dict(policy.fields("/srv/v1/a.css", url, immutable=False))["Cache-Control"]
            for url in ("/static/v1/a.css", "/other/static/v1/a.css")
        ]
        assert lifetimes == [IMMUTABLE, "public, max-age=60"]
    assert policy_of(ServeSettings()).is_immutable is None
