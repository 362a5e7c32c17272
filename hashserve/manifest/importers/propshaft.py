"""Propshaft's ``.manifest.json``: ``{"app.js": "app-0a1b2c3d.js"}``.

Since version 1.2: ``{"app.js": {"digested_path": "app-0a1b2c3d.js", "integrity": "sha384-..."}}``.
"""

from __future__ import annotations

from hashserve.manifest.importers.draft import ManifestDraft
from hashserve.manifest.json_text import member
from hashserve.manifest.model import Manifest

__all__ = ["from_propshaft"]


def from_propshaft(document: object, source: str) -> Manifest:
    """Import Propshaft's manifest, of either form. Raises `ManifestError`."""
    draft = ManifestDraft(source)
    for logical, value in draft.members(document, "top level").items():
        location = member(logical)
        if type(value) is dict:
            value, location = value.get("digested_path"), f"{location}.digested_path"
        draft.name_digested(logical, draft.path(value, location))
    return draft.manifest()
