"""Fingerprinted assets: what the manifest lists, and so may be called immutable.

Invariant: a URL is immutable if and only if a retained release of the manifest lists it; a file whose
name merely looks fingerprinted is not. Nothing is read from disk until an asset is asked for.
"""

from __future__ import annotations

from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.http.messages import StoredFile
from hashserve.manifest.model import AssetRecord, Manifest
from hashserve.serve.assets import Asset, Representation, asset_of, representation_of
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.inspection import Root, inspect
from hashserve.serve.policy import Policy

__all__ = ["FingerprintedFiles"]


class FingerprintedFiles:
    """The assets of one manifest, under one root, served below the URL path ``prefix``.

    ``memo_size`` is how many of them are remembered once they were asked for.
    """

    def __init__(
        self, manifest: Manifest, root: Root, prefix: str, policy: Policy, *, memo_size: int
    ) -> None:
        self.manifest = manifest
        self._root = root
        self._prefix = prefix
        self._policy = policy
        self._found: dict[str, AssetRecord] = {}
        self._remembered: BoundedCache[str, Asset] = BoundedCache(memo_size, lambda path, asset: 1)

    def asset(self, path: str) -> Asset | None:
        """Give the asset at a fingerprinted path, or None where no retained release lists it.

        Raises `OSError` where the manifest does not say what the file holds and it is not there.
        """
        asset = self._remembered.get(path)
        if asset is None:
            record = self.record(path)
            if record is not None:
                asset = self._make(record)
                self._remembered.put(path, asset)
        return asset

    def _make(self, record: AssetRecord) -> Asset:
        path = record.path
        fields = self._policy.fields(
            self._root.path + path, self._prefix + path, immutable=True, media_type=record.media_type
        )
        forms = {IDENTITY: self._representation(record, IDENTITY)}
        for coding in record.variants:
            forms[coding] = self._representation(record, coding)
        return asset_of(forms, fields, sha256=record.sha256 or "", varies=len(forms) > 1)

    def record(self, path: str) -> AssetRecord | None:
        """Give what is known of a fingerprinted path: from the manifest, else found on disk once.

        The record's size and digest are known. Raises `OSError` where they cannot be found.
        """
        record = self._found.get(path) or self.manifest.record(path)
        if record is not None and record.sha256 is None:
            record = self._found[path] = self._find(record)
        return record

    def forget(self, path: str) -> bool:
        """Forget what was found on disk for a path; False where the manifest itself says what it holds."""
        self._found.pop(path, None)
        self._remembered.drop(path)
        return self.manifest.files.get(path) is None

    def _find(self, record: AssetRecord) -> AssetRecord:
        found = inspect(self._root.path + record.path, self._root, keep=0)
        return AssetRecord(
            path=record.path,
            size=found.status.st_size,
            sha256=found.sha256,
            variants={coding: status.st_size for coding, status in found.variants.items()},
            media_type=record.media_type,
        )

    def _representation(self, record: AssetRecord, coding: str) -> Representation:
        is_identity = coding == IDENTITY
        size = (record.size or 0) if is_identity else record.variants[coding]
        suffix = "" if is_identity else CODINGS[coding].suffix
        sha256 = record.sha256 or ""
        return representation_of(StoredFile(self._root.path + record.path + suffix, size, coding, sha256))
