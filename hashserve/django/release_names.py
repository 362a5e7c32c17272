"""The names that this process renders: of the release in force, remembered whole.

Invariant: a name that is given is right for some release whose files are kept, or it is the unhashed
one; a look-up costs no round trip; and a cache that is slow, down or damaged is never an error of
a page. What is known stays known until something better is.

A look at the pointer is due every few seconds. Whoever finds it due starts a thread for it and
waits a moment; everybody else goes on with what there is. In a thread of its own a look has
connections of its own: it may happen under an event loop, in a database transaction and after a
fork, and a cache that hangs holds nobody up for long.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from typing import ClassVar

from django.core.cache import caches
from django.db import connections

from hashserve.django.name_tables import NO_NAMES, NameTable, Unusable
from hashserve.django.one_release import pinned
from hashserve.django.release_cache import (
    RETENTION,
    FoundTable,
    Reading,
    ReleaseCache,
    Unchanged,
    Unreachable,
)
from hashserve.errors import HashserveError
from hashserve.serve.bounded_cache import ForkSafeLock

__all__ = ["FIRST_PATIENCE", "PATIENCE", "ReleaseNames"]

FIRST_PATIENCE = 5.0
"""How long, in seconds, a process that knows no names yet waits for them."""

PATIENCE = 0.5
"""How long, in seconds, one look-up waits for a look at the pointer, if the last look was not slow too."""

NEVER = float("-inf")
"""The time at which a look became due that must happen before anything else."""

_logger = logging.getLogger("hashserve")


class ReleaseNames:
    """The names of ``site``, published in and followed through the cache called ``alias``.

    ``interval`` is how often, in seconds, the pointer is looked at. ``fallback`` gives the names
    of the manifest in this process's own file system, or None where there is none; it is asked
    only where the cache has none, or not a name that is looked up. ``retention`` is how long, in
    seconds, a replaced table is kept in the cache.
    """

    _all: ClassVar[weakref.WeakSet[ReleaseNames]] = weakref.WeakSet()

    def __init__(
        self,
        alias: str,
        *,
        site: str,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        fallback: Callable[[], NameTable | None] = lambda: None,
        retention: int = RETENTION,
    ) -> None:
        self._cache = ReleaseCache(alias, site, retention=retention)
        self._interval = interval
        self._clock = clock
        self._fallback = fallback

        self._table = NO_NAMES
        self._id: str | None = None
        self._before = NO_NAMES
        self._local: NameTable | None = None

        self._due = NEVER
        self._is_ready = False
        self._is_slow = False
        self._looker = 0
        self._done = threading.Event()
        self._epoch = 0
        self._told: tuple[type, str] | None = None
        self._lock = ForkSafeLock()
        self._all.add(self)

    # Names

    @property
    def release(self) -> str:
        """The id of the release whose names are given; empty where there is none."""
        return self.table().release

    def path_of(self, logical_path: str) -> str | None:
        """Give the fingerprinted path of a logical one, or None where no release is known to have it."""
        return self._table_with(logical_path).names.get(logical_path)

    def integrity_of(self, logical_path: str) -> str:
        """Give the ``integrity`` of what `path_of` names; empty where it is not known."""
        return self._table_with(logical_path).integrity.get(logical_path, "")

    def logical_paths(self) -> Iterable[str]:
        """List the logical paths of the release whose names are given."""
        return self.table().names.keys()

    def table(self) -> NameTable:
        """Give the names in force; inside `one_release`, those of the first look-up there."""
        return pinned(self, self._current)

    def _current(self) -> NameTable:
        if self._clock() >= self._due:
            self._look_apart()
        return self._table

    def _table_with(self, logical_path: str) -> NameTable:
        """Give the names in force, or older ones where only those have ``logical_path``.

        Code of the release before goes on for a while beside the names of the next, and may
        need what that one has not got; its files are kept.
        """
        table = self.table()
        if logical_path in table.names:
            return table
        for other in (self._before, self._local_table()):
            if logical_path in other.names:
                return other
        return table

    def _local_table(self) -> NameTable:
        if self._local is None:
            try:
                self._local = self._fallback() or NO_NAMES
            except (OSError, HashserveError) as error:
                _logger.error("the manifest of this process's own is not used: %s", error)  # noqa: TRY400
                self._local = NO_NAMES
        return self._local

    # Publishing

    def publish(self, release: str, names: Mapping[str, str], integrity: Mapping[str, str]) -> None:
        """Put a release in force for every process, and here at once. Raises `PublishError`."""
        table = NameTable(release=release, names=dict(names), integrity=dict(integrity))
        found = FoundTable(table=table, id=self._cache.publish(table))
        for other in tuple(self._all):
            other._expect_news()
        with self._lock:
            self._take(found)
            self._is_ready = True
            self._due = self._clock() + self._interval

    def _expect_news(self) -> None:
        with self._lock:
            self._epoch += 1
            self._due = NEVER

    # Looking

    def look(self) -> None:
        """Look at the pointer now, in this thread; for a process that wants its names before it serves."""
        epoch = self._epoch
        reading = self._cache.read(self._id)
        if not isinstance(reading, (FoundTable, Unchanged)):
            self._local = None
            self._local_table()  # read before the lock is held
        with self._lock:
            # What was published or found here meanwhile is newer than what was read.
            if epoch == self._epoch:
                self._take(reading)
                self._is_ready = True
                self._due = self._clock() + self._interval

    def _look_apart(self) -> None:
        """Have a thread look, unless one does; wait for it, with patience."""
        done = self._claim()
        if done is None:
            if not self._is_ready:
                self._done.wait(FIRST_PATIENCE)
            return
        # In a context of its own, since Django keeps a cache's connections in the context.
        look = (self._look_and_leave, done)
        thread = threading.Thread(target=Context().run, args=look, name="hashserve", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # there is no thread to be had, or the interpreter is ending
            self._postpone()
            self._leave(done)
            return
        patience = (0 if self._is_slow else PATIENCE) if self._is_ready else FIRST_PATIENCE
        self._is_slow = not done.wait(patience)
        if self._is_slow:
            self._postpone()

    def _claim(self) -> threading.Event | None:
        """Take on the look that is due; None where somebody else in this process has."""
        process = os.getpid()
        with self._lock:
            if self._clock() < self._due:
                return None
            if self._is_ready:
                self._due = self._clock() + self._interval
            # A thread that was looking at a fork does not live on in the child.
            if self._looker == process:
                return None
            self._looker, self._done = process, threading.Event()
            return self._done

    def _postpone(self) -> None:
        """Let nobody wait for the first names any more."""
        with self._lock:
            if not self._is_ready:
                self._table = self._local_table()
                self._is_ready = True
            self._due = self._clock() + self._interval

    def _look_and_leave(self, done: threading.Event) -> None:
        try:
            self.look()
        finally:
            caches.close_all()
            connections.close_all()
            self._leave(done)

    def _leave(self, done: threading.Event) -> None:
        self._looker = 0
        done.set()

    def _take(self, reading: Reading) -> None:
        """Take over what was read; called with the lock held."""
        if isinstance(reading, FoundTable):
            if self._id is not None and self._id != reading.id:
                self._before = self._table
            self._table, self._id = reading.table, reading.id
            self._epoch += 1
        elif isinstance(reading, Unusable) and reading.release == self._local_table().release != "":
            # The very release that is in force, though its table in the cache is gone.
            self._table, self._id = self._local_table(), None
        elif not isinstance(reading, Unchanged) and self._id is None:
            self._table = self._local_table()
        self._is_slow = self._is_slow and isinstance(reading, Unreachable)
        self._tell(reading)

    def _tell(self, reading: Reading) -> None:
        """Log what is wrong once for as long as it is, and once that it is not any more."""
        place = f"cache {self._cache.alias!r}, site {self._cache.site!r}"
        if isinstance(reading, (Unreachable, Unusable)):
            kind = (type(reading), reading.release if isinstance(reading, Unusable) else "")
            if kind != self._told:
                _logger.warning(
                    "%s: %s; going on with %s, looking again every %s seconds",
                    *(place, reading.problem, self._described(), self._interval),
                )
            self._told = kind
        elif self._told is not None:
            _logger.warning("%s: well again, names are of release %s", place, self._table.release)
            self._told = None

    def _described(self) -> str:
        if self._table is NO_NAMES:
            return "unhashed names"
        place = "the local manifest" if self._id is None else "what was read before"
        return f"the names of release {self._table.release} from {place}"
