"""The fingerprint of a content, and the path of a file with it.

Invariant: the same content has the same fingerprint on every machine. By default, both are those of Django's
``ManifestStaticFilesStorage``, so that a project that moves to hashserve keeps its URLs.
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
    """Names files by their content: a `Fingerprinter`, or a framework's own way."""

    @property
    def growth(self) -> int:
        """How many bytes longer a fingerprinted path can be than its logical path."""

    def name(self, logical_path: str, chunks: Iterable[bytes]) -> str:
        """Return the path of a file with this content; ``logical_path`` if it has no fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprinter:
    """A digest of `hashlib`, and how many of its hex digits are used. Raises `SettingError`."""

    digest: str = "md5"
    length: int = 12

    def __post_init__(self) -> None:
        check_digest(self.digest, self.length, length_name="length")

    @classmethod
    def of(cls, settings: BuildSettings) -> Fingerprinter:
        """Return the fingerprinter of a build."""
        return cls(digest=settings.digest, length=settings.digest_length)

    @property
    def growth(self) -> int:
        """How many bytes longer a fingerprinted path is than its logical path."""
        return self.length + 1

    def name(self, logical_path: str, chunks: Iterable[bytes]) -> str:
        """Return the fingerprinted path of a file with this content."""
        return self.insert(logical_path, self.fingerprint(chunks))

    def fingerprint(self, chunks: Iterable[bytes]) -> str:
        """Return the fingerprint of a content."""
        digest = hashlib.new(self.digest, usedforsecurity=False)
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest()[: self.length]

    def insert(self, logical_path: str, fingerprint: str) -> str:
        """Insert a fingerprint before the last extension: ``css/app.css``, ``css/app.55e7cbb9ba48.css``."""
        root, extension = os.path.splitext(logical_path)
        return f"{root}.{fingerprint}{extension}"
