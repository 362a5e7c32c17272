"""Vite's manifest: ``{"src/main.ts": {"file": "assets/main-DiwrgTda.js", "css": [...]}}``.

Source: https://vite.dev/guide/backend-integration
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

from hashserve.fingerprint_patterns import looks_fingerprinted
from hashserve.manifest.importers.draft import ManifestDraft
from hashserve.manifest.importers.names import is_inserted
from hashserve.manifest.json_text import member
from hashserve.manifest.model import Manifest

__all__ = ["from_vite"]

_ROLLUP_HASH = re.compile(r"-[A-Za-z0-9_-]{8}")


def from_vite(document: object, source: str) -> Manifest:
    """Import Vite's manifest. Raises `ManifestError`.

    A file in ``css`` or ``assets`` without an entry of its own has its path without the fingerprint as its
    logical path.
    """
    draft = ManifestDraft(source)
    entries = [_read(draft, key, entry) for key, entry in draft.members(document, "top level").items()]
    for entry in entries:
        _add(entry, draft)
    plain = {entry.path for entry in entries if not entry.is_immutable}
    for path in (path for entry in entries for path in entry.listed):
        if path not in plain and looks_fingerprinted(path):
            draft.keep(path)
            draft.derive_name(path)
    return draft.manifest()


class _ViteEntry(NamedTuple):
    """One entry of Vite's manifest; ``listed`` are the paths in its ``css`` and ``assets``."""

    key: str
    path: str
    is_immutable: bool
    listed: Sequence[str]


def _read(draft: ManifestDraft, key: str, value: object) -> _ViteEntry:
    location = member(key)
    entry = draft.members(value, location)
    path = draft.path(entry.get("file"), f"{location}.file")
    names = [
        draft.text(entry.get("name", ""), f"{location}.name"),
        posixpath.splitext(draft.text(entry.get("src", key), f"{location}.src"))[0],
    ]
    listed = [
        item
        for name in ("css", "assets")
        for item in draft.paths_in(entry.get(name, []), f"{location}.{name}")
    ]
    return _ViteEntry(key=key, path=path, is_immutable=_has_hash(path, names), listed=listed)


def _add(entry: _ViteEntry, draft: ManifestDraft) -> None:
    if entry.is_immutable:
        draft.keep(entry.path)
    # A chunk that several entries share has no source; its key is its own name.
    if entry.key == "_" + posixpath.basename(entry.path) and entry.is_immutable:
        draft.derive_name(entry.path)
    else:
        draft.name(entry.key, entry.path)


def _has_hash(path: str, names: Sequence[str]) -> bool:
    """Whether Vite put a hash into the name of ``path``; without a hash, it would be one of ``names``."""
    name = posixpath.basename(path)
    extension = posixpath.splitext(name)[1]
    plain = [posixpath.basename(each) + extension for each in names if each]
    if name in plain:
        return False
    return looks_fingerprinted(path) or any(is_inserted(_ROLLUP_HASH, name, each) for each in plain)
