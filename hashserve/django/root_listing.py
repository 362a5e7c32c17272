"""The names at the top of the folder that is served at the root of the site.

Invariant: under an event loop, a request below another name takes no thread. Below ``/``, nearly every
request is for the application.
"""

from __future__ import annotations

import os
from time import monotonic

__all__ = ["RootListing"]


class RootListing:
    """The names in ``folder`` as native strings, listed at most every ``interval`` seconds.

    ``index_file`` is the file that is served at the URL of the folder itself, if any. With
    ``has_clean_urls``, a page is served without its extension too.
    """

    def __init__(
        self, folder: str, index_file: str | None, interval: float, *, has_clean_urls: bool = False
    ) -> None:
        self._folder = os.fsencode(folder)
        self._index_file = index_file or ""
        self._interval = interval
        self._has_clean_urls = has_clean_urls
        self._names: frozenset[str] = frozenset()
        self._due = 0.0

    def lacks(self, path: str) -> bool:
        """Whether the listing has no file for this native path; False if the listing is too old."""
        if monotonic() >= self._due:
            return False
        return (path[1:].partition("/")[0] or self._index_file) not in self._names

    def refresh_if_due(self) -> None:
        """List the folder again if the listing is too old; this reads the disk."""
        if monotonic() >= self._due:
            try:
                names = os.listdir(self._folder)
            except OSError:  # the folder may appear later
                names = []
            found = {name.decode("latin-1") for name in names}
            if self._has_clean_urls:
                found |= {name.removesuffix(".html") for name in found}
            self._names = frozenset(found)
            self._due = monotonic() + self._interval
