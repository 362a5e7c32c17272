"""An asset and its representations: everything about a response that no request changes.

Invariant: an entity-tag is derived from the content alone, so that every host and every deploy of the same
bytes has the same one; only large live files have another one (`hashserve.serve.large_files`). Each content
coding has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from hashserve.http.codings import IDENTITY, is_acceptable
from hashserve.http.dates import format_date, parse_date
from hashserve.http.entity_tags import EntityTag
from hashserve.http.messages import Headers, StoredFile
from hashserve.http.preconditions import Validators
from hashserve.serve.files import OpenFile

__all__ = [
    "BY_CODING",
    "BY_DICTIONARY",
    "USE_AS_DICTIONARY",
    "Asset",
    "Representation",
    "asset_of",
    "content_tag",
    "entity_tag",
    "representation_of",
]

BY_CODING = ("Accept-Encoding",)
"""The request fields that select one of several codings."""

BY_DICTIONARY = (*BY_CODING, "Available-Dictionary")
"""The request fields that select a delta."""

USE_AS_DICTIONARY = "Use-As-Dictionary"
"""The field of a file that clients may keep as a dictionary (RFC 9842 section 2.1)."""


class Representation(NamedTuple):
    """One coded form of an asset: the file that holds its bytes, and its entity-tag.

    ``fields`` are the header fields in which the representations of an asset differ, without the length.
    ``coding`` is ``identity`` for none; ``size`` is the body's, in bytes. A snapshot of a file that changes
    has no entity-tag. Clients need another file to decode a delta.
    """

    coding: str
    size: int
    etag: EntityTag | None
    content: StoredFile
    fields: Headers
    is_delta: bool = False


_NO_DELTAS: Mapping[str, Representation] = MappingProxyType({})


class Asset(NamedTuple):
    """One file that can be served, in all its codings; ``sizes`` are those of their bodies, in bytes.

    ``fields`` are the header fields of every representation. ``last_modified`` is in seconds since the
    epoch, None where the date means nothing. ``sha256`` is that of the bytes without a coding, empty for a
    large live file. ``opened`` is the file that a snapshot is sent from.
    ``deltas`` are further representations, by the SHA-256 of the dictionary in base64; a client without that
    dictionary must not get one. They have ``delta_fields`` in place of ``fields``.
    """

    representations: Mapping[str, Representation]
    sizes: Mapping[str, int]
    fields: Headers
    sha256: str
    last_modified: int | None = None
    opened: OpenFile | None = None
    deltas: Mapping[str, Representation] = _NO_DELTAS
    delta_fields: Headers = []  # noqa: RUF012  # nothing changes the fields of an asset

    def fields_of(self, selected: Representation) -> Headers:
        """Return the fields that a representation shares with others."""
        return self.delta_fields if selected.is_delta else self.fields

    def validators(self, selected: Representation, accept_encoding: str | None = None) -> Validators:
        """Return the validators for preconditions on ``selected``.

        They include the tags of other codings that the client accepts, because its copy in one of these is
        as good. A coding that the client does not accept is left out: a cache that asks for the client
        must not send it such a copy. A delta that is not selected is left out for the same reason.
        """
        others = [
            other.etag
            for other in self.representations.values()
            if other is not selected and other.etag and is_acceptable(other.coding, accept_encoding)
        ]
        return Validators(etag=selected.etag, others=others, last_modified=self.last_modified)

    def without(self, damaged: Representation) -> Asset:
        """Return the asset without one of its variants or deltas; it still varies by the same fields."""
        if damaged.is_delta:
            others = {digest: other for digest, other in self.deltas.items() if other is not damaged}
            return self._replace(deltas=others)
        kept = {name: other for name, other in self.representations.items() if other is not damaged}
        sizes = {name: self.sizes[name] for name in kept}
        return self._replace(representations=kept, sizes=sizes)

    def with_cache_control(self, value: str) -> Asset:
        """Return the asset with another Cache-Control."""
        kept = [field for field in self.fields if field[0].lower() != "cache-control"]
        return self._replace(fields=[*kept, ("Cache-Control", value)])

    def as_snapshot(self, opened: OpenFile | None) -> Asset:
        """Return the asset of an open file for one answer, without a date, and not to be stored."""
        kept = [field for field in self.fields if field[0].lower() != "last-modified"]
        return self._replace(fields=kept, last_modified=None, opened=opened).with_cache_control("no-store")


def content_tag(stored: StoredFile) -> EntityTag:
    """Derive the entity-tag of a representation from its content; a delta's also from its dictionary."""
    etag = entity_tag(stored.sha256, stored.coding, stored.size)
    if stored.dictionary is None:
        return etag
    return etag._replace(opaque=f"{etag.opaque}-{stored.dictionary.sha256[:11]}")


def asset_of(
    files: Sequence[StoredFile],
    fields: Headers,
    *,
    last_modified: int | None = None,
    varies_by: Sequence[str],
    tag_of: Callable[[StoredFile], EntityTag | None] = content_tag,
) -> Asset:
    """Make an asset of the files of its representations, the one without a coding first.

    ``varies_by`` are the request fields that decide which one is sent; they are added to the Vary of a hook,
    if there is one. A hook's Last-Modified replaces ``last_modified``.
    """
    merged, vary = [], []
    for name, value in fields:
        if name.lower() == "vary":
            vary.append(value)
        elif name.lower() == "last-modified":
            last_modified = parse_date(value)
        else:
            merged.append((name, value))
    for member in varies_by:
        vary = with_vary_member(vary, member)
    if vary:
        merged.append(("Vary", ", ".join(vary)))
    if last_modified is not None:
        merged.append(("Last-Modified", format_date(last_modified)))
    representations, sizes = {}, {}
    for file in files:
        representations[file.coding] = representation_of(file, tag_of(file))
        sizes[file.coding] = file.size
    return Asset(representations, sizes, merged, files[0].sha256, last_modified)


def with_vary_member(vary: list[str], member: str) -> list[str]:
    """Add a member to the values of Vary, unless they have it in any case, or are ``*``."""
    present = {name.strip().lower() for value in vary for name in value.split(",")}
    return vary if member.lower() in present or "*" in present else [*vary, member]


def representation_of(stored: StoredFile, etag: EntityTag | None) -> Representation:
    """Make the representation whose bytes a file holds."""
    fields = [] if etag is None else [("ETag", str(etag))]
    fields.append(("Accept-Ranges", "bytes" if stored.dictionary is None else "none"))
    if stored.coding != IDENTITY:
        fields.append(("Content-Encoding", stored.coding))
    return Representation(
        coding=stored.coding,
        size=stored.size,
        etag=etag,
        content=stored,
        fields=fields,
        is_delta=stored.dictionary is not None,
    )


def entity_tag(sha256: str, coding: str, size: int) -> EntityTag:
    """Derive the strong entity-tag of a representation of ``size`` bytes from its content's digest.

    It has 132 bits of the digest. A variant's also has the coding and the size, since another release of a
    compressor makes other bytes of the same content (RFC 9110 section 8.8.3.3).
    """
    opaque = sha256[:22]
    return EntityTag(opaque if coding == IDENTITY else f"{opaque}-{coding}{size:x}")
