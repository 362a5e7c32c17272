"""The storage that reads fingerprinted names from Django's cache framework.

Invariant: a name that the cache lost is the one in the local manifest, or the unhashed one. It is never
wrong, and never an error of a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from django.conf import settings as django_settings
from django.core.management.base import CommandError

from hashserve.django.cached_names.followed_names import FollowedNames
from hashserve.django.name_table import NameTable
from hashserve.django.settings import load
from hashserve.django.storage.manifest_storage import ManifestStaticFilesStorage
from hashserve.django.storage.template_names import TemplateName
from hashserve.errors import HashserveError
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest
from hashserve.module_graph import ModuleGraph
from hashserve.visible_text import logger

__all__ = ["CachedStaticFilesStorage"]

_MAX_LOGGED_NAMES = 1000

_PUBLISH_LATER = (
    'If there is no cache here, as in the build of an image, set HASHSERVE["PUBLISH_NAMES"] = False, and run '
    "manage.py hashserve publish where the image is deployed."
)


class CachedStaticFilesStorage(ManifestStaticFilesStorage):
    """Keeps the names in Django's cache framework, for web processes without the collected files.

    ``collectstatic`` builds as with `ManifestStaticFilesStorage`, then publishes the names in the cache
    ``HASHSERVE["CACHE"]``. Every process follows within ``HASHSERVE["POINTER_INTERVAL"]`` seconds,
    without a restart.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = load().own
        self._names = FollowedNames(
            settings.cache,
            site=settings.site,
            interval=settings.pointer_interval,
            fallback=self._local_names,
        )
        self._publishes = settings.publish_names
        self._logged_names: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy the constructor's arguments: the names hold a lock, which cannot be copied."""
        args, options = self._constructor_args  # Django keeps them for migrations
        return partial(type(self), **options), args

    def read_manifest(self) -> str | None:
        """Read the local manifest; return None if this process has none."""
        if not self.manifest_storage.location:
            return None
        text: str | None = super().read_manifest()
        return text

    def _local_names(self) -> NameTable | None:
        if not self.location:
            return None
        try:
            return NameTable.of(Manifest.load(self.path(MANIFEST_NAME)))
        except FileNotFoundError:
            return None

    # Publishing

    def post_process(
        self, paths: Mapping[str, tuple[Any, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        """Build the release, then publish its names. Raises `CommandError`."""
        yield from super().post_process(paths, dry_run, **options)
        if self._publishes and not dry_run:
            self.publish()

    def publish(self) -> str:
        """Publish the names of the release in STATIC_ROOT and return its id. Raises `CommandError`."""
        table = NameTable.of(self._manifest())
        try:
            self._names.publish(self.manifest_hash, self.hashed_files, table.integrity, table.modules)
        except HashserveError as error:
            raise CommandError(f"{error}. {_PUBLISH_LATER}") from error
        return str(self.manifest_hash)

    # What templates use

    def stored_name(self, name: str) -> str:
        """Return the fingerprinted name of ``name``; ``name`` itself if no known release has it."""
        parsed = TemplateName.parse(name)
        path = self._names.path_of(self.clean_name(parsed.path))
        if path is None:
            self._log_unknown(name)
            return name
        return parsed.with_path(path)

    def _log_unknown(self, name: str) -> None:
        if name not in self._logged_names and len(self._logged_names) < _MAX_LOGGED_NAMES:
            self._logged_names.add(name)
            logger.warning("%s: no known release has this file; templates get its unhashed URL", name)

    @property
    def release(self) -> str:
        """The id of the release whose names templates get; empty if there is none."""
        return self._names.release

    def logical_paths(self) -> Collection[str]:
        """Return the logical paths of the files in this release."""
        return tuple(self._names.logical_paths())

    def modules(self) -> ModuleGraph | None:
        """Return the modules of this release; None if it is not known which they are."""
        return self._names.table().modules

    def integrity(self, name: str) -> str:
        """Return the value of the ``integrity`` attribute for ``name``; empty if it is not known."""
        if django_settings.DEBUG:
            return ""
        return self._names.integrity_of(self.clean_name(TemplateName.parse(name).path))
