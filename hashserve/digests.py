"""Digests of content: SHA-256, as the manifest, entity-tags and integrity attributes write it.

Invariant: the identity of a content is its digest alone. Nothing is derived from times.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable
from hashlib import sha256

__all__ = ["digest_of", "digest_text", "integrity_of"]


def digest_of(chunks: Iterable[bytes]) -> str:
    """Return the SHA-256 of all ``chunks`` together, in base64: 44 characters."""
    digest = sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest_text(digest.digest())


def digest_text(digest: bytes) -> str:
    """Return the bytes of a digest in base64."""
    return b2a_base64(digest, newline=False).decode("ascii")


def integrity_of(digest: str) -> str:
    """Return a digest as the value of an ``integrity`` attribute (Subresource Integrity, 3.1)."""
    return f"sha256-{digest}"
