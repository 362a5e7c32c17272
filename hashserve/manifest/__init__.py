"""The manifest: what a build decided, written once and looked up afterwards."""

from __future__ import annotations

from hashserve.manifest.model import AssetRecord, Manifest, Release

__all__ = ["AssetRecord", "Manifest", "Release"]
