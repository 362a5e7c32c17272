"""hashserve: serve fingerprinted static files from any WSGI application.

::

    from hashserve import HashServe

    application = HashServe(application, root="build/static", prefix="/static/")
"""

from __future__ import annotations

from hashserve.errors import (
    BuildError,
    HashserveError,
    ManifestError,
    SettingError,
    SourceError,
    TruncatedFileError,
    UnknownAssetError,
)
from hashserve.manifest import AssetRecord, Manifest, Release
from hashserve.wsgi import HashServe

__all__ = [
    "AssetRecord",
    "BuildError",
    "HashServe",
    "HashserveError",
    "Manifest",
    "ManifestError",
    "Release",
    "SettingError",
    "SourceError",
    "TruncatedFileError",
    "UnknownAssetError",
]
