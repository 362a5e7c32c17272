"""Bodies that are read into memory before the server forks.

Invariant: a file that cannot be read is logged and skipped; no body is dropped to make room for another.
"""

from __future__ import annotations

from hashserve.serve.fingerprinted import FingerprintedFiles
from hashserve.serve.site import Site

__all__ = ["preload"]


def preload(site: Site) -> int:
    """Read bodies of the releases in force until the budget is used; return how many were read.

    The smallest representation of each asset comes first, because most clients get that one.
    """
    tables = [mount.table for mount in site.mounts if mount.table is not None]
    return sum(
        _preload_representation(site, table, path, place)
        for table in tables
        for place in range(3)
        for path in table.manifest.paths.values()
    )


def _preload_representation(site: Site, table: FingerprintedFiles, path: str, place: int) -> bool:
    """Read the representation that has this place when they are sorted by size, if there is room for it."""
    try:
        asset = table.asset(path)
        representations = asset.representations.values() if asset else ()
        files = [item.content for item in sorted(representations, key=lambda item: item.size)]
        if place >= len(files) or not site.bodies.has_room(files[place]):
            return False
        site.bodies.read(files[place])
    except OSError as error:
        site.failure_log.log_once(str(error))
        return False
    return True
