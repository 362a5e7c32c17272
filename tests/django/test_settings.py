"""The settings of a Django project: ours, WhiteNoise's, and what is said of wrong ones."""

# Django has no types.
# mypy: disable-error-code="import-untyped, misc"
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from hashserve.django.build_settings import build_settings
from hashserve.django.settings import KEYS, DjangoSettings, load, problems, static_prefix, twice_given
from hashserve.django.settings.table import OwnSettings
from hashserve.errors import SettingError
from hashserve.settings.build import BuildSettings
from hashserve.settings.serve import ServeSettings
from tests.support.django_settings import configure

configure()


def loaded(given: Any = None, **settings: Any) -> DjangoSettings:
    with override_settings(HASHSERVE={} if given is None else given, **settings):
        return load()


def value_of(settings: DjangoSettings, field: str) -> Any:
    """The value of a setting, whichever part has it."""
    if field in settings.build:
        return getattr(BuildSettings.of(settings.build), field)
    return getattr(settings.own if field in OwnSettings.table else settings.serve, field)


def said_of(given: Any = None, **settings: Any) -> list[str]:
    with override_settings(HASHSERVE={} if given is None else given, **settings):
        return [str(problem) for problem in problems()]


def test_without_any_setting_the_defaults_hold() -> None:
    settings = loaded()
    assert (settings.serve, settings.own.prefix) == (ServeSettings(), "/static/")
    assert settings.own.use_finders is False


def test_debug_is_the_default_of_what_development_wants() -> None:
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


VALUES: list[tuple[str, Any, Any]] = [
    ("MAX_AGE", None, None),
    ("MAX_AGE", 0, 0),
    ("INDEX_FILE", True, True),
    ("INDEX_FILE", False, False),
    ("INDEX_FILE", "default.htm", "default.htm"),
    ("ROOT", Path("/srv/public"), "/srv/public"),
    ("ROOT", "", None),
    ("PREFIX", "assets", "/assets/"),
    ("PREFIX", "https://cdn.example/a/b", "/a/b/"),
    ("PREFIX", "/", "/"),
    ("CODINGS", ["br", "zstd"], ("br", "zstd")),
    ("SKIP_COMPRESS_EXTENSIONS", [".PNG", "jpg"], ("png", "jpg")),
    ("ADD_HEADERS_FUNCTION", "os.path.join", "os.path.join"),
    ("IMMUTABLE_FILE_TEST", r"\.[0-9a-f]{8}\.", r"\.[0-9a-f]{8}\."),
    ("IMMUTABLE_FILE_TEST", max, max),
    ("IMPORT_MAP_BARE", {"lit": "vendor/lit.js"}, {"lit": "vendor/lit.js"}),
    ("BUILD_CACHE", Path("/var/cache/x"), "/var/cache/x"),
    ("MANIFEST_STRICT", False, False),
    ("POINTER_INTERVAL", 0.5, 0.5),
    ("CACHE", "default", "default"),
]


@pytest.mark.parametrize(("key", "value", "meant"), VALUES)
def test_a_value_means_what_it_says(key: str, value: Any, meant: Any) -> None:
    assert value_of(loaded({key: value}), KEYS[key].setting.name) == meant


WRONG: list[tuple[str, Any, str]] = [
    ("MAX_AGE", "60", "must be a whole number, 0 or more"),
    ("MAX_AGE", -1, "must be a whole number, 0 or more"),
    ("MAX_AGE", True, "must be a whole number, 0 or more"),
    ("ALLOW_ALL_ORIGINS", 1, "must be True or False"),
    ("CHARSET", "", "must be printable ASCII text"),
    ("MIMETYPES", [".foo"], "must be a dictionary"),
    ("MIMETYPES", {".foo": "foo"}, "must map extensions to media types"),
    ("ADD_HEADERS_FUNCTION", "add", "the dotted path of one"),
    ("INDEX_FILE", "a/b.html", "the name of a file"),
    ("IMMUTABLE_FILE_TEST", "(", "must be a regular expression"),
    ("IMMUTABLE_FILE_TEST", 7, "must be a regular expression"),
    ("AUTOREFRESH", "yes", "must be True or False"),
    ("ROOT", __file__, "is a file; name the folder that it is in"),
    ("ROOT", b"/srv", "must be a path, as text"),
    ("ROOT", 7, "must be a path"),
    ("MANIFEST", "", "is a variable not set?"),
    ("PREFIX", None, "must be the path of a URL"),
    ("ON_UNKNOWN", "200", "must be one of '404', 'redirect', 'pass'"),
    ("ON_MISSING", 404, "must be one of 'pass', '404'"),
    ("CHECK_INTERVAL", float("inf"), "must be a number, 0 or more"),
    ("BODY_BUDGET", 1.5, "must be a whole number, 0 or more"),
    ("KEEP", 0, "must be a whole number, 1 or more"),
    ("KEEP_DAYS", "30", "must be a number, 0 or more"),
    ("CODINGS", "br", "must be a list of strings"),
    ("CODINGS", 7, "must be a list of strings"),
    ("CODINGS", ["deflate"], "must be a list of"),
    ("CODINGS", ["br", "br"], "each at most once"),
    ("DIGEST", "", "must be a string that is not empty"),
    ("JS_REFERENCES", "on", "must be one of 'rewrite', 'import-map', 'off'"),
    ("IMPORT_MAP_BARE", {"lit/": "x"}, "must map specifiers to logical paths"),
    ("IMPORT_MAP_BARE", ["lit"], "must map specifiers to logical paths"),
    ("CACHE", "nowhere", "CACHES has default"),
    ("SITE", "", "must be a string that is not empty"),
]


