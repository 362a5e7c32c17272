"""Deltas and dictionaries: what fingerprinted files need so that clients decode one release with another.

Invariant: no shared cache stores a delta unless the setting ``public_deltas`` allows it, because a cache that
ignores a part of Vary would send it to clients without the dictionary. Source: RFC 9842.
"""

from __future__ import annotations

from collections.abc import Sequence

from hashserve.dictionary_files import use_as_dictionary
from hashserve.http.cache_control import directives_of, max_age_of
from hashserve.http.codings import IDENTITY
from hashserve.http.dictionaries import DCZ
from hashserve.http.messages import Headers, StoredFile
from hashserve.manifest.model import AssetRecord, Manifest
from hashserve.serve.assets import (
    BY_DICTIONARY,
    USE_AS_DICTIONARY,
    Asset,
    asset_of,
    content_tag,
    representation_of,
)

__all__ = ["asset_with_deltas", "private_fields"]


def asset_with_deltas(
    record: AssetRecord,
    manifest: Manifest,
    files: Sequence[StoredFile],
    fields: Headers,
    *,
    folder: str,
    public: bool,
) -> Asset | None:
    """Make the asset of a file that is a dictionary, or has deltas; None if it is neither.

    ``folder`` is the one of the manifest's paths. Deltas are ``public`` if shared caches may store them.
    """
    match = use_as_dictionary(record.path, record.size)
    records = manifest.deltas_of(record.path)
    if not (match or records) or not _is_kept_by_clients(fields):
        return None
    if match is not None and all(name.lower() != USE_AS_DICTIONARY.lower() for name, _ in fields):
        fields = [*fields, (USE_AS_DICTIONARY, match)]
    asset = asset_of(files, fields, varies_by=BY_DICTIONARY)
    deltas = {}
    for delta in records:
        dictionary = manifest.record(delta.dictionary)
        assert dictionary is not None, "the check of the manifest saw it"
        known = StoredFile(folder + dictionary.path, dictionary.size or 0, IDENTITY, delta.dictionary_sha256)
        stored = StoredFile(
            folder + delta.path,
            delta.size,
            DCZ,
            record.sha256 or "",
            dictionary=known,
            content_size=record.size or 0,
        )
        deltas[delta.dictionary_sha256] = representation_of(stored, content_tag(stored))
    delta_fields = asset.fields if public else private_fields(asset.fields)
    return asset._replace(deltas=deltas, delta_fields=delta_fields)


def _is_kept_by_clients(fields: Headers) -> bool:
    """Whether a client's cache keeps a file and uses it unasked: no other file is a dictionary (2.1)."""
    names = {name for name, _ in directives_of(fields)}
    return names.isdisjoint(("no-store", "no-cache")) and bool(max_age_of(fields))


def private_fields(fields: Headers) -> Headers:
    """Return fields with which the client's own cache stores a response, and no shared one does."""
    kept = [text for name, text in directives_of(fields) if name not in ("public", "private", "s-maxage")]
    others = [
        (name, value)
        for name, value in fields
        if name.lower() not in _OF_SHARED_CACHES and not name.lower().endswith("cache-control")
    ]
    return [*others, ("Cache-Control", ", ".join(["private", *kept]))]


_OF_SHARED_CACHES = frozenset({"surrogate-control", "edge-control", "x-accel-expires"})
"""Fields that shared caches obey in place of Cache-Control, apart from CDN-Cache-Control and others that end
so (RFC 9213). A hook may set them."""
