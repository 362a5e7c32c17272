"""Laravel Mix's ``mix-manifest.json``: ``{"/js/app.js": "/js/app.js?id=<digest>"}``."""

from __future__ import annotations

from hashserve.fingerprint_patterns import looks_fingerprinted
from hashserve.manifest.importers.draft import ManifestDraft
from hashserve.manifest.importers.listed_urls import ListedUrl
from hashserve.manifest.json_text import member
from hashserve.manifest.model import Manifest

__all__ = ["from_mix"]


def from_mix(document: object, source: str) -> Manifest:
    """Import Laravel Mix's manifest. Raises `ManifestError`.

    The query goes into `Manifest.queries`. A file is immutable only if its name is fingerprinted too.
    """
    draft = ManifestDraft(source)
    for key, value in draft.members(document, "top level").items():
        location = member(key)
        url = ListedUrl.read(key, draft.text(value, location), location)
        if url.origin not in ("", "/"):
            draft.leave_out(location, "is on another host")
            continue
        path = draft.path(url.path, location)
        draft.name(url.key, path, url.query)
        if looks_fingerprinted(path):
            draft.keep(path)
    return draft.manifest()
