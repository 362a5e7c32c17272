"""Reading and publishing name tables in one of Django's caches.

Invariant: reading raises nothing. A table is written completely and read back before the pointer is
switched to it. Until then, and if anything fails, the previous release stays in force.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache

from hashserve.django.cached_names.encoding import EncodedTable, Namespace, Pointer, Unusable
from hashserve.django.name_table import NameTable
from hashserve.errors import PublishError
from hashserve.visible_text import logger

__all__ = ["REPLACED_TABLE_SECONDS", "FoundTable", "NameCache", "Reading", "Unchanged", "Unreachable"]

REPLACED_TABLE_SECONDS = 30 * 86_400
"""How long the cache keeps a table that another one replaced."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """A table that was not known before is in force; ``digest`` identifies it."""

    table: NameTable
    digest: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The known table is still in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """The cache failed."""

    problem: str


Reading = FoundTable | Unchanged | Unusable | Unreachable
"""The result of reading the cache."""


class NameCache:
    """The name tables of ``site`` in the cache called ``alias`` in Django's setting CACHES.

    Nothing expires, except a replaced table after ``retention`` seconds: a process that is starting
    may be about to read it.
    """

    def __init__(self, alias: str, site: str, *, retention: int = REPLACED_TABLE_SECONDS) -> None:
        self.alias = alias
        self.site = site
        self._retention = retention
        self._namespace = Namespace(site)

    @property
    def _cache(self) -> Any:
        """The connection of this thread: with some clients, threads cannot share one."""
        return caches[self.alias]

    # Reading

    def read(self, known: str | None) -> Reading:
        """Read the table in force, unless its digest is ``known``. Raises nothing.

        It takes one round trip, and a second one if the table is new.
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
                return FoundTable(table=table, digest=pointer.table)
            # A publication may have switched the pointer in the meantime.
            again = self._pointer()
            if again == pointer:
                return table
            pointer = again
        return pointer if isinstance(pointer, Unusable) else Unchanged()

    def _pointer(self) -> Pointer | Unusable:
        return self._namespace.decode_pointer(self._cache.get(self._namespace.pointer_key))

    def _table(self, pointer: Pointer) -> NameTable | Unusable:
        values = self._cache.get_many(self._namespace.chunk_keys(pointer))
        return self._namespace.decode_table(pointer, values)

    # Publishing

    def publish(self, table: NameTable) -> str:
        """Put a table in force and return its digest. Raises `PublishError`.

        Writes nothing if the table is in force and complete already.
        """
        self._check_backend()
        encoded = self._namespace.encode_table(table)
        before = self._attempt("cannot be read", self._pointer)
        if before != encoded.pointer or not self._is_complete(encoded):
            try:
                self._write_chunks(encoded, before)
                self._switch(encoded.pointer, before)
            except PublishError:
                self._restore(before)
                raise
        if isinstance(before, Pointer) and before.table != encoded.pointer.table:
            self._let_expire(before)
        return encoded.pointer.table

    def _check_backend(self) -> None:
        backend = self._attempt("cannot be used", lambda: self._cache)
        if isinstance(backend, DummyCache):
            raise self._error("keeps nothing, because it is a dummy")
        if isinstance(backend, LocMemCache):
            logger.warning(
                "CACHES[%r]: this cache is in the memory of one process; no other process sees the release",
                self.alias,
            )

    def _is_complete(self, encoded: EncodedTable) -> bool:
        table = self._attempt("cannot be read", lambda: self._table(encoded.pointer))
        return isinstance(table, NameTable)

    def _write_chunks(self, encoded: EncodedTable, before: Pointer | Unusable) -> None:
        problem = self._attempt("cannot be written", lambda: self._put(encoded))
        if problem:
            if before != encoded.pointer:
                self._attempt_quietly(lambda: self._cache.delete_many(list(encoded.chunks)))
            raise self._error(problem)

    def _put(self, encoded: EncodedTable) -> str:
        """Write the chunks and read them back; return the problem, or "" if there is none."""
        failed: Sequence[str] = self._cache.set_many(dict(encoded.chunks), timeout=None)
        if failed:
            return f"refused {len(failed)} of {len(encoded.chunks)} chunks of names"
        table = self._table(encoded.pointer)
        if isinstance(table, Unusable):
            return f"does not return what was just written ({table.problem})"
        return ""

    def _switch(self, pointer: Pointer, before: Pointer | Unusable) -> None:
        self._attempt("cannot be written", lambda: self._set_pointer(pointer))
        after = self._attempt("cannot be read", self._pointer)
        if isinstance(after, Pointer) and after not in (pointer, before):
            logger.warning(
                "CACHES[%r]: release %s was published at the same time as %s, and is in force",
                *(self.alias, after.release, pointer.release),
            )
        elif after != pointer:
            raise self._error("does not keep the entry that names the release in force")

    def _restore(self, before: Pointer | Unusable) -> None:
        """Write the old pointer again: some clients delete it on failure, and a full cache may evict it."""
        if isinstance(before, Pointer) and self._attempt_quietly(self._pointer) != before:
            self._attempt_quietly(lambda: self._set_pointer(before))

    def _set_pointer(self, pointer: Pointer) -> None:
        self._cache.set(self._namespace.pointer_key, self._namespace.encode_pointer(pointer), timeout=None)

    def _let_expire(self, pointer: Pointer) -> None:
        """Let a replaced table expire later, unless another process put it in force again meanwhile."""
        keys = self._namespace.chunk_keys(pointer)
        self._attempt_quietly(lambda: [self._cache.touch(key, self._retention) for key in keys])
        if self._attempt_quietly(self._pointer) == pointer:
            self._attempt_quietly(lambda: [self._cache.touch(key, None) for key in keys])

    # Errors

    def _attempt(self, problem: str, action: Callable[[], T]) -> T:
        try:
            return action()
        except Exception as error:
            raise self._error(f"{problem} ({_described(error)})") from error

    def _attempt_quietly(self, action: Callable[[], T]) -> T | None:
        """Do something that the publication does not depend on; log a failure."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001
            logger.warning(
                "CACHES[%r]: cleaning up after the publication failed (%s)",
                *(self.alias, _described(error)),
            )
            return None

    def _error(self, problem: str) -> PublishError:
        backend = caches.settings.get(self.alias, {}).get("BACKEND", "not defined")
        return PublishError(
            f"CACHES[{self.alias!r}] ({backend})",
            problem,
            "the previous release stays in force. Check that the cache runs, that all processes share it "
            "and that it has room, then publish again",
        )


def _described(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
