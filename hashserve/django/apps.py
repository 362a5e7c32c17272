"""The Django app, with the system checks, the template tags and the commands.

Invariant: loading it reads and opens nothing.
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
