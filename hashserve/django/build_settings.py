"""The settings of a Django project as the build takes them.

Invariant: an error names the key that the project set.
"""

from __future__ import annotations

from typing import Any

from hashserve.django.settings import load, spelt_as_keys
from hashserve.settings.build import BuildSettings

__all__ = ["build_settings"]


def build_settings(**changes: Any) -> BuildSettings:
    """Return the build's settings, with ``changes``. Raises `SettingError`."""
    with spelt_as_keys():
        return BuildSettings.of({**load().build, **changes})
