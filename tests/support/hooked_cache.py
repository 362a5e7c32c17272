"""A cache of Django's that a test can disturb, and name tables to put into it."""

# Django has no types.
# mypy: disable-error-code="misc"
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.cache.backends.locmem import LocMemCache

from hashserve.digests import digest_of, integrity_of
from hashserve.django.cached_names.name_cache import NameCache
from hashserve.django.name_table import NameTable

__all__ = ["HOOKS", "LOST", "REFUSED", "HookedCache", "publish", "raising", "table"]

HOOKS: dict[str, Callable[[], None]] = {}
"""What a method of the cache does first, by the method's name."""

REFUSED: list[str] = []
"""Parts of keys that the cache does not keep. ``set_many`` reports them, ``set`` does not."""


LOST: list[str] = []
"""Ends of keys that ``set_many`` accepts and the cache does not keep."""


class HookedCache(LocMemCache):
    """Django's local-memory cache with `HOOKS`, `REFUSED` and `LOST`."""

    def get(self, *args: Any, **options: Any) -> Any:
        HOOKS.get("get", int)()
        return super().get(*args, **options)

    def set(self, *args: Any, **options: Any) -> Any:
        HOOKS.get("set", int)()
        if any(part in args[0] for part in REFUSED):
            return self.delete(args[0])
        return super().set(*args, **options)

    def set_many(self, data: Mapping[str, object], *args: Any, **options: Any) -> list[str]:
        super().set_many(data, *args, **options)
        self.delete_many([key for key in data if key.endswith(tuple(LOST))])
        return [key for key in data if any(part in key for part in REFUSED)]

    def touch(self, *args: Any, **options: Any) -> Any:
        HOOKS.get("touch", int)()
        return super().touch(*args, **options)


def raising(error: Exception) -> Callable[[], None]:
    """Return a hook that fails."""

    def fail() -> None:
        raise error

    return fail


def table(release: str, *more: str) -> NameTable:
    """Return a table with the name "a" and ``more``."""
    names = {name: f"{name}.{release}" for name in ("a", *more)}
    return NameTable(
        release=release, names=names, integrity={"a": integrity_of(digest_of([release.encode()]))}
    )


def publish(release: str, *more: str) -> None:
    """Publish as another process does: readers in this process do not notice."""
    NameCache("default", "site").publish(table(release, *more))
