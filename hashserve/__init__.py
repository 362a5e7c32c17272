"""hashserve: serve fingerprinted static files from any WSGI application.

::

    from hashserve import HashServe

    application = HashServe(application, root="build/static", prefix="/static/")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashserve.errors import (
    BuildError,
    HashserveError,
    ManifestError,
    PublishError,
    SettingError,
    SourceError,
    TruncatedFileError,
    UnknownAssetError,
)

if TYPE_CHECKING:
    from hashserve.builder import build
    from hashserve.gateways.wsgi import HashServe
    from hashserve.manifest.model import AssetRecord, Manifest, Release

__all__ = [
    "AssetRecord",
    "BuildError",
    "HashServe",
    "HashserveError",
    "Manifest",
    "ManifestError",
    "PublishError",
    "Release",
    "SettingError",
    "SourceError",
    "TruncatedFileError",
    "UnknownAssetError",
    "build",
]

_MODULES = {
    "AssetRecord": "hashserve.manifest.model",
    "HashServe": "hashserve.gateways.wsgi",
    "Manifest": "hashserve.manifest.model",
    "Release": "hashserve.manifest.model",
}
"""The modules of the names that are imported on first use. To import them all would cost a build 90 ms."""

if not TYPE_CHECKING:  # a type checker would accept any name, because __getattr__ returns an object

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "build":
            return import_module("hashserve.build")  # this module is callable
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
