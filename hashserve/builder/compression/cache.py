"""The compression cache: variants by the digest of their content, shared between builds.

Invariant: an entry is proven by decoding before it is used; a damaged one counts as absent.
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

__all__ = ["VariantCache"]


class VariantCache:
    """A folder of variants; safe to share between builds at once, and to delete at any time."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.abspath(folder)
        try:
            os.makedirs(self._folder, exist_ok=True)
        except OSError as error:
            raise BuildError(
                self._folder, f"cannot be made: {error.strerror}", "choose another --cache"
            ) from error

    def find(self, sha256: str, coding: str) -> str | None:
        """Give where the variant is; None where it is not, or not whole."""
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
        """Keep in mind that a variant is not worth making."""
        self._write(self._location(sha256, coding) + _NOT_WORTH_IT, ())

    def _write(self, location: str, chunks: Iterable[bytes]) -> None:
        with contextlib.suppress(OSError):  # a cache on a full disk is no reason to fail
            os.makedirs(os.path.dirname(location), exist_ok=True)
            write_atomically(location, chunks)

    def _location(self, sha256: str, coding: str) -> str:
        name = b64decode(sha256).hex()
        return os.path.join(self._folder, name[:2], f"{name}{CODINGS[coding].suffix}")


_NOT_WORTH_IT = ".none"
"""How the empty file is called that stands for a variant which saved too little."""
