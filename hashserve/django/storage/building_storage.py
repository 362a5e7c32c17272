"""What ``collectstatic`` uses of the storages: saving files, building a release, writing the manifest.

Invariant: when a build fails or is killed, the release in force stays complete. A file that a release in
force lists is never deleted before the next one is in force.
"""

from __future__ import annotations

import filecmp
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import accumulate
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Protocol

from django.contrib.staticfiles import storage as django_storage
from django.core.files.base import ContentFile, File
from django.core.management.base import CommandError

from hashserve.atomic_files import TEMPORARY_PREFIX
from hashserve.cli.terminal import message_of_error
from hashserve.django.build_settings import build_settings
from hashserve.django.settings import load
from hashserve.django.storage.deletions import Deletions
from hashserve.django.storage.naming import StorageNaming
from hashserve.errors import HashserveError, ManifestError
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest
from hashserve.visible_text import logger
from hashserve.whitenoise_names import FOR_STORAGE, check_overrides

if TYPE_CHECKING:
    from hashserve.builder.report import BuildReport

__all__ = ["BuildObserver", "BuildingStorage"]

# Some methods import the build when they need it. It takes 0.1 s to import and needs packages of its own, and
# web processes use this class without a build.

_ALWAYS_PROCESSED = (".css", ".js", ".mjs")
"""Extensions of the files that Django counts as post-processed in every collection."""


class BuildObserver(Protocol):
    """Follows a build while it runs."""

    def on_progress(self, step: str, done: int, total: int) -> None:
        """Receive that ``done`` of the ``total`` parts of a step are done."""

    def on_report(self, report: BuildReport) -> None:
        """Receive the report, once the release is in force."""


class _WarningLog:
    """Logs the warnings of a build."""

    def on_progress(self, step: str, done: int, total: int) -> None:
        pass

    def on_report(self, report: BuildReport) -> None:
        for finding in report.warnings:
            logger.warning("%s", finding)


