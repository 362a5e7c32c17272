"""Storages for static files: what `collectstatic` fills, and what templates take names from.

Invariant: the manifest is Django's own ``staticfiles.json`` with more in it, so that these storages and
Django's can follow each other in either order. A name that a page was given stays served.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from django.conf import settings as django_settings
from django.contrib.staticfiles import storage as django_storage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.core.management.base import CommandError

import hashserve.django.checks  # noqa: F401  # registers them, for projects without the app
from hashserve.atomic_files import TEMPORARY_PREFIX
from hashserve.digests import integrity_of
from hashserve.django.name_tables import NameTable
from hashserve.django.one_release import pinned
from hashserve.django.release_names import ReleaseNames
from hashserve.django.settings import load
from hashserve.errors import HashserveError, ManifestError
from hashserve.manifest.model import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    from hashserve.builder.job import Progress
    from hashserve.builder.report import BuildReport

__all__ = ["CachedStaticFilesStorage", "ManifestStaticFilesStorage"]

_MOST_TOLD = 1000
_LATER = (
    'or collect with HASHSERVE = {"PUBLISH_NAMES": False} where there is no cache, as in the build of an '
    "image, and run manage.py hashserve publish where there is"
)
_WITHOUT_NAMES = '"django.contrib.staticfiles.storage.StaticFilesStorage" for "staticfiles"'

_logger = logging.getLogger("hashserve")


class _Names(NamedTuple):
    """Fingerprinted by logical paths, and the id of the release that they are of."""

    paths: Mapping[str, str]
    release: str


class ManifestStaticFilesStorage(django_storage.ManifestStaticFilesStorage):
    """Fingerprint, compress and retain what is collected: Django's storage of this name, made whole.

    References that name nothing are told of and left as they are; files that refer to each other in
    circles are no problem; variants are made for whoever accepts them; earlier releases stay served.
    Overriding ``file_hash``, ``hashed_name``, ``manifest_name``, ``manifest_strict``,
    ``support_js_module_import_aggregation`` (True here) or adding to ``patterns`` means what it means
    to Django's.
    """

    support_js_module_import_aggregation = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        settings = load()
        if settings.manifest_strict is not None:
            self.manifest_strict = settings.manifest_strict
        self._on_progress: Progress | None = None
        self._report: BuildReport | None = None
        self._records: Manifest | None = None
        self._interval = settings.check_interval
        self._seen: tuple[int, ...] | None = None
        super().__init__(*args, **kwargs)
        self._first = self.hashed_files
        self._due = monotonic() + self._interval

    # Collecting

    def post_process(
        self, paths: Mapping[str, tuple[Any, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        """Build the release of the collected files; gives each with its name, and whether it was made now.

        ``paths`` maps each file's path to the storage that it was found in and its path there. Raises
        `CommandError`; the release in force stays whole.
        """
        if dry_run:
            return
        before = frozenset(self._manifest().files)
        if paths:
            self._build(paths)
        else:
            self.hashed_files: dict[str, str] = {}
        self._first = self.hashed_files
        self._records = None
        self.save_manifest()
        for name in paths:
            hashed_name = self.hashed_files[self.hash_key(self.clean_name(name))]
            yield name, hashed_name, hashed_name not in before or self._is_adjustable(name)

    def _build(self, paths: Mapping[str, tuple[Any, str]]) -> None:
        # Whoever only renders pages imports nothing of the build.
        from hashserve.django.collection import build_collected

        try:
            self._report, manifest = build_collected(self, paths, self._on_progress or _no_progress)
        except HashserveError as error:
            raise CommandError(str(error)) from error
        if self._on_progress is None:
            for finding in self._report.warnings:
                _logger.warning("%s", finding)
        self.hashed_files = dict(manifest.paths)

    def reported(
        self, collect: Callable[[], str | None], on_progress: Progress
    ) -> tuple[str | None, BuildReport | None]:
        """Call ``collect``, telling ``on_progress`` how far it is; gives its result and what was built.

        Findings are in the report then, and not in the log.
        """
        self._on_progress, self._report = on_progress, None
        try:
            return collect(), self._report
        finally:
            self._on_progress = None

    def _is_adjustable(self, name: str) -> bool:
        """Whether Django counts a file as post-processed each time it is looked at."""
        return os.path.splitext(name)[1] in {".css", ".js", ".mjs"}

    def file_hash(self, name: str | None, content: File[Any] | None = None) -> str | None:
        """Give the token of some content: 12 hexadecimal digits of its MD5 unless settings say otherwise."""
        if content is None:
            return None
        from hashserve.django.build_settings import build_settings

        return build_settings().fingerprinter.token_of_chunks(content.chunks())

    def _save(self, name: str, content: File[Any]) -> str:
        """Write a file by way of a temporary name, so that nobody is served a part of it."""
        # As long for every name: one of 255 bytes has no room for another.
        waiting = os.path.join(os.path.dirname(name), f"{TEMPORARY_PREFIX}{token_hex(8)}")
        try:
            os.replace(self.path(super()._save(waiting, content)), self.path(name))
        except BaseException:  # a full disk is not to be filled with parts, nor by whoever gives up waiting
            with suppress(OSError):
                self.delete(waiting)
            raise
        return name.replace(os.sep, "/")

    # The manifest

    def save_manifest(self) -> None:
        """Write the names of ``hashed_files`` down, unless the build has."""
        pairs = json.dumps(sorted(self.hashed_files.items())).encode()
        self.manifest_hash = self.file_hash(None, ContentFile(pairs)) or ""
        if self.manifest_storage is not self or self.manifest_name != MANIFEST_NAME:
            self._save_django_manifest()
            return
        manifest = self._manifest()
        if manifest.paths != self.hashed_files or manifest.release != self.manifest_hash:
            os.makedirs(self.location, exist_ok=True)
            self._with_names_added(manifest).write(self.path(MANIFEST_NAME))
            self._records = None

    def _with_names_added(self, manifest: Manifest) -> Manifest:
        """Give the manifest with the names in force now; as Django has it, each new name is a hashed one."""
        hashed = {path for name, path in self.hashed_files.items() if path != name}
        files = {**dict.fromkeys(hashed - manifest.files.keys()), **manifest.files}
        return manifest._replace(paths=self.hashed_files, files=files, release=self.manifest_hash)

    def _save_django_manifest(self) -> None:
        """Write a manifest of Django's form where a project wants one of another name or elsewhere."""
        document = {
            "paths": self.hashed_files,
            "version": self.manifest_version,
            "hash": self.manifest_hash,
        }
        if self.manifest_storage is not self and self.manifest_storage.exists(self.manifest_name):
            self.manifest_storage.delete(self.manifest_name)
        self.manifest_storage._save(self.manifest_name, ContentFile(json.dumps(document).encode()))

    def _manifest(self) -> Manifest:
        """Give the manifest in STATIC_ROOT; one without files where there is none that can be read."""
        if self._records is None:
            try:
                self._records = Manifest.load(self.path(MANIFEST_NAME))
            except (OSError, ManifestError):
                return Manifest(paths={}, files={})
        return self._records

    def load_manifest(self) -> tuple[dict[str, str], str]:
        """Read the names and the id of the release in force. Raises `ValueError`."""
        self._seen = self._signature()  # before it is read: what comes in between is read again
        names: tuple[dict[str, str], str] = super().load_manifest()
        return names

    def _signature(self) -> tuple[int, ...] | None:
        """Tell this manifest from any other; None where there is none, or no file system."""
        try:
            status = os.stat(self.manifest_storage.path(self.manifest_name))
        except (OSError, NotImplementedError, ImproperlyConfigured):
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _follow(self) -> None:
        """Take over the names of a release that was collected since, unless it cannot be read."""
        self._due = monotonic() + self._interval
        signature = self._signature()
        if signature is None or signature == self._seen:
            return
        try:
            names, release = self.load_manifest()
        except (OSError, ValueError) as error:
            _logger.error("the names of a new release are not used: %s", error)  # noqa: TRY400
            return
        if names:  # it may have been deleted just now
            self.hashed_files, self.manifest_hash = names, release
            self._records = None

    # What templates ask

    def _in_force(self) -> _Names:
        """Give the names in force, of one release throughout a page."""
        return pinned(self, self._current)

    def _current(self) -> _Names:
        if monotonic() >= self._due:
            self._follow()
        return _Names(self.hashed_files, self.manifest_hash or "")

    def stored_name(self, name: str) -> str:
        """Give the name that stands for ``name``; Django says what an unknown one means.

        A running process follows the releases that are collected. What a new one does not have any
        more, templates of this process's own release may still name: it is found in that, and served.
        """
        parts = urlsplit(unquote(name))
        key = self.hash_key(parts.path.strip())
        path = self._in_force().paths.get(key) or self._first.get(key)
        return self._unknown_name(name, key) if path is None else _with_path(parts, path, name)

    def _unknown_name(self, name: str, key: str) -> str:
        """Give what stands for a name that no release has. Raises `ValueError`, as Django does."""
        if not self.manifest_strict and self.exists(key):
            return name  # it is served so, and no file has the hashed name that Django would make up
        try:
            unknown: str = super().stored_name(name)
        except ValueError as error:
            if self.hashed_files or self._signature() is not None:
                raise
            raise ValueError(
                f"{error}: there is no {self.manifest_name}; run manage.py collectstatic, "
                f"or for tests, which have DEBUG off, set STORAGES to have {_WITHOUT_NAMES}"
            ) from None
        return unknown

    @property
    def release(self) -> str:
        """Give the id of the release whose names are given out; empty where there is none."""
        return self._in_force().release

    def logical_paths(self) -> Collection[str]:
        """Give the path of every file that has a name in this release."""
        return self._in_force().paths.keys()

    def integrity(self, name: str) -> str:
        """Give the ``integrity`` attribute of the file that `url` names: ``sha256-`` and its digest.

        Empty where names are not fingerprinted (DEBUG) or no digest is known, for then the file may
        change under its name. Raises `ValueError` for an unknown name if ``manifest_strict`` is set.
        """
        if django_settings.DEBUG:
            return ""
        path = self.stored_name(name)
        record = self._manifest().record(path)
        if record is None and path != name:
            self._records = None  # another process has deployed since
            record = self._manifest().record(path)
        return "" if record is None or record.sha256 is None else integrity_of(record.sha256)


