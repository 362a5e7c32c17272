"""A bounded cache that costs a hit nothing.

Invariant: what it holds never weighs more than its limit, whatever is put in, and nothing is written
when something is found among the young.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import ClassVar, Generic, TypeVar

__all__ = ["BoundedCache", "ForkSafeLock"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ForkSafeLock:
    """A lock that is free in a child process, whoever held it in the parent at the fork."""

    _all: ClassVar[weakref.WeakSet[ForkSafeLock]] = weakref.WeakSet()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    @classmethod
    def renew_all(cls) -> None:
        """Make every lock free again; called in a child right after the fork."""
        for lock in tuple(cls._all):
            lock._lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch  # all but Windows
    os.register_at_fork(after_in_child=ForkSafeLock.renew_all)


class BoundedCache(Generic[K, V]):
    """Two dictionaries, young and old; when the young are half the limit they become the old.

    An entry that is asked for among the old is young again, so what is in use stays: the effect
    of least-recently-used without a write on each hit. ``weigh`` gives an entry's weight in
    whatever unit ``limit`` is in. ``on_drop`` is called when a generation has been dropped.
    """

    def __init__(
        self, limit: int, weigh: Callable[[K, V], int], on_drop: Callable[[], None] = lambda: None
    ) -> None:
        self._half = limit // 2
        self._weigh = weigh
        self._on_drop = on_drop
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._weight = 0
        self._lock = ForkSafeLock()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Find an entry, and keep it from being dropped next."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> bool:
        """Keep an entry in place of any other of its key; False if it is too heavy to be kept."""
        weight = self._weigh(key, value)
        with self._lock:
            self._forget(key)
            if weight > self._half:
                return False
            must_drop = self._weight + weight > self._half
            if must_drop:
                self._old, self._young, self._weight = self._young, {}, 0
            self._young[key] = value
            self._weight += weight
        if must_drop:
            self._on_drop()
        return True

    def _forget(self, key: K) -> None:
        if key in self._young:
            self._weight -= self._weigh(key, self._young.pop(key))
        self._old.pop(key, None)

    def drop(self, key: K) -> None:
        """Drop one entry, if it is there."""
        with self._lock:
            self._forget(key)

    def has_room(self, weight: int) -> bool:
        """Whether an entry of this weight can be put without another being dropped."""
        return weight <= self._half and (self._weight + weight <= self._half or not self._old)

    def total(self) -> tuple[int, int]:
        """Give the number of entries and what they weigh together, each of them looked at."""
        with self._lock:
            entries = [*self._young.items(), *self._old.items()]
        return len(entries), sum(self._weigh(key, value) for key, value in entries)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._young, self._old, self._weight = {}, {}, 0
