"""The URLs that webpack and Laravel Mix list: where each starts, its path, its query.

Invariant: every text can be read as a listed URL; its importer decides what to use of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from hashserve.manifest.schema import unsafe_path

__all__ = ["ListedUrl", "encoded_query"]

# The start of a URL, its path, its query. A scheme alone ("data:") counts as a host.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?://[^/?#]*/?)?|//[^/?#]*/?|/|)([^?#]*)(?:\?([^#]*))?")


class ListedUrl(NamedTuple):
    """One key of a manifest and the URL that it lists.

    ``origin`` is the start of the URL: "", "/" or "https://host/". ``location`` is the place in the
    manifest, for messages.
    """

    key: str
    origin: str
    path: str
    query: str
    location: str

    @classmethod
    def read(cls, key: str, url: str, location: str) -> ListedUrl:
        """Split ``url`` into its parts."""
        match = _URL.match(url)
        assert match is not None, "each part may be empty"
        origin, path, query = match.groups(default="")
        return cls(key=key.removeprefix("/"), origin=origin, path=path, query=query, location=location)

    @property
    def is_safe(self) -> bool:
        """Whether the path names something inside the root."""
        return unsafe_path([self.path]) is None

    @property
    def public_folders(self) -> list[str]:
        """The folders of the path that can belong to a public path: those that the key does not name."""
        folders, key_folders = self.path.split("/")[:-1], self.key.split("/")[:-1]
        if key_folders and folders[-len(key_folders) :] == key_folders:
            del folders[-len(key_folders) :]
        return folders


def encoded_query(query: str) -> str:
    """Percent-encode characters that no query may have (RFC 3986 section 3.4), so that pages can hold it."""
    whole = re.sub("%(?![0-9A-Fa-f]{2})", "%25", query)
    return quote(whole, safe="%!$&'()*+,;=:@/?-._~", errors="replace")
