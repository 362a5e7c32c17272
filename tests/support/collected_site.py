"""A Django project with one source folder, and what is collected of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import storage as django_storage
from django.core.management import call_command
from django.test import override_settings

from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.django_settings import configure
from tests.support.files import put

configure()

__all__ = ["OURS", "SOURCE", "STYLES", "THEIRS", "CollectedSite", "paths_of"]

OURS = "hashserve.django.storage.ManifestStaticFilesStorage"
THEIRS = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"

STYLES = b'@import "base.css";\na { background: url(../img/a.svg?v=1#x) }\n' + b"/* space */\n" * 40
SOURCE = {
    "css/app.css": STYLES,
    "css/base.css": b"body { margin: 0 }\n" * 20,
    "img/a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "js/app.js": b"console.log(1)\n//# sourceMappingURL=app.js.map\n",
    "js/app.js.map": b"{}",
    "robots.txt": b"User-agent: *\n",
}


class CollectedSite:
    """A project with one source folder and a storage."""

    def __init__(self, folder: Path) -> None:
        self.source, self.root = folder / "source", folder / "root"
        self.source.mkdir()
        for path, content in SOURCE.items():
            put(self.source, path, content)

    def collect(self, backend: str = OURS, *, root: Path | None = None, **options: Any) -> Any:
        """Run ``collectstatic`` and return the storage that it filled."""
        storages = {
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {"BACKEND": backend},
        }
        with override_settings(
            STATICFILES_DIRS=[self.source], STATIC_ROOT=str(root or self.root), STORAGES=storages
        ):
            call_command("collectstatic", **{"interactive": False, "verbosity": 0, **options})
            return django_storage.staticfiles_storage._wrapped

    def open_storage(self, kind: Callable[[], Any] = ManifestStaticFilesStorage) -> Any:
        """Make the storage of a process that renders pages."""
        with override_settings(STATIC_ROOT=str(self.root)):
            return kind()

    def collect_with(self, kind: type) -> dict[str, str]:
        """Collect into a storage of this class; return the fingerprinted paths."""
        self.collect(f"{kind.__module__}.{kind.__name__}")
        return paths_of(self.root)


def paths_of(root: Path) -> dict[str, str]:
    """Return the fingerprinted paths in a manifest, by logical path."""
    return dict(json.loads((root / "staticfiles.json").read_bytes())["paths"])
