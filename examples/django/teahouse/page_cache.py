"""Django's page cache, kept apart by release.

Law: a page that was rendered with the names of one release is not given out in another.
"""

__all__ = ["ByRelease"]


class ByRelease:
    """A key prefix that is asked for its text each time a key is made; the text ends with the release.

    For CACHE_MIDDLEWARE_KEY_PREFIX, and for ``cache_page(600, key_prefix=ByRelease("shop"))``.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def __str__(self) -> str:
        from django.contrib.staticfiles.storage import staticfiles_storage

        return f"{self.prefix}.{staticfiles_storage.release}"
