"""The names of releases in one of Django's caches: read, and published.

Invariant: reading raises nothing and publishing hides nothing. A release is written completely and read
back before the pointer is switched to it; until then, and on any failure, the one before stays in
force. No value is trusted for having been found: see `hashserve.django.name_tables`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache

from hashserve.django.name_tables import Namespace, NameTable, Pointer, Unusable, Written
from hashserve.errors import PublishError

__all__ = ["RETENTION", "FoundTable", "Reading", "ReleaseCache", "Unchanged", "Unreachable"]

RETENTION = 30 * 86_400
"""In seconds: how long a table is kept once another has taken its place."""

T = TypeVar("T")

_logger = logging.getLogger("hashserve")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """Another table than the one that was known is in force; ``id`` is its digest."""

    table: NameTable
    id: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The table that was known is in force still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """The cache failed."""

    problem: str


Reading = FoundTable | Unchanged | Unusable | Unreachable


class ReleaseCache:
    """The releases of ``site`` in the cache called ``alias`` in Django's setting CACHES.

    Nothing in it expires by itself, except a table that was replaced, after ``retention`` seconds:
    processes that are just starting may be about to read it.
    """

    def __init__(self, alias: str, site: str, *, retention: int = RETENTION) -> None:
        self.alias = alias
        self.site = site
        self._retention = retention
        self._namespace = Namespace(site)

    @property
    def _cache(self) -> Any:
        """The connection of this thread: Django's clients are not all safe to share."""
        return caches[self.alias]

    # Reading

    def read(self, known: str | None) -> Reading:
        """Read what is in force, unless it is the table whose digest is ``known``. Raises nothing.

        It takes one round trip, and one more where there is a new table.
        """
        try:
            return self._read(known)
        except Exception as error:  # noqa: BLE001  # each client raises errors of its own
            return Unreachable(problem=_described(error))

    def _read(self, known: str | None) -> Reading:
        pointer = self._pointer()
        while isinstance(pointer, Pointer) and pointer.table != known:
            table = self._table(pointer)
            if isinstance(table, NameTable):
                return FoundTable(table=table, id=pointer.table)
            # A publication that is just being made may have switched the pointer meanwhile.
            again = self._pointer()
            if again == pointer:
                return table
            pointer = again
        return pointer if isinstance(pointer, Unusable) else Unchanged()

    def _pointer(self) -> Pointer | Unusable:
        return self._namespace.read_pointer(self._cache.get(self._namespace.pointer_key))

    def _table(self, pointer: Pointer) -> NameTable | Unusable:
        values = self._cache.get_many(self._namespace.chunk_keys(pointer))
        return self._namespace.read_table(pointer, values)

    # Publishing

    def publish(self, table: NameTable) -> str:
        """Put a release in force and give its table's digest. Raises `PublishError`.

        Where it is in force already and whole, nothing is written.
        """
        self._check_backend()
        written = self._namespace.write(table)
        before = self._attempt("cannot be read", self._pointer)
        if before != written.pointer or not self._is_whole(written):
            try:
                self._write_chunks(written, before)
                self._switch(written.pointer, before)
            except PublishError:
                self._restore(before)
                raise
        if isinstance(before, Pointer) and before.table != written.pointer.table:
            self._retire(before)
        return written.pointer.table

    def _check_backend(self) -> None:
        backend = self._attempt("cannot be used", lambda: self._cache)
        if isinstance(backend, DummyCache):
            raise self._error("is a dummy that keeps nothing")
        if isinstance(backend, LocMemCache):
            _logger.warning(
                "cache %r is in the memory of this process: no other will see the release that is published",
                self.alias,
            )

    def _is_whole(self, written: Written) -> bool:
        table = self._attempt("cannot be read", lambda: self._table(written.pointer))
        return isinstance(table, NameTable)

    def _write_chunks(self, written: Written, before: Pointer | Unusable) -> None:
        problem = self._attempt("cannot be written", lambda: self._put(written))
        if problem:
            if before != written.pointer:
                self._attempt_quietly(lambda: self._cache.delete_many(list(written.chunks)))
            raise self._error(problem)

    def _put(self, written: Written) -> str:
        """Put chunks into the cache and read them back; give what is wrong then, or nothing."""
        failed: Sequence[str] = self._cache.set_many(dict(written.chunks), timeout=None)
        if failed:
            return f"refused {len(failed)} of {len(written.chunks)} chunks of names"
        table = self._table(written.pointer)
        if isinstance(table, Unusable):
            return f"does not give back what was just written to it: {table.problem}"
        return ""

    def _switch(self, pointer: Pointer, before: Pointer | Unusable) -> None:
        self._attempt("cannot be written", lambda: self._set_pointer(pointer))
        after = self._attempt("cannot be read", self._pointer)
        if isinstance(after, Pointer) and after not in (pointer, before):
            _logger.warning(
                "cache %r: release %s was published at the same time as %s, and is in force",
                *(self.alias, after.release, pointer.release),
            )
        elif after != pointer:
            raise self._error("does not keep which release is in force")

    def _restore(self, before: Pointer | Unusable) -> None:
        """Put the pointer back: a client deletes what it could not replace, and a full cache culls."""
        if isinstance(before, Pointer) and self._attempt_quietly(self._pointer) != before:
            self._attempt_quietly(lambda: self._set_pointer(before))

    def _set_pointer(self, pointer: Pointer) -> None:
        self._cache.set(self._namespace.pointer_key, self._namespace.write_pointer(pointer), timeout=None)

    def _retire(self, pointer: Pointer) -> None:
        """Let a table expire in a while that was replaced, unless somebody went back to it meanwhile."""
        keys = self._namespace.chunk_keys(pointer)
        self._attempt_quietly(lambda: [self._cache.touch(key, self._retention) for key in keys])
        if self._attempt_quietly(self._pointer) == pointer:
            self._attempt_quietly(lambda: [self._cache.touch(key, None) for key in keys])

    def _attempt(self, problem: str, action: Callable[[], T]) -> T:
        try:
            return action()
        except Exception as error:
            raise self._error(f"{problem} ({_described(error)})") from error

    def _attempt_quietly(self, action: Callable[[], T]) -> T | None:
        """Attempt what is well if it succeeds and does no harm if it fails."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001
            _logger.warning("cache %r: not tidied up after publishing (%s)", self.alias, _described(error))
            return None

    def _error(self, problem: str) -> PublishError:
        backend = caches.settings.get(self.alias, {}).get("BACKEND", "not there")
        return PublishError(
            f"CACHES[{self.alias!r}] ({backend})",
            problem,
            "the release before stays in force; see that the cache runs, is shared by all processes "
            "and has room, and publish again",
        )


def _described(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