@pytest.mark.parametrize(("key", "value", "problem"), WRONG)
def test_whoever_set_a_wrong_value_is_told_key_value_and_remedy(key: str, value: Any, problem: str) -> None:
    (said,) = said_of({key: value})
    assert said.startswith(f'HASHSERVE["{key}"]={value!r}: ')
    assert problem in said
    with pytest.raises(SettingError):
        loaded({key: value})


def test_everything_wrong_is_told_at_once() -> None:
    assert len(said_of({"MAX_AGE": -1, "ON_MISSING": "x", "NOSNIF": True})) == 3


@pytest.mark.parametrize(
    ("key", "remedy"),
    [("max_age", "did you mean 'MAX_AGE'?"), ("NOSNIF", "'NOSNIFF'"), (7, "there are ADD_")],
)
def test_an_unknown_key_is_told_with_the_closest_one(key: object, remedy: str) -> None:
    (said,) = said_of({key: True})
    assert said.startswith(f'HASHSERVE["{key}"]=True: there is no such setting; ')
    assert remedy in said


def test_settings_that_are_no_dictionary_are_told() -> None:
    assert said_of(["MAX_AGE"]) == ["HASHSERVE=['MAX_AGE']: must be a dictionary, such as {\"MAX_AGE\": 60}"]


# WhiteNoise's

WHITENOISE: list[tuple[str, Any, str, Any]] = [
    ("WHITENOISE_ROOT", "/srv/public", "root", "/srv/public"),
    ("WHITENOISE_AUTOREFRESH", True, "autorefresh", True),
    ("WHITENOISE_USE_FINDERS", True, "use_finders", True),
    ("WHITENOISE_MAX_AGE", 600, "max_age", 600),
    ("WHITENOISE_INDEX_FILE", True, "index_file", True),
    ("WHITENOISE_MIMETYPES", {".xyz": "application/x-xyz"}, "mimetypes", {".xyz": "application/x-xyz"}),
    ("WHITENOISE_CHARSET", "iso-8859-15", "charset", "iso-8859-15"),
    ("WHITENOISE_ALLOW_ALL_ORIGINS", False, "allow_all_origins", False),
    ("WHITENOISE_SKIP_COMPRESS_EXTENSIONS", ("jpg", "png"), "skip_compress", ("jpg", "png")),
    ("WHITENOISE_ADD_HEADERS_FUNCTION", print, "add_headers_function", print),
    ("WHITENOISE_IMMUTABLE_FILE_TEST", r"^/v[0-9]+/", "immutable_file_test", r"^/v[0-9]+/"),
    ("WHITENOISE_STATIC_PREFIX", "/assets/", "prefix", "/assets/"),
    ("WHITENOISE_KEEP_ONLY_HASHED_FILES", True, "keep_only_hashed_files", True),
    ("WHITENOISE_MANIFEST_STRICT", False, "manifest_strict", False),
]


@pytest.mark.parametrize(("name", "value", "field", "meant"), WHITENOISE)
def test_whitenoises_settings_count_where_ours_are_silent(
    name: str, value: Any, field: str, meant: Any
) -> None:
    assert value_of(loaded(**{name: value}), field) == meant
    with override_settings(HASHSERVE={}, **{name: value}):
        assert twice_given() == []


def test_ours_count_before_whitenoises() -> None:
    with override_settings(HASHSERVE={"MAX_AGE": 5}, WHITENOISE_MAX_AGE=600):
        assert load().serve.max_age == 5
        assert twice_given() == [("MAX_AGE", "WHITENOISE_MAX_AGE")]


def test_a_wrong_value_of_whitenoises_is_told_under_its_name() -> None:
    assert said_of(WHITENOISE_MAX_AGE="1")[0].startswith("WHITENOISE_MAX_AGE='1': ")


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


def test_without_any_setting_the_build_has_its_own_defaults_but_waits_for_another() -> None:
    with override_settings(HASHSERVE={}):
        assert build_settings() == BuildSettings(wait=600.0)


def test_the_build_gets_what_is_set_for_it() -> None:
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
