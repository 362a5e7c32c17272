"""An index of a manifest: what its releases list, by path on disk.

Invariant: only the manifest decides what is listed; a name that looks fingerprinted does not.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hashserve.fingerprint_patterns import looks_fingerprinted, without_fingerprint
from hashserve.http.codings import coding_of_suffix
from hashserve.manifest.model import (
    DELTA_SUFFIX,
    AssetRecord,
    DeltaRecord,
    Manifest,
    Release,
    file_of_delta,
)

__all__ = ["ManifestIndex", "index_of", "token_in"]

_TOKEN = re.compile(r"[0-9a-f]{8,128}")


@dataclass(frozen=True, kw_only=True)
class ManifestIndex:
    """What is listed, by path.

    * ``records``: every fingerprinted file of every retained release;
    * ``deltas``: every delta of these files;
    * ``logical``: the logical path of each path that a release lists;
    * ``releases``: the id of the newest release that lists a path;
    * ``current``: logical to fingerprinted paths of the release in force;
    * ``unfingerprinted``: paths of the release in force that never were fingerprinted;
    * ``kept``: paths of the release in force that another tool fingerprinted;
    * ``leave_references``: patterns of the logical paths of files whose references are those of the source.
    """

    records: Mapping[str, AssetRecord] = field(default_factory=dict)
    deltas: Mapping[str, DeltaRecord] = field(default_factory=dict)
    logical: Mapping[str, str] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)
    current: Mapping[str, str] = field(default_factory=dict)
    unfingerprinted: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    leave_references: Sequence[str] = ()

    def logical_path_of(self, path: str) -> str:
        """Return a path on disk without fingerprints; that of a variant or delta keeps its suffix."""
        of = file_of_delta(path)
        if of is not None and path not in self.logical and looks_fingerprinted(of):
            return f"{self.logical_path_of(of)}{DELTA_SUFFIX}"
        coding = coding_of_suffix(path)
        suffix = "" if coding is None else coding.suffix
        source = path.removesuffix(suffix)
        logical = self.logical.get(source, source)
        return (without_fingerprint(logical) or logical) + suffix

    @cached_property
    def logical_paths(self) -> frozenset[str]:
        """Every logical path of every release."""
        return frozenset(self.logical.values())

    @cached_property
    def current_paths(self) -> frozenset[str]:
        """Every path on disk that the release in force lists."""
        return frozenset(self.current.values())

    @cached_property
    def all_paths(self) -> frozenset[str]:
        """Every path that a release lists, and the logical path of each."""
        return self.logical_paths.union(self.records, self.unfingerprinted)


def index_of(manifest: Manifest) -> ManifestIndex:
    """Index a manifest by path."""
    records = {path: record for path in manifest.files if (record := manifest.record(path)) is not None}
    deltas = [delta for path in manifest.deltas or () for delta in manifest.deltas_of(path)]
    logical: dict[str, str] = {}
    releases: dict[str, str] = {}
    in_force = Release(id=manifest.release, created=manifest.created, changed=manifest.paths)
    for release in (in_force, *manifest.releases):
        for name, path in release.changed.items():
            if path is not None:
                logical.setdefault(path, name)
                releases.setdefault(path, release.id)
    return ManifestIndex(
        records=records,
        deltas={delta.path: delta for delta in deltas},
        logical=logical,
        releases=releases,
        current=manifest.paths,
        unfingerprinted=frozenset(path for path in manifest.paths.values() if path not in records),
        kept=frozenset(path for name, path in manifest.paths.items() if path == name and path in records),
        leave_references=manifest.leave_references,
    )


def token_in(path: str, logical_path: str) -> str | None:
    """Return the token in a path if hashserve, or Django's storage, can have made it of a logical path."""
    root, extension = os.path.splitext(logical_path)
    token = path[len(root) + 1 : len(path) - len(extension)]
    is_ours = path == f"{root}.{token}{extension}" and _TOKEN.fullmatch(token) is not None
    return token if is_ours else None
