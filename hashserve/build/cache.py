"""The compression cache: variants by the digest of their content, shared between builds.

Law: an entry is proven by decoding before it is used; a damaged one counts as absent.
"""

from __future__ import annotations

import contextlib
import os
from base64 import b64decode
from collections.abc import Iterable
from typing import Final

from hashserve.atomic import write_atomically
from hashserve.build.output import read_chunks
from hashserve.codings import CODINGS, DecodeError
from hashserve.digests import digest_of
from hashserve.errors import BuildError

__all__ = ["NOT_WORTH_IT", "VariantCache"]

NOT_WORTH_IT: Final = object()
"""What `VariantCache.find` gives for a variant that was made once and saved too little."""


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

    def find(self, sha256: str, coding: str) -> object | str | None:
        """Give where the variant is, `NOT_WORTH_IT`, or None where it is not known."""
        location = self._location(sha256, coding)
        try:
            if os.stat(location).st_size == 0:
                return NOT_WORTH_IT
            return location if digest_of(CODINGS[coding].decode(read_chunks(location))) == sha256 else None
        except (OSError, DecodeError):
            return None

    def keep(self, sha256: str, coding: str, chunks: Iterable[bytes] | None) -> None:
        """Keep a variant, or with None that it is not worth it; a full disk is no error here."""
        location = self._location(sha256, coding)
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(location), exist_ok=True)
            write_atomically(location, chunks or ())

    def _location(self, sha256: str, coding: str) -> str:
        name = b64decode(sha256).hex()
        return os.path.join(self._folder, name[:2], f"{name}{CODINGS[coding].suffix}")
