"""What ``manage.py check`` reports, and that it reports nothing about a correct project."""

# Django has no types.
# mypy: disable-error-code="import-untyped, misc"
from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.test import override_settings

from hashserve.django.checks import (
    SECURITY,
    WHITENOISE,
    check_deployment,
    check_project,
    check_settings,
)
from hashserve.django.class_names import CACHED_STORAGE, STORAGE
from hashserve.django.middleware import HashServeMiddleware
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.django_client import MIDDLEWARE
from tests.support.django_settings import configure

configure()


class Derived(HashServeMiddleware):
    """A subclass in a project."""


class Overriding(HashServeMiddleware):
    """A subclass that was written for WhiteNoise."""

    def add_headers_function(self, headers: Any, path: str, url: str) -> None:
        raise NotImplementedError


class OverridingStorage(ManifestStaticFilesStorage):
    """One of its storage."""

    def compress_files(self, names: Any) -> None:
        raise NotImplementedError


DERIVED = f"{__name__}.Derived"
OVERRIDING = f"{__name__}.Overriding"
OTHER = "django.middleware.common.CommonMiddleware"


def reported(tmp_path: Any, **settings: Any) -> dict[str, str]:
    """Return the messages about a project that is correct except for ``settings``, by their id."""
    right = {
        "DEBUG": False,
        "HASHSERVE": {},
        "MIDDLEWARE": [SECURITY, MIDDLEWARE, OTHER],
        "STATIC_ROOT": str(tmp_path),
        "STORAGES": {"staticfiles": {"BACKEND": STORAGE}},
    }
    with override_settings(**(right | settings)):
        messages = [*check_settings(None), *check_project(None), *check_deployment(None)]
    return {message.id: f"{message.msg} {message.hint or ''}" for message in messages}


def test_nothing_is_reported_about_a_correct_project(tmp_path: Any) -> None:
    assert reported(tmp_path) == {}
    assert reported(tmp_path, MIDDLEWARE=[MIDDLEWARE]) == {}
    assert reported(tmp_path, MIDDLEWARE=[SECURITY, DERIVED, "tests.nowhere.Middleware"]) == {}
    assert reported(tmp_path, **in_cache(MEMCACHED, SITE="a.example")) == {}
    assert reported(tmp_path, DEBUG=True, STATIC_ROOT=f"{tmp_path}/later", STORAGES={}) == {}


PROBLEMS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("E001", {"HASHSERVE": {"MAX_AGE": -1}}, ['HASHSERVE["MAX_AGE"]=-1', "must be a whole number"]),
    ("E001", {"HASHSERVE": []}, ["HASHSERVE=[]", "must be a dictionary"]),
    ("E001", {"WHITENOISE_CHARSET": 7}, ["WHITENOISE_CHARSET=7", "printable"]),
    ("E002", {"HASHSERVE": {"MAXAGE": 1}}, ['HASHSERVE["MAXAGE"]=1', "did you mean 'MAX_AGE'?"]),
    ("E003", {"HASHSERVE": {"ADD_HEADERS_FUNCTION": "x.y"}}, ["HASHSERVE[\"ADD_HEADERS_FUNCTION\"]='x.y'"]),
    ("E003", {"HASHSERVE": {"REQUIRE_PREVIOUS": True}}, ['HASHSERVE["REQUIRE_PREVIOUS"]=True', "needs"]),
    ("E003", {"HASHSERVE": {"DIGEST": "md17"}}, ["HASHSERVE[\"DIGEST\"]='md17'", "is not a digest"]),
    ("E003", {"HASHSERVE": {"DIGEST_LENGTH": 3}}, ['HASHSERVE["DIGEST_LENGTH"]=3', "must be from 8"]),
    ("W001", {"HASHSERVE": {"MAX_AGE": 1}, "WHITENOISE_MAX_AGE": 2}, ["WHITENOISE_MAX_AGE", "Remove it"]),
    ("W002", {"MIDDLEWARE": [SECURITY]}, [MIDDLEWARE, f'directly after "{SECURITY}"']),
    ("W003", {"MIDDLEWARE": [SECURITY, OTHER, MIDDLEWARE]}, ["is not directly after", OTHER]),
    ("W003", {"MIDDLEWARE": [OTHER, DERIVED]}, [DERIVED, OTHER]),
    ("W004", {"MIDDLEWARE": [SECURITY, MIDDLEWARE, WHITENOISE]}, [WHITENOISE, "Remove it"]),
    (
        "E005",
        {"MIDDLEWARE": [SECURITY, OVERRIDING]},
        ["Overriding.add_headers_function has no effect", 'HASHSERVE["ADD_HEADERS_FUNCTION"]'],
    ),
    (
        "E005",
        {"STORAGES": {"staticfiles": {"BACKEND": f"{__name__}.OverridingStorage"}}},
        ["OverridingStorage.compress_files has no effect", 'HASHSERVE["CODINGS"]'],
    ),
    ("W005", {"STATIC_ROOT": None}, ["STATIC_ROOT=None", "Set it"]),
    ("W006", {"STATIC_ROOT": "/nowhere/at/all"}, ["'/nowhere/at/all'", "collectstatic"]),
    ("W007", {"HASHSERVE": {"ROOT": "/nowhere/public"}}, ["HASHSERVE[\"ROOT\"]='/nowhere/public'"]),
    ("W008", {"STORAGES": {}}, ["BACKEND", STORAGE]),
    (
        "W008",
        {
            "STORAGES": {
                "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
            }
        },
        ["django.contrib.staticfiles.storage", STORAGE],
    ),
    ("W009", {"HASHSERVE": {"PREFIX": "/assets/"}}, ["'/assets/'", "'/static/'", "STATIC_URL"]),
]


