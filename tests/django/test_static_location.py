"""Where static files are: the options of the storage hold for the server too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django
import pytest
from django.test import Client, override_settings

from hashserve.django.class_names import STORAGE
from hashserve.django.static_location import static_root, static_url
from tests.support.django_client import MIDDLEWARE
from tests.support.django_settings import configure
from tests.support.files import put

configure()

# There, override_settings sets STATICFILES_STORAGE along with STORAGES, which then hides the options.
with_options = pytest.mark.skipif(django.VERSION < (5, 1), reason="overrides lose OPTIONS in Django 4.2")

ELSEWHERE = {"location": "/elsewhere", "base_url": "https://cdn.example.com/assets/"}


def stored(backend: str, **options: Any) -> dict[str, Any]:
    return {"STORAGES": {"staticfiles": {"BACKEND": backend, "OPTIONS": options}}}


@with_options
@pytest.mark.parametrize(
    ("backend", "options", "expected"),
    [
        (STORAGE, ELSEWHERE, ("/elsewhere", "https://cdn.example.com/assets/")),
        (STORAGE, {"location": Path("/elsewhere")}, ("/elsewhere", "/static/")),
        (STORAGE, {}, ("/root", "/static/")),
        # What these mean by location is not a folder of this machine.
        ("django.core.files.storage.InMemoryStorage", ELSEWHERE, ("/root", "/static/")),
        ("tests.nowhere.Storage", ELSEWHERE, ("/root", "/static/")),
    ],
)
def test_options_of_the_storage_override_settings(
    backend: str, options: dict[str, Any], expected: tuple[str, str]
) -> None:
    with override_settings(STATIC_ROOT="/root", STATIC_URL="/static/", **stored(backend, **options)):
        assert (static_root(), static_url()) == expected


def test_a_project_may_have_no_folder() -> None:
    with override_settings(STATIC_ROOT=None):
        assert static_root() is None


@with_options
def test_files_are_served_from_where_the_storage_puts_them(tmp_path: Path) -> None:
    put(tmp_path, "css/app.css", b"body { margin: 0 }")
    options = {"location": str(tmp_path), "base_url": "/assets/"}
    with override_settings(MIDDLEWARE=[MIDDLEWARE], STATIC_ROOT="/nowhere", **stored(STORAGE, **options)):
        assert Client().get("/assets/css/app.css").status_code == 200


def test_a_missing_folder_is_logged_once_for_all_test_clients(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"MIDDLEWARE": [MIDDLEWARE], "HASHSERVE": {"ON_MISSING": "404"}}
    with override_settings(STATIC_ROOT=str(tmp_path / "later"), **settings):
        for _ in range(3):
            Client().get("/static/x.css")
    assert [record.getMessage() for record in caplog.records].count(
        f"there is no folder at {tmp_path / 'later'}/ yet; its files are served as soon as it exists"
    ) == 1
