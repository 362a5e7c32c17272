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
        _preload_form(site, table, path, place)
        for table in tables
        for place in range(3)
        for path in table.manifest.paths.values()
    )


def _preload_form(site: Site, table: FingerprintedFiles, path: str, place: int) -> bool:
    """Read the representation in this place of the order by size, if there is one and room for it."""
    try:
        asset = table.asset(path)
        forms = sorted(asset.representations.values(), key=lambda form: form.size) if asset else []
        if place >= len(forms) or not site.bodies.has_room(forms[place].content):
            return False
        site.bodies.read(forms[place].content)
    except OSError as error:
        site.failure_log.log_once(str(error))
        return False
    return True
