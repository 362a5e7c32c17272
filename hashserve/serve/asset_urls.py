"""URLs and integrity values of logical paths, for templates.

Invariant: a URL names a file that the site serves; a logical path without one raises `UnknownAssetError`.
"""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.digests import integrity_of
from hashserve.errors import UnknownAssetError
from hashserve.serve.site import Site

__all__ = ["AssetUrls"]


class AssetUrls:
    """The URLs of what ``site`` serves."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def url(self, logical_path: str, mount_point: str = "") -> str:
        """Return the URL of a logical path; a query or fragment in it is kept. Raises `UnknownAssetError`.

        The URL starts with the setting ``url_base``, the origin of the prefix, or ``mount_point``, which is
        the percent-encoded path that the application is mounted at.
        """
        self._site.follow_if_due()
        for path, suffix in readings(logical_path):
            for mount in self._site.mounts:
                url = mount.url(path)
                if url is not None:
                    return (self._site.settings.url_base or mount.origin or mount_point) + url + suffix
        raise self._unknown(logical_path)

    def integrity(self, logical_path: str) -> str:
        """Return the ``integrity`` attribute for what `url` names. Raises `UnknownAssetError`."""
        self._site.follow_if_due()
        mounts = self._site.mounts
        try:
            digests = (mount.digest(path) for path, _ in readings(logical_path) for mount in mounts)
            digest = next(filter(None, digests), None)
        except OSError as error:
            raise self._unknown(logical_path) from error
        if digest is None:
            raise self._unknown(logical_path)
        return integrity_of(digest)

    def _unknown(self, logical_path: str) -> UnknownAssetError:
        return UnknownAssetError(logical_path, tuple(mount.root.path for mount in self._site.mounts))


def readings(logical_path: str) -> Iterator[tuple[str, str]]:
    """Yield each reading of ``logical_path`` as a path and a suffix: first all of it as the path.

    The second reading, if there is one, takes the query or fragment as the suffix.
    """
    yield logical_path, ""
    end = min((logical_path.find(mark) for mark in "?#" if mark in logical_path), default=-1)
    if end >= 0:
        yield logical_path[:end], logical_path[end:]
