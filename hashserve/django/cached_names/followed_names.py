"""The names that this process uses: of the release in force, followed through a cache.

Invariant: a name is right for a release whose files are kept, or it is unhashed. A look-up takes no
round trip. A cache that is slow, down or damaged makes no page fail: the known names stay in use.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple

from django.core.cache import caches
from django.db import connections

from hashserve.django.cached_names.background_refresh import BackgroundRefresh
from hashserve.django.cached_names.encoding import Unusable
from hashserve.django.cached_names.name_cache import (
    REPLACED_TABLE_SECONDS,
    FoundTable,
    NameCache,
    Reading,
    Unchanged,
    Unreachable,
)
from hashserve.django.name_table import NO_NAMES, NameTable
from hashserve.django.page_release import pinned
from hashserve.errors import HashserveError
from hashserve.manifest.json_text import quoted
from hashserve.module_graph import ModuleGraph
from hashserve.serve.locks import ForkSafeLock
from hashserve.visible_text import logger

__all__ = ["FollowedNames"]


class _KnownNames(NamedTuple):
    """The table in use, its digest if it is from the cache, and the table that was used before it."""

    table: NameTable = NO_NAMES
    digest: str | None = None
    previous: NameTable = NO_NAMES

    def after(self, reading: Reading, local: NameTable) -> _KnownNames:
        """Return what is known after the cache was read; ``local`` is the table of the local manifest."""
        if isinstance(reading, FoundTable):
            is_new = self.digest not in (None, reading.digest)
            previous = self.table if is_new else self.previous
            return _KnownNames(table=reading.table, digest=reading.digest, previous=previous)
        if isinstance(reading, Unchanged):
            return self
        is_local_in_force = isinstance(reading, Unusable) and reading.release == local.release != ""
        if is_local_in_force or self.digest is None:
            return self._replace(table=local, digest=None)
        return self

    def __str__(self) -> str:
        if self.table is NO_NAMES:
            return "unhashed names"
        source = "the local manifest" if self.digest is None else "the last successful read"
        return f"the names of release {self.table.release}, from {source}"


class FollowedNames:
    """The names of ``site``, published and followed through the cache called ``alias``.

    ``interval`` is the number of seconds between two reads of the cache. ``fallback`` returns the
    names of the manifest on this machine, or None; it is called if the cache has no names, or lacks a
    name. ``retention`` is the number of seconds that the cache keeps a replaced table.
    """

    _instances: ClassVar[weakref.WeakSet[FollowedNames]] = weakref.WeakSet()

    def __init__(
        self,
        alias: str,
        *,
        site: str,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        fallback: Callable[[], NameTable | None] = lambda: None,
        retention: int = REPLACED_TABLE_SECONDS,
    ) -> None:
        self._cache = NameCache(alias, site, retention=retention)
        self._fallback = fallback
        self._background = BackgroundRefresh(
            self._refresh_and_disconnect, on_no_result=self._use_local_names, interval=interval, clock=clock
        )
        self._problems = _ProblemLog(f"cache {alias!r}, site {site!r}", interval)
        self._known = _KnownNames()
        self._local: NameTable | None = None
        self._changes = 0
        self._guard = ForkSafeLock()
        self._instances.add(self)

    # Names

    @property
    def release(self) -> str:
        """The id of the release in use; empty if there is none."""
        return self.table().release

    def path_of(self, logical_path: str) -> str | None:
        """Return the fingerprinted path of a logical path; None if no known release has it."""
        return self._table_with(logical_path).names.get(logical_path)

    def integrity_of(self, logical_path: str) -> str:
        """Return the ``integrity`` of the file at `path_of`; empty if it is not known."""
        return self._table_with(logical_path).integrity.get(logical_path, "")

    def logical_paths(self) -> Iterable[str]:
        """Return the logical paths of the release in use."""
        return self.table().names.keys()

    def table(self) -> NameTable:
        """Return the table in use; inside `one_release`, the one of the first look-up there."""
        return pinned(self, self._current)

    def _current(self) -> NameTable:
        self._background.run_if_due()
        return self._known.table

    def _table_with(self, logical_path: str) -> NameTable:
        """Return the table in use, or an older one if only that one has ``logical_path``.

        Code of the previous release runs for a while after a deploy, and may need a file that the new
        release no longer has. That file is kept.
        """
        table = self.table()
        if logical_path in table.names:
            return table
        for other in (self._known.previous, self._local_table()):
            if logical_path in other.names:
                return other
        return table

    # The local manifest

    def _local_table(self) -> NameTable:
        if self._local is None:
            try:
                self._local = self._fallback() or NO_NAMES
            except (OSError, HashserveError) as error:
                logger.error("the local manifest is not used: %s", error)
                self._local = NO_NAMES
        return self._local

    def _use_local_names(self) -> None:
        """Use the names of the local manifest, unless the cache has answered by now."""
        local = self._local_table()
        with self._guard.lock:
            if self._known.digest is None:
                self._known = self._known._replace(table=local)

    # Publishing

    def publish(
        self,
        release: str,
        names: Mapping[str, str],
        integrity: Mapping[str, str],
        modules: ModuleGraph | None = None,
    ) -> None:
        """Put a release in force for all processes, and use its names here. Raises `PublishError`."""
        table = NameTable(release=release, names=dict(names), integrity=dict(integrity), modules=modules)
        found = FoundTable(table=table, digest=self._cache.publish(table))
        for other in tuple(self._instances):
            other._expect_change()
        with self._guard.lock:
            self._take(found)

    def _expect_change(self) -> None:
        with self._guard.lock:
            self._changes += 1
            self._background.make_due()

    # Following

    def refresh(self) -> None:
        """Read the cache now, in this thread; for a process that needs names before it serves."""
        changes = self._changes
        reading = self._cache.read(self._known.digest)
        local = NO_NAMES
        if not isinstance(reading, (FoundTable, Unchanged)):
            self._local = None
            local = self._local_table()  # the file is read before the lock is held
        with self._guard.lock:
            # A release that was published or found in this process meanwhile is newer than the reading.
            if changes == self._changes:
                self._take(reading, local)

    def _refresh_and_disconnect(self) -> None:
        try:
            self.refresh()
        finally:
            caches.close_all()
            connections.close_all()

    def _take(self, reading: Reading, local: NameTable = NO_NAMES) -> None:
        """Use what was read; the caller holds the lock."""
        self._known = self._known.after(reading, local)
        if isinstance(reading, FoundTable):
            self._changes += 1
        self._problems.note(reading, self._known)
        self._background.record_result(is_reachable=not isinstance(reading, Unreachable))


class _ProblemLog:
    """Logs each problem once while it lasts, and its end."""

    def __init__(self, place: str, interval: float) -> None:
        self._place = place
        self._interval = interval
        self._logged: tuple[type, str] | None = None

    def note(self, reading: Reading, known: _KnownNames) -> None:
        """Log what is new about the state of the cache."""
        if isinstance(reading, FoundTable) and (refused := reading.table.refused):
            logical_path, path = next(iter(refused.items()))
            logger.warning(
                "%s: %d names of release %s are not used, such as %s for %s, because no server answers for "
                "such a path, or its integrity is malformed; check who can write to this cache",
                *(self._place, len(refused), reading.table.release, quoted(path), quoted(logical_path)),
            )
        if isinstance(reading, (Unreachable, Unusable)):
            kind = (type(reading), reading.release if isinstance(reading, Unusable) else "")
            if kind != self._logged:
                logger.warning(
                    "%s: %s; templates get %s; the next attempt is in %s seconds",
                    *(self._place, reading.problem, known, self._interval),
                )
            self._logged = kind
        elif self._logged is not None:
            logger.warning(
                "%s: works again; templates get the names of release %s", *(self._place, known.table.release)
            )
            self._logged = None
