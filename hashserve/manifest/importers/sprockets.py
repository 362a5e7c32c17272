"""The manifest of Sprockets: ``assets`` are in force, the other ``files`` are retained.

Sprockets states sizes, and digests as ``integrity``. Both are imported if the digest is SHA-256.
"""

from __future__ import annotations

import re
from typing import Any

from hashserve.manifest.importers.draft import ManifestDraft
from hashserve.manifest.json_text import described, member
from hashserve.manifest.model import AssetRecord, Manifest, Row, format_row

__all__ = ["from_sprockets"]

_SHA256_INTEGRITY = re.compile(r"sha256-([A-Za-z0-9+/]{43}=)")


def from_sprockets(document: object, source: str) -> Manifest:
    """Import the manifest of Sprockets. Raises `ManifestError`."""
    draft = ManifestDraft(source)
    members = draft.members(document, "top level")
    for path, value in draft.members(members.get("files"), "files").items():
        location = f"files{member(path)}"
        entry = draft.members(value, location)
        logical = draft.text(entry.get("logical_path"), f"{location}.logical_path")
        draft.keep_digested(draft.path(path, location), logical, _row(draft, path, entry))
    for logical, path in draft.members(members.get("assets"), "assets").items():
        draft.name_digested(logical, draft.path(path, f"assets{member(logical)}"))
    return draft.manifest()


def _row(draft: ManifestDraft, path: str, entry: dict[str, Any]) -> Row | None:
    location = f"files{member(path)}"
    size = entry.get("size")
    if size is not None and (type(size) is not int or not 0 <= size < 10**18):
        draft.fail(f"{location}.size", f"expected a size in bytes, found {described(size)}")
    integrity = draft.text(entry.get("integrity") or "", f"{location}.integrity")
    digest = _SHA256_INTEGRITY.fullmatch(integrity)
    if size is None or digest is None:
        return None
    return format_row(AssetRecord(path=path, size=size, sha256=digest[1]), ())
