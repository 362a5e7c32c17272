"""The manifest: what a build decided, as values, as a file, and as other tools write it."""

from __future__ import annotations

from hashserve.manifest.model import AssetRecord, Manifest, Release

__all__ = ["AssetRecord", "Manifest", "Release"]
