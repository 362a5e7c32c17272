"""A cache that is bounded in weight, and in which most hits write nothing.

Invariant: all entries together never weigh more than the limit. A lookup that finds a young entry writes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from hashserve.serve.locks import ForkSafeLock

__all__ = ["BoundedCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Two dictionaries, young and old. When the young one weighs half the limit, it replaces the old one.

    An old entry that is found becomes young again, so that entries in use stay: nearly as in a
    least-recently-used cache, but without a write on each hit. ``on_drop`` is called after old entries were
    dropped.
    """

    def __init__(self, limit: int, on_drop: Callable[[], None] = lambda: None) -> None:
        self._half = limit // 2
        self._on_drop = on_drop
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._weight = 0  # of the young
        self._guard = ForkSafeLock()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None; an old entry becomes young."""
        entry = self._young.get(key)
        if entry is None:
            entry = self._old.get(key)
            if entry is None:
                return None
            self.put(key, *entry)
        return entry[0]

    def put(self, key: K, value: V, weight: int = 1) -> bool:
        """Keep a value in place of any other of its key; False if it is too heavy to be kept."""
        with self._guard.lock:
            self._remove(key)
            if weight > self._half:
                return False
            must_drop = self._weight + weight > self._half
            if must_drop:
                self._old, self._young, self._weight = self._young, {}, 0
            self._young[key] = value, weight
            self._weight += weight
        if must_drop:
            self._on_drop()
        return True

    def _remove(self, key: K) -> None:
        if key in self._young:
            self._weight -= self._young.pop(key)[1]
        self._old.pop(key, None)

    def drop(self, key: K) -> None:
        """Drop one entry, if it is kept."""
        with self._guard.lock:
            self._remove(key)

    def has_room(self, weight: int) -> bool:
        """Whether an entry of this weight can be kept without dropping another."""
        return weight <= self._half and (self._weight + weight <= self._half or not self._old)

    def total(self) -> tuple[int, int]:
        """Return the number of entries and their total weight, in time that grows with the number."""
        with self._guard.lock:
            entries = [*self._young.values(), *self._old.values()]
        return len(entries), sum(weight for _, weight in entries)

    def clear(self) -> None:
        """Drop everything."""
        with self._guard.lock:
            self._young, self._old, self._weight = {}, {}, 0
