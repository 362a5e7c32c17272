"""Phoenix's ``cache_manifest.json``: ``latest`` is in force, older ``digests`` are retained.

Source: https://hexdocs.pm/phoenix/Mix.Tasks.Phx.Digest.html
"""

from __future__ import annotations

from hashserve.manifest.importers.draft import ManifestDraft
from hashserve.manifest.json_text import described, member
from hashserve.manifest.model import Manifest

__all__ = ["from_phoenix"]


def from_phoenix(document: object, source: str) -> Manifest:
    """Import Phoenix's manifest. Raises `ManifestError`."""
    draft = ManifestDraft(source)
    members = draft.members(document, "top level")
    version = members.get("version")
    if version != 1:
        draft.fail("version", f"expected 1, found {described(version)}; run mix phx.digest again")
    for path, entry in draft.members(members.get("digests"), "digests").items():
        location = f"digests{member(path)}"
        logical = draft.text(draft.members(entry, location).get("logical_path"), f"{location}.logical_path")
        draft.keep_digested(draft.path(path, location), logical)
    for logical, path in draft.members(members.get("latest"), "latest").items():
        draft.name_digested(logical, draft.path(path, f"latest{member(logical)}"))
    return draft.manifest()
