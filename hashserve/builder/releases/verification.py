"""Verification of content by the size and the SHA-256 that a manifest lists for it.

Invariant: content ends with `MismatchError` unless every byte of it is what the manifest lists.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256 as sha256_hash

from hashserve.builder.releases.errors import MismatchError
from hashserve.digests import digest_text
from hashserve.http.codings import CODINGS, IDENTITY, DecodeError

__all__ = ["verified_chunks"]

Decode = Callable[[Iterable[bytes]], Iterator[bytes]]


def verified_chunks(
    chunks: Iterable[bytes],
    path: str,
    sha256: str,
    coding: str = IDENTITY,
    *,
    size: int | None = None,
    coded_size: int | None = None,
    decode: Decode | None = None,
) -> Iterator[bytes]:
    """Pass chunks on, and raise `MismatchError` at the end if they are not the right content.

    ``sha256`` and ``size`` (in bytes) are those of the decoded content, ``coded_size`` is that of the
    chunks. More bytes than either size raise at once, so an endless source does no harm. Only what is
    being decoded is held in memory. ``decode`` is how the coding is decoded, if it is not that of a variant.
    """
    if decode is None:
        decode = iter if coding == IDENTITY else CODINGS[coding].decode
    waiting: deque[bytes] = deque()
    received = decoded = 0

    def tapped() -> Iterator[bytes]:
        nonlocal received
        for chunk in chunks:
            received += len(chunk)
            if coded_size is not None and received > coded_size:
                raise MismatchError(path, f"is longer than the {coded_size} bytes that its manifest lists")
            waiting.append(chunk)
            yield chunk

    digest = sha256_hash()
    try:
        for content in decode(tapped()):
            decoded += len(content)
            if size is not None and decoded > size:
                raise MismatchError(path, f"is longer than the {size} bytes that its manifest lists")
            digest.update(content)
            while waiting:
                yield waiting.popleft()
    except DecodeError as error:
        raise MismatchError(path, f"cannot be decoded as {coding}: {error}") from error
    yield from waiting
    if digest_text(digest.digest()) != sha256 or (coded_size is not None and received != coded_size):
        raise MismatchError(path, "is not the content that its manifest lists")
