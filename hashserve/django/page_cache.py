"""A key prefix for Django's page cache that contains the release.

Invariant: a page that was rendered with the names of one release is not served from the cache in another.
"""

from __future__ import annotations

from django.contrib.staticfiles.storage import staticfiles_storage

__all__ = ["ByRelease"]


class ByRelease:
    """A key prefix that ends with the release in force at the time when a key is made.

    For ``CACHE_MIDDLEWARE_KEY_PREFIX``, and for ``cache_page(600, key_prefix=ByRelease("shop"))``.
    A settings module may import and call it: it reads no setting before a key is made.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def __str__(self) -> str:
        return f"{self.prefix}.{getattr(staticfiles_storage, 'release', '')}"
