"""Bodies that are read into memory before the server forks.

Invariant: a file that cannot be read is logged and skipped; no body is dropped to make room for another.
"""

from __future__ import annotations

from hashserve.http.messages import StoredFile
from hashserve.serve.mount import Mount
from hashserve.serve.site import Site

__all__ = ["preload"]


def preload(site: Site) -> int:
    """Read bodies of the releases in force until the budget is used; return how many were read.

    The smallest representation of each asset comes first, because most clients get that one.
    """
    count = 0
    for mount in site.mounts:
        paths = () if mount.table is None else tuple(mount.table.manifest.paths.values())
        for order in range(3):
            count += sum(_preload_form(site, mount, path, order) for path in paths)
    return count


def _preload_form(site: Site, mount: Mount, path: str, order: int) -> bool:
    """Read the representation that is in this place when they are ordered by size, if there is room."""
    try:
        file = _file(mount, path, order)
        if file is None or not site.bodies.has_room(file):
            return False
        site.bodies.read(file)
    except OSError as error:
        site.failure_log.log_once(str(error))
        return False
    return True


def _file(mount: Mount, path: str, order: int) -> StoredFile | None:
    asset = None if mount.table is None else mount.table.asset(path)
    if asset is None:
        return None
    forms = sorted(asset.representations.values(), key=lambda form: form.size)
    return forms[order].content if order < len(forms) else None
