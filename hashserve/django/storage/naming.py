"""Fingerprinted names that a project's own storage makes.

Invariant: each name comes from the storage's ``hashed_name``, as with Django's own storage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from django.core.files.base import ContentFile

__all__ = ["StorageNaming"]


class _HashedStorage(Protocol):
    def hashed_name(self, name: str, content: Any) -> str: ...
    def clean_name(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class StorageNaming:
    """Names files with the storage's ``file_hash`` and ``hashed_name``."""

    storage: _HashedStorage

    @property
    def growth(self) -> int:
        """The most bytes that a fingerprint adds to a path: a dot and the digits of a SHA-256."""
        return 65

    def name(self, logical_path: str, chunks: Iterable[bytes]) -> str:
        """Return the path of a file with this content."""
        return self.storage.clean_name(self.storage.hashed_name(logical_path, ContentFile(b"".join(chunks))))
