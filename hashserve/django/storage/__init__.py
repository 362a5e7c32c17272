"""The storages for ``STORAGES["staticfiles"]``: they keep what `collectstatic` builds, and name it.

Invariant: the manifest is Django's ``staticfiles.json`` with one key more, so a project can change between
these storages and Django's at any time. A fingerprinted name that a page received stays served.
"""

import hashserve.django.checks  # noqa: F401  # registers the checks, for projects without the app
from hashserve.django.storage.cached_storage import CachedStaticFilesStorage
from hashserve.django.storage.manifest_storage import ManifestStaticFilesStorage

__all__ = ["CachedStaticFilesStorage", "ManifestStaticFilesStorage"]