class BuildingStorage(django_storage.ManifestStaticFilesStorage):
    """Django's manifest storage, with the build of hashserve as its post-processing.

    ``saved_first`` are the paths of files that it saved where none was before.
    """

    support_js_module_import_aggregation = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_overrides(type(self), BuildingStorage, FOR_STORAGE)
        settings = load().own
        if settings.manifest_strict is not None:
            self.manifest_strict = settings.manifest_strict
        self._observer: BuildObserver = _WarningLog()
        self._loaded_manifest: Manifest | None = None
        self._deletions = Deletions()
        self._deleted: set[str] = set()
        self.saved_first: set[str] = set()
        super().__init__(*args, **kwargs)

    # The build

    def post_process(
        self, paths: Mapping[str, tuple[Any, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        """Build the release; yield each file's path, its fingerprinted path, and whether it was processed.

        ``paths`` maps the path of each file to the storage that a finder found it in, and its path
        there. Raises `CommandError`.
        """
        if dry_run:
            return
        paths_before = frozenset(self._manifest().files)
        with self.deletions_at_the_end():
            self.hashed_files: dict[str, str] = self._build(paths) if paths else {}
            self._loaded_manifest = None
            self.save_manifest()
        for name in paths:
            path = self.hashed_files[self.hash_key(self.clean_name(name))]
            yield name, path, path not in paths_before or name.endswith(_ALWAYS_PROCESSED)

    def _build(self, paths: Mapping[str, tuple[Any, str]]) -> dict[str, str]:
        """Build the release of some files; return their fingerprinted paths. Raises `CommandError`."""
        from hashserve.django.collection.release_build import build_release

        try:
            report, manifest = build_release(
                self,
                paths,
                naming=StorageNaming(self) if self._has_own_naming() else None,
                on_progress=self._observer.on_progress,
            )
        except HashserveError as error:
            raise CommandError(message_of_error(error)) from error
        self._observer.on_report(report)
        return dict(manifest.paths)

    def _has_own_naming(self) -> bool:
        kind, own = type(self), BuildingStorage
        return not (kind.file_hash is own.file_hash and kind.hashed_name is own.hashed_name)

    @contextmanager
    def observed_by(self, observer: BuildObserver) -> Iterator[None]:
        """Report the builds inside to ``observer`` instead of the log."""
        before = self._observer
        self._observer = observer
        try:
            yield
        finally:
            self._observer = before

    # Deletions

    def exists(self, name: str) -> bool:
        """Whether there is a file, and its deletion is not waiting."""
        return not self._waits(name) and bool(super().exists(name))

    def delete(self, name: str) -> None:
        """Delete a file; one that a release in force lists, once the next release is in force.

        Until then, it does not exist for this storage. Django's ``collectstatic --clear`` calls this for
        each file in STATIC_ROOT.
        """
        path = _as_path(name)
        if self.location and (path == self.manifest_name or self._deletions.must_wait(self.location, path)):
            self._deletions.add(path)
        else:
            super().delete(name)
            self._deleted.add(path)

    def delete_later(self, paths: Iterable[str]) -> None:
        """Delete files once the next release is in force, unless it needs them."""
        for path in paths:
            self._deletions.add(path)

    @contextmanager
    def deletions_at_the_end(self, kept: Collection[str] = ()) -> Iterator[list[str]]:
        """Delete the files whose deletion waits if what is inside succeeds; else keep all of them.

        Those in ``kept`` stay, and those that a release in force lists. The others are in the list at the
        end. It may be nested; the outer one deletes. Raises `CommandError`.
        """
        from hashserve.builder.releases.clear import clear

        deleted: list[str] = []
        with self._deletions.held() as is_outer:
            yield deleted
            if is_outer and (paths := self._deletions.take()):
                kept = {*kept, self.manifest_name}
                try:
                    deleted += clear(self.location, paths, kept=kept, wait_seconds=build_settings().wait)
                except HashserveError as error:
                    raise CommandError(
                        f"{message_of_error(error)}. The new release is in force; clear again then"
                    ) from error

    def clearable(self, paths: Iterable[str], kept: Collection[str]) -> list[str]:
        """Return those of ``paths`` that neither a release in force nor ``kept`` has."""
        from hashserve.builder.releases.clear import clearable

        return clearable(self.location, paths, kept={*kept, self.manifest_name})

    def _waits(self, name: str) -> bool:
        """Whether a file is deleted later, or the files of a folder are."""
        path = _as_path(name)
        if path in self._deletions:
            return True
        return (
            bool(path)
            and bool(self._deletions)
            and os.path.isdir(self.path(path))
            and any(each.startswith(f"{path}/") for each in self._deletions)
        )

    def _make_way(self, path: str) -> bool:
        """Delete files that wait for it and are in the way of ``path``; return whether it can be written.

        It cannot where a release in force lists files in a folder of that name. The build moves those away.
        """
        for parent in accumulate(path.split("/")[:-1], "{}/{}".format):
            if parent in self._deletions and not os.path.isdir(self.path(parent)):
                self._delete_now(parent)
        if not os.path.isdir(self.path(path)) or os.path.islink(self.path(path)):
            return True
        below = [each for each in self._deletions if each.startswith(f"{path}/")]
        for each in below:
            if not self._deletions.must_wait(self.location, each):
                self._delete_now(each)
        for folder, _, _ in os.walk(self.path(path), topdown=False):
            with suppress(OSError):  # it is not empty
                os.rmdir(folder)
        return not below or not os.path.isdir(self.path(path))

    def _delete_now(self, path: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path(path))
        self._deletions.discard(path)

    # Files

    def file_hash(self, name: str | None, content: File[Any] | None = None) -> str | None:
        """Return the fingerprint of some content: 12 hex digits of its MD5, unless settings differ."""
        if content is None:
            return None
        from hashserve.builder.naming.fingerprinter import Fingerprinter

        return Fingerprinter.of(build_settings()).fingerprint(content.chunks())

    def _save(self, name: str, content: File[Any]) -> str:
        """Write a file under a temporary name and rename it, so that a server never reads half of it."""
        # The length does not depend on the name: one of 255 bytes leaves no room for a suffix.
        temporary = os.path.join(os.path.dirname(name), f"{TEMPORARY_PREFIX}{token_hex(8)}")
        try:
            if self._make_way(_as_path(name)):
                if not os.path.lexists(self.path(name)) and _as_path(name) not in self._deleted:
                    self.saved_first.add(_as_path(name))
                written = self.path(super()._save(temporary, content))
                if _as_path(name) in self._deletions:
                    _keep_date_of_same(written, self.path(name))
                os.replace(written, self.path(name))
                self._deletions.discard(_as_path(name))
        except BaseException as error:  # also on Ctrl-C; parts of files would fill a disk that is full
            with suppress(OSError):
                super().delete(temporary)
            if isinstance(error, OSError):  # which names the temporary file, or none
                error.filename, error.filename2 = self.path(name), None
            raise
        return name.replace(os.sep, "/")

    # The manifest

    def _manifest(self) -> Manifest:
        """Return the manifest in STATIC_ROOT; an empty one if none can be read."""
        if self._loaded_manifest is None:
            try:
                self._loaded_manifest = Manifest.load(self.path(MANIFEST_NAME))
            except (OSError, ManifestError):
                return Manifest(paths={}, files={})
        return self._loaded_manifest

    def save_manifest(self) -> None:
        """Write the names in ``hashed_files``, unless the build wrote the same ones."""
        pairs = json.dumps(sorted(self.hashed_files.items())).encode()
        self.manifest_hash = self.file_hash(None, ContentFile(pairs)) or ""
        if self.manifest_storage is not self or self.manifest_name != MANIFEST_NAME:
            self._save_django_manifest()
            return
        manifest = self._manifest()
        if manifest.paths != self.hashed_files or manifest.release != self.manifest_hash:
            os.makedirs(self.location, exist_ok=True)
            self._with_added_names(manifest).write(self.path(MANIFEST_NAME), mode=self.file_permissions_mode)
            self._loaded_manifest = None

    def _with_added_names(self, manifest: Manifest) -> Manifest:
        """Return ``manifest`` with the names in ``hashed_files``: a subclass may have added some."""
        fingerprinted = {path for name, path in self.hashed_files.items() if path != name}
        files = {**dict.fromkeys(fingerprinted - manifest.files.keys()), **manifest.files}
        return manifest._replace(paths=self.hashed_files, files=files, release=self.manifest_hash)

    def _save_django_manifest(self) -> None:
        """Write a manifest in Django's own form, for a project that wants another name or storage."""
        document = {
            "paths": self.hashed_files,
            "version": self.manifest_version,
            "hash": self.manifest_hash,
        }
        if self.manifest_storage is not self and self.manifest_storage.exists(self.manifest_name):
            self.manifest_storage.delete(self.manifest_name)
        self.manifest_storage._save(self.manifest_name, ContentFile(json.dumps(document).encode()))


def _keep_date_of_same(written: str, old: str) -> None:
    """Give a file the date of the one that it replaces, if both hold the same bytes.

    ``collectstatic --clear`` collects every file again, and clients need not load again what did not change.
    """
    with suppress(OSError):
        if os.path.isfile(old) and not os.path.islink(old) and filecmp.cmp(written, old, shallow=False):
            status = os.stat(old)
            os.utime(written, ns=(status.st_atime_ns, status.st_mtime_ns))


def _as_path(name: str) -> str:
    """Return a name as a path with slashes, as manifests have it."""
    return os.fspath(name).replace(os.sep, "/")