CACHED = {"staticfiles": {"BACKEND": CACHED_STORAGE}}
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"


def in_cache(backend: str, **hashserve: str) -> dict[str, Any]:
    """Settings of a project whose names are in a cache of this backend."""
    caches = {"default": {"BACKEND": backend, "LOCATION": "127.0.0.1:9"}}
    return {"STORAGES": CACHED, "CACHES": caches, "HASHSERVE": hashserve}


PROBLEMS += [
    ("W010", in_cache(MEMCACHED), ['HASHSERVE has no "SITE"', "its domain"]),
    (
        "W011",
        in_cache("django.core.cache.backends.locmem.LocMemCache", SITE="a.example"),
        ["CACHES['default'][\"BACKEND\"]='django.core.cache.backends.locmem", "one process only", '"CACHE"'],
    ),
    (
        "E004",
        in_cache("django.core.cache.backends.dummy.DummyCache", SITE="a.example"),
        ["DummyCache", "keeps nothing"],
    ),
]


@pytest.mark.parametrize(("number", "settings", "parts"), PROBLEMS)
def test_each_problem_is_reported_with_its_setting_and_its_remedy(
    tmp_path: Any, number: str, settings: dict[str, Any], parts: list[str]
) -> None:
    messages = reported(tmp_path, **settings)
    assert list(messages) == [f"hashserve.{number}"]
    for part in parts:
        assert part in messages[f"hashserve.{number}"]


def test_collectstatic_reports_wrong_settings_and_nothing_else() -> None:
    with override_settings(HASHSERVE={"MAX_AGE": -1}):
        assert "hashserve.E001" in {message.id for message in run_checks(tags=[Tags.staticfiles])}
    with override_settings(HASHSERVE={}, STATIC_ROOT="/nowhere/at/all", DEBUG=False):
        assert not [m.id for m in run_checks(tags=[Tags.staticfiles]) if m.id.startswith("hashserve")]
        assert "hashserve.W006" not in {message.id for message in run_checks(tags=["hashserve"])}


def test_a_missing_collection_is_reported_for_deployments_only() -> None:
    with override_settings(HASHSERVE={}, STATIC_ROOT="/nowhere/at/all", DEBUG=False):
        for deployed in (False, True):
            reported = run_checks(tags=["hashserve"], include_deployment_checks=deployed)
            assert ("hashserve.W006" in {message.id for message in reported}) is deployed
