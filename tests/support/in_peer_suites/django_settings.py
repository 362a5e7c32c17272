"""The settings of the project in the tests of a peer, with hashserve's middleware and storage."""

from __future__ import annotations

from pathlib import Path

SECRET_KEY = "test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.django_settings"
urlpatterns: list[object] = []
INSTALLED_APPS = ["django.contrib.staticfiles"]
FORCE_SCRIPT_NAME = "/subdir"  # where `tests.utils.AppServer` mounts the application
STATIC_URL = "/subdir/static/"
STATIC_ROOT = str(Path(__file__).parent / "nothing-collected")
MIDDLEWARE = ["hashserve.django.middleware.HashServeMiddleware"]
STORAGES = {"staticfiles": {"BACKEND": "hashserve.django.storage.ManifestStaticFilesStorage"}}