class CachedStaticFilesStorage(ManifestStaticFilesStorage):
    """Keep the names in Django's cache framework, for web processes without the collected files.

    ``collectstatic`` builds as for `ManifestStaticFilesStorage`, and then publishes the release's
    names in the cache that the setting ``CACHE`` names; every process follows it within
    ``POINTER_INTERVAL`` seconds, without a restart. A name that the cache has lost is that of the
    local manifest, if there is one, or the unhashed one; it is never a wrong one, and never an error.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = load()
        self._names = ReleaseNames(
            settings.cache,
            site=settings.site,
            interval=settings.pointer_interval,
            fallback=self._local_names,
        )
        self._publishes = settings.publish_names
        self._told: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy what it was made of: names are looked for anew, and a lock is no part of a copy."""
        args, options = self._constructor_args  # as Django keeps them for migrations
        return partial(type(self), **options), args

    def read_manifest(self) -> str | None:
        """Read the local manifest; None where this process has none."""
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

    def post_process(
        self, paths: Mapping[str, tuple[Any, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        """Build the release, and publish its names. Raises `CommandError`; what is in force stays."""
        yield from super().post_process(paths, dry_run, **options)
        if self._publishes and not dry_run:
            self.publish()

    def publish(self) -> str:
        """Publish the names of the release in STATIC_ROOT; gives its id. Raises `CommandError`."""
        table = NameTable.of(self._manifest())
        try:
            self._names.publish(self.manifest_hash, self.hashed_files, table.integrity)
        except HashserveError as error:
            raise CommandError(f"{error}; {_LATER}") from error
        return str(self.manifest_hash)

    def stored_name(self, name: str) -> str:
        """Give the name that stands for ``name`` in the release in force; the name itself if none does."""
        parts = urlsplit(unquote(name))
        path = self._names.path_of(self.clean_name(parts.path.strip()))
        if path is None:
            self._tell(name)
            return name
        return _with_path(parts, path, name)

    def _tell(self, name: str) -> None:
        if name not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(name)
            _logger.warning("no release is known to have %r: its unhashed URL is given", name)

    @property
    def release(self) -> str:
        """Give the id of the release whose names are given out; empty where there is none."""
        return self._names.release

    def logical_paths(self) -> Collection[str]:
        """Give the path of every file that has a name in this release."""
        return tuple(self._names.logical_paths())

    def integrity(self, name: str) -> str:
        """Give the ``integrity`` attribute of the file that `url` names; empty where it is not known."""
        if django_settings.DEBUG:
            return ""
        return self._names.integrity_of(self.clean_name(urlsplit(unquote(name)).path.strip()))


def _with_path(parts: SplitResult, path: str, name: str) -> str:
    """Put a path in the place of that of ``name``, which was split into ``parts``."""
    # What follows "?#" is for old browsers; splitting a URL drops the question mark.
    path += "?" if "?#" in name and not parts.query else ""
    return urlunsplit(parts._replace(path=path))


def _no_progress(step: str, done: int, total: int) -> None:
    """Show nothing."""
