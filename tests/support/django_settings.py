"""Django, configured once for all tests of this process; each test overrides the settings that it tests."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

import django
from django.conf import settings

__all__ = ["configure"]


def configure() -> None:
    """Configure Django once, with a database in a file, which threads can share."""
    if settings.configured:
        return
    folder = tempfile.mkdtemp(prefix="hashserve-django-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings.configure(
        ALLOWED_HOSTS=["testserver", "127.0.0.1", "localhost"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(folder, "database")}
        },
        DEBUG=False,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.staticfiles", "hashserve.django"],
        ROOT_URLCONF="tests.django_urls",
        SECRET_KEY="of no use",
        STATIC_URL="/static/",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        USE_TZ=True,
    )
    django.setup()
