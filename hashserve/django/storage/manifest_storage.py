"""The storage that reads fingerprinted names from the manifest in STATIC_ROOT.

Invariant: a name that a template gets is in a release whose files are served; within one page all names
are of one release, except those that only an older release has.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from time import monotonic
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from hashserve.digests import integrity_of
from hashserve.django.name_table import NO_NAMES, NameTable
from hashserve.django.page_release import pinned
from hashserve.django.settings import load
from hashserve.django.storage.building_storage import BuildingStorage
from hashserve.django.storage.template_names import TemplateName
from hashserve.file_identity import FileIdentity, identify
from hashserve.module_graph import ModuleGraph
from hashserve.visible_text import logger

__all__ = ["ManifestStaticFilesStorage"]

_PLAIN_STORAGE = '"django.contrib.staticfiles.storage.StaticFilesStorage"'


class ManifestStaticFilesStorage(BuildingStorage):
    """Django's storage of this name, which also compresses files and keeps earlier releases served.

    A reference to a file that does not exist is a warning, and stays as it is. Files may refer to each
    other in circles. These attributes and methods work as in Django's storage: ``file_hash``,
    ``hashed_name``, ``manifest_name``, ``manifest_strict``, ``patterns`` and
    ``support_js_module_import_aggregation`` (here True by default).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._interval = load().serve.check_interval
        self._identity: FileIdentity | None = None
        self._table = NO_NAMES
        super().__init__(*args, **kwargs)
        self._first_names = self.hashed_files
        self._next_check = monotonic() + self._interval

    def save_manifest(self) -> None:
        """Write the names in ``hashed_files``, which are those of this process from now on."""
        super().save_manifest()
        self._first_names = self.hashed_files

    # Following the manifest

    def load_manifest(self) -> tuple[dict[str, str], str]:
        """Read the names and the id of the release in force. Raises `ValueError`."""
        self._identity = self._identity_now()  # taken first: a change during the read is noticed later
        names: tuple[dict[str, str], str] = super().load_manifest()
        return names

    def _identity_now(self) -> FileIdentity | None:
        """Return the identity of the manifest file; None if there is no such file."""
        try:
            return identify(os.stat(self.manifest_storage.path(self.manifest_name)))
        except (OSError, NotImplementedError, ImproperlyConfigured):
            return None

    def _follow(self) -> None:
        """Read the manifest again if it changed. Keep the known names if it cannot be read."""
        self._next_check = monotonic() + self._interval
        if self._identity_now() in (None, self._identity):
            return
        try:
            names, release = self.load_manifest()
        except (OSError, ValueError) as error:
            logger.error("the new manifest cannot be used, so templates keep the old names: %s", error)
            return
        if names:  # empty if the file was deleted just now
            self._loaded_manifest = None  # first, so that no thread has new names with old digests
            self.hashed_files, self.manifest_hash = names, release

    def _in_force(self) -> NameTable:
        """Return the names in force; during a page, those that were in force at its first look-up."""
        return pinned(self, self._current)

    def _current(self) -> NameTable:
        if monotonic() >= self._next_check:
            self._follow()
        release = self.manifest_hash or ""
        if self._table.names is not self.hashed_files or self._table.release != release:
            self._table = NameTable(release=release, names=self.hashed_files)
        return self._table

    # What templates use

    def stored_name(self, name: str) -> str:
        """Return the fingerprinted name of ``name``. An unknown name is treated as in Django.

        A template of this process may name a file that a newer release no longer has. It then gets the
        name in the release that the process started with, which is still served.
        """
        parsed = TemplateName.parse(name)
        key = self.hash_key(parsed.path)
        path = self._in_force().names.get(key) or self._first_names.get(key)
        return self._unknown_name(name, key) if path is None else parsed.with_path(path)

    def _unknown_name(self, name: str, key: str) -> str:
        """Return the name of a file that no release has. Raises `ValueError` where Django does."""
        if not self.manifest_strict and self.exists(key):
            return name  # it is served; Django would make up a fingerprinted name that is not
        try:
            unknown: str = super().stored_name(name)
        except ValueError as error:
            if self.hashed_files or self._identity_now() is not None:
                raise
            raise ValueError(
                f"{error}: there is no {self.manifest_name}. Run manage.py collectstatic. In tests, where "
                f'DEBUG is off, set STORAGES["staticfiles"] = {{"BACKEND": {_PLAIN_STORAGE}}}'
            ) from None
        return unknown

    @property
    def release(self) -> str:
        """The id of the release whose names templates get; empty if there is none."""
        return self._in_force().release

    def logical_paths(self) -> Collection[str]:
        """Return the logical paths of the files in this release."""
        return self._in_force().names.keys()

    def modules(self) -> ModuleGraph | None:
        """Return the modules of the release in force; None if its manifest does not say which they are."""
        return self._manifest().modules

    def integrity(self, name: str) -> str:
        """Return the value of the ``integrity`` attribute for the file at the URL of ``name``.

        It is empty with DEBUG, where the file may change under its URL, and if the manifest has no
        digest. Raises `ValueError` for an unknown name if ``manifest_strict`` is set.
        """
        if django_settings.DEBUG:
            return ""
        record = self._manifest().record(self.stored_name(name))
        return "" if record is None or record.sha256 is None else integrity_of(record.sha256)
