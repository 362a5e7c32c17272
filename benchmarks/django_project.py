"""Django projects that differ only in storage and middleware: WhiteNoise's and hashserve's.

Invariant: each project has the settings of its guide and no others.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HASHSERVE_SETUP", "WHITENOISE_SETUP", "Setup", "collect_command", "make_project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The import paths of a middleware and its storage."""

    middleware: str
    storage: str


WHITENOISE_SETUP = Setup(
    middleware="whitenoise.middleware.WhiteNoiseMiddleware",
    storage="whitenoise.storage.CompressedManifestStaticFilesStorage",
)
HASHSERVE_SETUP = Setup(
    middleware="hashserve.django.middleware.HashServeMiddleware",
    storage="hashserve.django.storage.ManifestStaticFilesStorage",
)

_MANAGE = """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
execute_from_command_line(sys.argv)
"""

_SETTINGS = """\
SECRET_KEY = "only measured"
INSTALLED_APPS = ["django.contrib.staticfiles"]
MIDDLEWARE = [{middleware!r}]
STATIC_URL = "/static/"
STATICFILES_DIRS = [{source!r}]
STATIC_ROOT = {out!r}
STORAGES = {{
    "staticfiles": {{"BACKEND": {storage!r}}},
}}
"""


def make_project(folder: Path, source: Path, out: Path, setup: Setup = WHITENOISE_SETUP) -> None:
    """Write a project that collects the tree ``source`` into ``out``."""
    folder.mkdir(parents=True)
    (folder / "manage.py").write_text(_MANAGE, encoding="utf-8")
    settings = _SETTINGS.format(
        source=str(source), out=str(out), middleware=setup.middleware, storage=setup.storage
    )
    (folder / "settings.py").write_text(settings, encoding="utf-8")


def collect_command() -> list[str]:
    """Return the command of collectstatic, to run in the project's folder."""
    return [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
