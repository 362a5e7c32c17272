"""The settings of a Django project: where values come from, and what is reported about wrong ones."""

# Django has no types.
# mypy: disable-error-code="import-untyped, misc"
from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from hashserve.django.build_settings import build_settings
from hashserve.django.settings import DjangoSettings, load, problems, static_prefix, twice_given
from hashserve.errors import SettingError
from hashserve.settings.build import BuildSettings
from hashserve.settings.serve import ServeSettings
from tests.support.django_settings import configure

configure()


def loaded(given: Any = None, **settings: Any) -> DjangoSettings:
    with override_settings(HASHSERVE={} if given is None else given, **settings):
        return load()


def reported(given: Any = None, **settings: Any) -> list[str]:
    with override_settings(HASHSERVE={} if given is None else given, **settings):
        return [str(problem) for problem in problems()]


def test_without_any_setting_the_defaults_hold() -> None:
    settings = loaded()
    assert (settings.serve, settings.own.prefix) == (ServeSettings(), "/static/")
    assert settings.own.use_finders is False


def test_debug_is_the_default_of_the_settings_for_development() -> None:
    settings = loaded(DEBUG=True)
    assert (settings.serve.autorefresh, settings.own.use_finders) == (True, True)
    settings = loaded({"AUTOREFRESH": False, "USE_FINDERS": False}, DEBUG=True)
    assert (settings.serve.autorefresh, settings.own.use_finders) == (False, False)


def test_settings_are_read_again_once_they_change() -> None:
    with override_settings(HASHSERVE={"MAX_AGE": 1}):
        assert load() is load()
        with override_settings(HASHSERVE={"MAX_AGE": 2}):
            assert load().serve.max_age == 2
        assert load().serve.max_age == 1


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    assert len(reported({"MAX_AGE": -1, "ON_MISSING": "x", "NOSNIF": True})) == 3


@pytest.mark.parametrize(
    ("key", "remedy"),
    [("max_age", "did you mean 'MAX_AGE'?"), ("NOSNIF", "'NOSNIFF'"), (7, "the settings are ACCEPT")],
)
def test_an_unknown_key_is_reported_with_the_closest_one(key: object, remedy: str) -> None:
    (message,) = reported({key: True})
    assert message.startswith(f'HASHSERVE["{key}"]=True: there is no such setting; ')
    assert remedy in message


def test_settings_that_are_no_dictionary_are_reported() -> None:
    assert reported(["MAX_AGE"]) == ["HASHSERVE=['MAX_AGE']: must be a dictionary, such as {\"MAX_AGE\": 60}"]


# WhiteNoise's


def test_a_key_counts_before_whitenoises_setting() -> None:
    with override_settings(HASHSERVE={"MAX_AGE": 5}, WHITENOISE_MAX_AGE=600):
        assert load().serve.max_age == 5
        assert twice_given() == [("MAX_AGE", "WHITENOISE_MAX_AGE")]


def test_a_wrong_value_of_whitenoises_setting_is_reported_under_its_name() -> None:
    assert reported(WHITENOISE_MAX_AGE="1")[0].startswith("WHITENOISE_MAX_AGE='1': ")


# What depends on the project

PREFIXES: list[tuple[str | None, str | None, str]] = [
    ("/static/", None, "/static/"),
    ("static/", None, "/static/"),
    ("static/", "/app", "/static/"),
    ("/app/static/", "/app", "/static/"),
    ("/app/static/", "/app/", "/static/"),
    ("/app/app/static/", "/app", "/app/static/"),
    ("/application/static/", "/app", "/application/static/"),
    ("https://cdn.example/app/static/", "/app", "/static/"),
    ("https://cdn.example/static/", None, "/static/"),
    ("//cdn.example/static/", None, "/static/"),
    ("https://cdn.example/", None, "/"),
    ("https://cdn.example", None, "/"),
    ("/app/", "/app", "/"),
]


@pytest.mark.parametrize(("static_url", "mount", "prefix"), PREFIXES)
def test_the_prefix_is_the_path_of_static_url_below_the_mount_point(
    static_url: str, mount: str | None, prefix: str
) -> None:
    with override_settings(STATIC_URL=static_url, FORCE_SCRIPT_NAME=mount):
        assert static_prefix() == load().own.prefix == prefix
        assert "STATIC_URL" not in vars(django_settings)  # where Django would have fixed it


def test_the_cache_is_the_one_for_static_files_if_there_is_one() -> None:
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    assert loaded(CACHES={"default": memory}).own.cache == "default"
    assert loaded(CACHES={"default": memory, "staticfiles": memory}).own.cache == "staticfiles"


def test_the_hook_is_found_by_its_dotted_path() -> None:
    assert loaded({"ADD_HEADERS_FUNCTION": "builtins.print"}).headers_hook() is print
    assert loaded({"ADD_HEADERS_FUNCTION": print}).headers_hook() is print
    assert loaded().headers_hook() is None
    for wrong, problem in (("tests.nowhere.add", "cannot be imported"), ("sys.maxsize", "is not a function")):
        with pytest.raises(SettingError, match=problem):
            loaded({"ADD_HEADERS_FUNCTION": wrong}).headers_hook()


# The build's


def test_without_any_setting_the_build_has_its_defaults_but_waits_for_another_build() -> None:
    with override_settings(HASHSERVE={}):
        assert build_settings() == BuildSettings(wait=600.0)


def test_the_build_uses_what_is_set_for_it() -> None:
    given = {
        "KEEP": 7,
        "KEEP_DAYS": 1.5,
        "PREVIOUS": "https://example.org/static/",
        "REQUIRE_PREVIOUS": True,
        "BUILD_CACHE": "/var/cache/x",
        "CODINGS": ["gzip"],
        "DIGEST": "sha256",
        "DIGEST_LENGTH": 20,
        "JS_REFERENCES": "off",
        "STRICT": True,
        "ALREADY_HASHED": ["vite/*"],
    }
    with override_settings(HASHSERVE=given, STATIC_URL="/s/"):
        made = build_settings()
        assert build_settings(strict=False).strict is False
    assert (made.prefix, made.keep, made.keep_days, made.cache) == ("/s/", 7, 1.5, "/var/cache/x")
    assert (made.previous, made.require_previous) == ("https://example.org/static/", True)
    assert (made.digest, made.digest_length) == ("sha256", 20)
    assert (tuple(made.codings), made.js_references, made.strict) == (("gzip",), "off", True)
    assert tuple(made.already_hashed) == ("vite/*",)
