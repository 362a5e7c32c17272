"""Puts hashserve's classes in the place of a peer's, before the peer's tests import them.

It is copied as the ``conftest.py`` of these tests.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import django
from django.test import utils as django_utils

import hashserve
from hashserve.django.middleware import HashServeMiddleware
from hashserve.django.storage import ManifestStaticFilesStorage

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django_settings"
PEER = os.environ["PEER"]
NAMES = {"whitenoise": "WhiteNoise", "servestatic": "ServeStatic"}

# ServeStatic's settings are WhiteNoise's under another name, which hashserve does not read.
_override_settings: Any = django_utils.override_settings


class Renaming(_override_settings):
    """Django's ``override_settings`` with WhiteNoise's names for ServeStatic's settings."""

    def __init__(self, **given: Any) -> None:
        super().__init__(
            **{name.replace("SERVESTATIC_", "WHITENOISE_"): value for name, value in given.items()}
        )


django_utils.override_settings = Renaming
django.setup()

swapped: dict[str, dict[str, type]] = {
    "": {NAMES[PEER]: hashserve.HashServe},
    ".middleware": {f"{NAMES[PEER]}Middleware": HashServeMiddleware},
    ".storage": {
        "CompressedManifestStaticFilesStorage": ManifestStaticFilesStorage,
        "CompressedStaticFilesStorage": ManifestStaticFilesStorage,
    },
}
for module, classes in swapped.items():
    for name, replacement in classes.items():
        setattr(importlib.import_module(PEER + module), name, replacement)
