"""What the releases of a manifest list, turned around: from paths on disk to what they should be.

Invariant: a file whose name merely looks fingerprinted is listed by nobody.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hashserve.manifest.model import AssetRecord, Manifest

__all__ = ["Listing", "listing_of", "token_in"]

_TOKEN = re.compile(r"[0-9a-f]{8,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is listed, by path.

    * ``records``: every fingerprinted file of every retained release;
    * ``logical``: the logical path of each path that a release names;
    * ``releases``: the id of the newest release that has a fingerprinted path;
    * ``current``: logical to fingerprinted paths of the release in force;
    * ``plain``: paths of the release in force that never were fingerprinted.
    """

    records: Mapping[str, AssetRecord] = field(default_factory=dict)
    logical: Mapping[str, str] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)
    current: Mapping[str, str] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()

    @property
    def logical_paths(self) -> frozenset[str]:
        """Every logical path of every release."""
        return frozenset(self.logical.values())


def listing_of(manifest: Manifest) -> Listing:
    """Turn a manifest around."""
    records = {path: record for path in manifest.files if (record := manifest.record(path)) is not None}
    logical: dict[str, str] = {}
    releases: dict[str, str] = {}
    in_force = [(manifest.release, manifest.paths)]
    for release, paths in [*in_force, *((old.id, manifest.paths_of(old)) for old in manifest.releases)]:
        for name, path in paths.items():
            logical.setdefault(path, name)
            releases.setdefault(path, release)
    return Listing(
        records=records,
        logical=logical,
        releases=releases,
        current=manifest.paths,
        plain=frozenset(path for path in manifest.paths.values() if path not in records),
    )


def token_in(path: str, logical_path: str) -> str | None:
    """Give the token in a path that our build, or Django's storage, could have made of a logical path."""
    root, extension = os.path.splitext(logical_path)
    token = path[len(root) + 1 : len(path) - len(extension)]
    is_ours = path == f"{root}.{token}{extension}" and _TOKEN.fullmatch(token) is not None
    return token if is_ours else None
