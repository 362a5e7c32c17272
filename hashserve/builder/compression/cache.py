"""The cache of variants: a folder of them by the digest of their content, which builds share.

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

    def _write(self, location: str, chunks: Iterable[bytes]) -> None:
        with contextlib.suppress(OSError):  # a build does not fail because its cache is on a full disk
            os.makedirs(os.path.dirname(location), exist_ok=True)
            write_atomically(location, chunks)

    def _location(self, sha256: str, coding: str) -> str:
        name = b64decode(sha256).hex()
        return os.path.join(self._folder, name[:2], f"{name}{CODINGS[coding].suffix}")


_NOT_WORTH_IT = ".none"
"""The suffix of the empty file that marks a variant that saved too little."""
