"""The settings of a Django project as the build takes them.

Invariant: a server never imports this: it knows nothing of the build.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.settings import BuildSettings
from hashserve.django.settings import DjangoSettings, load

__all__ = ["build_settings"]

_SAME = ("codings", "js_references", "keep", "keep_days", "previous")
"""Fields of the same name that are None where the build's own default counts."""


def build_settings(**changes: Any) -> BuildSettings:
    """Give the build's settings, with ``changes`` made to them. Raises `SettingError`."""
    settings = load()
    given = {name: getattr(settings, name) for name in _SAME if getattr(settings, name) is not None}
    made = BuildSettings(
        prefix=settings.prefix,
        fingerprinter=_fingerprinter(settings),
        already_hashed=settings.already_hashed,
        strict=settings.strict,
        require_previous=settings.require_previous,
        cache=settings.build_cache,
        wait=settings.wait,
        skip_compress=settings.skip_compress_extensions,
        **given,
    )
    return replace(made, **changes)


def _fingerprinter(settings: DjangoSettings) -> Fingerprinter:
    default = Fingerprinter()
    digest, length = settings.digest or default.digest, settings.digest_length or default.length
    return Fingerprinter(digest=digest, length=length)
