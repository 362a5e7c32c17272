"""The peer: a Django project whose ``collectstatic`` goes to WhiteNoise's compressed manifest storage.

Law: it is a project as its users have it, the settings that WhiteNoise's guide names and no others.
"""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["collect_command", "make_project"]

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
MIDDLEWARE = ["whitenoise.middleware.WhiteNoiseMiddleware"]
STATIC_URL = "/static/"
STATICFILES_DIRS = [{source!r}]
STATIC_ROOT = {out!r}
STORAGES = {{
    "staticfiles": {{"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}},
}}
"""


def make_project(folder: Path, source: Path, out: Path) -> None:
    """Write the project that collects the tree ``source`` into ``out``."""
    folder.mkdir(parents=True)
    (folder / "manage.py").write_text(_MANAGE, encoding="utf-8")
    settings = _SETTINGS.format(source=str(source), out=str(out))
    (folder / "settings.py").write_text(settings, encoding="utf-8")


def collect_command() -> list[str]:
    """Give the command to run in the project's folder."""
    return [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
