"""Fingerprinted files: the files that the manifest lists as immutable.

Invariant: a URL is immutable if and only if a retained release of the manifest lists it. A name that looks
fingerprinted is not enough. Nothing is read from disk before an asset is requested.
"""

from __future__ import annotations

import errno
from collections.abc import Collection

from hashserve.hidden_paths import is_hidden_file
from hashserve.http.codings import CODINGS, IDENTITY, coding_of_suffix
from hashserve.http.messages import StoredFile
from hashserve.manifest.model import AssetRecord, Manifest
from hashserve.serve.assets import BY_CODING, Asset, asset_of
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.inspection import Root, inspect
from hashserve.serve.locks import ForkSafeLock
from hashserve.serve.policy import Policy
from hashserve.url_paths import is_servable

__all__ = ["FingerprintedFiles"]

_TURNS = 32


class FingerprintedFiles:
    """The assets of one manifest, under one root, served below the URL path ``prefix``.

    ``most_remembered`` is how many of them are remembered after their first request. ``hidden`` are paths
    that are never served, even if they are listed (manifests).
    """

    def __init__(
        self,
        manifest: Manifest,
        root: Root,
        prefix: str,
        policy: Policy,
        *,
        most_remembered: int,
        hidden: Collection[str] = (),
    ) -> None:
        self.manifest = manifest
        self._hidden = frozenset(hidden)
        self._root = root
        self._prefix = prefix
        self._policy = policy
        self._found: dict[str, AssetRecord] = {}
        self._turns = [ForkSafeLock() for _ in range(_TURNS)]
        self._remembered: BoundedCache[str, Asset] = BoundedCache(most_remembered)

    def asset(self, path: str) -> Asset | None:
        """Return the asset at a fingerprinted path, or None where no retained release lists it.

        A path that is never served has no asset either, even if it is listed.

        Raises `OSError` where the manifest does not state what the file holds, and the file is missing.
        """
        asset = self._remembered.get(path)
        if asset is None:
            record = self.record(path)
            if record is not None and self._may_serve(path):
                asset = self._make(record)
                self._remembered.put(path, asset)
        return asset

    def _may_serve(self, path: str) -> bool:
        """Whether a listed path may be served: what no live file may be, no fingerprinted file may be."""
        if not is_servable(path) or path in self._hidden:
            return False
        coding = coding_of_suffix(path)
        is_variant = coding is not None and path[: -len(coding.suffix)] in self.manifest.files
        return not is_variant and not self.manifest.is_path_of_delta(path)

    def _make(self, record: AssetRecord) -> Asset:
        location, sha256 = self._root.path + record.path, record.sha256 or ""
        fields = self._policy.fields(
            location, self._prefix + record.path, immutable=True, media_type=record.media_type
        )
        files = [StoredFile(location, record.size or 0, IDENTITY, sha256)]
        for coding, size in record.variants.items():
            files.append(StoredFile(location + CODINGS[coding].suffix, size, coding, sha256))
        if self.manifest.deltas is not None and self._policy.serves_deltas:
            from hashserve.serve.deltas import asset_with_deltas  # it takes 2 ms

            public = self._policy.has_public_deltas
            asset = asset_with_deltas(
                record, self.manifest, files, fields, folder=self._root.path, public=public
            )
            if asset is not None:
                return asset
        return asset_of(files, fields, varies_by=BY_CODING if len(files) > 1 else ())

    def record(self, path: str) -> AssetRecord | None:
        """Return the record of a fingerprinted path: from the manifest, or else found on disk once.

        The record states size and digest. Raises `OSError` where they cannot be found.
        """
        record = self._found.get(path) or self.manifest.record(path)
        if record is not None and record.sha256 is None:
            # Of many requests at once, one reads the file; the others wait for what it finds.
            with self._turns[hash(path) % _TURNS].lock:
                record = self._found.get(path) or self._find(record)
                self._found[path] = record
        return record

    def forget(self, path: str) -> bool:
        """Forget what was found on disk for a path; return whether it must be looked up on disk again.

        It must not, if the manifest states what the file holds.
        """
        self._found.pop(path, None)
        self._remembered.drop(path)
        return self.manifest.files.get(path) is None

    def _find(self, record: AssetRecord) -> AssetRecord:
        found = inspect(self._root.path + record.path, self._root, keep=0)
        if is_hidden_file(self._root.path, self._hidden, record.path, found.status):
            raise FileNotFoundError(errno.ENOENT, "is a manifest, which is never served", found.path)
        return AssetRecord(
            path=record.path,
            size=found.status.st_size,
            sha256=found.sha256,
            variants={coding: status.st_size for coding, status in found.variants.items()},
            media_type=record.media_type,
        )
