"""The Django app: it brings the system checks, the template tags and the commands.

Invariant: nothing is read or opened when it is loaded.
"""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

__all__ = ["HashServeConfig"]


class HashServeConfig(AppConfig):
    """``"hashserve.django"`` in INSTALLED_APPS."""

    name = "hashserve.django"
    label = "hashserve"
    verbose_name = "hashserve"

    def ready(self) -> None:
        """Register the system checks."""
        import_module("hashserve.django.checks")
