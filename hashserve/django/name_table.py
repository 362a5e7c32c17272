"""The names of one release: the fingerprinted path of each logical path.

Invariant: a table never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashserve.digests import integrity_of
from hashserve.manifest.model import Manifest
from hashserve.module_graph import ModuleGraph

__all__ = ["NO_NAMES", "NameTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTable:
    """The id of a release, and the fingerprinted path of each logical path.

    ``integrity`` maps logical paths to the values of their ``integrity`` attributes. It may lack some.
    ``modules`` are the scripts that are modules; None if that is not known. ``refused`` are entries of a
    cache that are not used.
    """

    release: str
    names: Mapping[str, str]
    integrity: Mapping[str, str] = field(default_factory=dict)
    modules: ModuleGraph | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest) -> NameTable:
        """Return the names of the release that a manifest has in force."""
        integrity = {}
        for logical_path, path in manifest.paths.items():
            record = manifest.record(path)
            if record is not None and record.sha256 is not None:
                integrity[logical_path] = integrity_of(record.sha256)
        return cls(
            release=manifest.release, names=manifest.paths, integrity=integrity, modules=manifest.modules
        )


NO_NAMES = NameTable(release="", names={})
"""The table of a process that knows no release: every URL is unhashed."""
