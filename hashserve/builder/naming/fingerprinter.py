"""The name that follows from a file's content, and the token that stands for that in it.

Invariant: same content, same token, on every machine; and by default the token and the name that
Django's ``ManifestStaticFilesStorage`` gives, so that moving over changes no URL.
"""

from __future__ import annotations

import hashlib
import os.path
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from hashserve.settings.build import BuildSettings, check_digest

__all__ = ["Fingerprinter", "Naming"]


class Naming(Protocol):
    """What names files by their content; a `Fingerprinter`, unless a framework has its own way."""

    @property
    def growth(self) -> int:
        """How many bytes longer than a logical path its fingerprinted path may be."""

    def name(self, logical_path: str, chunks: Iterable[bytes]) -> str:
        """Give the path of a file with this content; ``logical_path`` itself if it is to have no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprinter:
    """A digest of `hashlib` and how many of its hex digits are kept; raises `SettingError`."""

    digest: str = "md5"
    length: int = 12

    def __post_init__(self) -> None:
        check_digest(self.digest, self.length, length_name="length")

    @classmethod
    def of(cls, settings: BuildSettings) -> Fingerprinter:
        """Return the fingerprinter of a build."""
        return cls(digest=settings.digest, length=settings.digest_length)

    def token(self, content: bytes) -> str:
        """Give the token of ``content``."""
        return self.token_of_chunks((content,))

    def token_of_chunks(self, chunks: Iterable[bytes]) -> str:
        """Give the token of content that comes in pieces, as of a file too large to hold."""
        digest = hashlib.new(self.digest, usedforsecurity=False)
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest()[: self.length]

    @property
    def growth(self) -> int:
        """How many bytes longer than a logical path its fingerprinted path is."""
        return self.length + 1

    def name(self, logical_path: str, chunks: Iterable[bytes]) -> str:
        """Give the fingerprinted path of a file with this content."""
        return self.insert(logical_path, self.token_of_chunks(chunks))

    def insert(self, logical_path: str, token: str) -> str:
        """Put the token before the last extension: ``css/app.css`` to ``css/app.55e7cbb9ba48.css``."""
        root, extension = os.path.splitext(logical_path)
        return f"{root}.{token}{extension}"
