"""Django's page cache, kept apart by release.

Invariant: a page that was rendered with the names of one release is not given out in another.
"""

from __future__ import annotations

__all__ = ["ByRelease"]


class ByRelease:
    """A key prefix whose text ends with the release that is in force whenever a key is made.

    For ``CACHE_MIDDLEWARE_KEY_PREFIX``, and for ``cache_page(600, key_prefix=ByRelease("shop"))``.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def __str__(self) -> str:
        # Settings make one of these: nothing that reads settings is imported before it is asked.
        from django.contrib.staticfiles.storage import staticfiles_storage

        return f"{self.prefix}.{getattr(staticfiles_storage, 'release', '')}"
