"""The cache of variants and deltas: a folder of them by the digest of their content, which builds share.

Invariant: an entry is used only if it decodes to its content; a damaged one counts as absent.
"""

from __future__ import annotations

import contextlib
import os
from base64 import b64decode
from collections.abc import Iterable

from hashserve.atomic_files import write_atomically
from hashserve.builder.chunks import read_chunks
from hashserve.digests import digest_of
from hashserve.errors import BuildError
from hashserve.http.codings import CODINGS, DecodeError
from hashserve.manifest.model import DELTA_SUFFIX

__all__ = ["VariantCache"]


class VariantCache:
    """The cache in ``folder``; several builds may use it at once, and it may be deleted at any time."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.abspath(folder)
        try:
            os.makedirs(self._folder, exist_ok=True)
        except OSError as error:
            remedy = "choose another {setting:cache}"
            raise BuildError(self._folder, f"cannot be created: {error.strerror}", remedy) from error

    def find(self, sha256: str, coding: str) -> str | None:
        """Return the location of a variant; None if it is absent or damaged."""
        location = self._location(sha256, coding)
        try:
            return location if digest_of(CODINGS[coding].decode(read_chunks(location))) == sha256 else None
        except (OSError, DecodeError):
            return None

    def was_not_worth_it(self, sha256: str, coding: str) -> bool:
        """Whether the variant was made once and saved too little."""
        return os.path.exists(self._location(sha256, coding) + _NOT_WORTH_IT)

    def keep(self, sha256: str, coding: str, chunks: Iterable[bytes]) -> None:
        """Keep a variant."""
        self._write(self._location(sha256, coding), chunks)

    def keep_not_worth_it(self, sha256: str, coding: str) -> None:
        """Remember that a variant saved too little."""
        self._write(self._location(sha256, coding) + _NOT_WORTH_IT, ())

    def delta(self, sha256: str, dictionary_sha256: str) -> str:
        """Return the location of a delta. Nobody has verified it, and it may be absent."""
        return self._location_of(sha256, f".{b64decode(dictionary_sha256).hex()}{DELTA_SUFFIX}")

    def keep_delta(self, sha256: str, dictionary_sha256: str, content: bytes) -> None:
        """Keep a delta."""
        self._write(self.delta(sha256, dictionary_sha256), [content])

    def size_of_rejected_delta(self, sha256: str, dictionary_sha256: str) -> int | None:
        """Return the size of a delta that saved too little; None if none did."""
        try:
            with open(self.delta(sha256, dictionary_sha256) + _NOT_WORTH_IT, "rb") as stream:
                return int(stream.read(20))
        except (OSError, ValueError):
            return None

    def keep_size_of_rejected_delta(self, sha256: str, dictionary_sha256: str, size: int) -> None:
        """Remember that a delta saved too little: it had this size in bytes."""
        self._write(self.delta(sha256, dictionary_sha256) + _NOT_WORTH_IT, [b"%d" % size])

    def _write(self, location: str, chunks: Iterable[bytes]) -> None:
        with contextlib.suppress(OSError):  # a build does not fail because its cache is on a full disk
            os.makedirs(os.path.dirname(location), exist_ok=True)
            write_atomically(location, chunks)

    def _location(self, sha256: str, coding: str) -> str:
        return self._location_of(sha256, CODINGS[coding].suffix)

    def _location_of(self, sha256: str, suffix: str) -> str:
        name = b64decode(sha256).hex()
        return os.path.join(self._folder, name[:2], f"{name}{suffix}")


_NOT_WORTH_IT = ".none"
"""The suffix of the empty file that marks a variant that saved too little."""
