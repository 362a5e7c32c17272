"""One release for one page: what is looked up while a request is answered comes of one table.

Invariant: between the first look-up in `one_release` and its end, a switch to another release is not
seen, so that a URL and the ``integrity`` beside it, or two style sheets, always belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["one_release", "pinned"]

T = TypeVar("T")


class _PinnedTables:
    """What was looked up first for one page, by who keeps it."""

    __slots__ = ("first", "is_over")

    def __init__(self) -> None:
        self.first: dict[object, Any] = {}
        self.is_over = False


_PAGE: ContextVar[_PinnedTables | None] = ContextVar("hashserve_page", default=None)


@contextmanager
def one_release() -> Iterator[None]:
    """Keep to one release inside; for a middleware, or around a page that is rendered elsewhere.

    It may be nested, works in coroutines too, and costs no look at anything by itself.
    """
    page = _PAGE.get()
    if page is not None and not page.is_over:
        yield
        return
    page = _PinnedTables()
    _PAGE.set(page)
    try:
        yield
    finally:
        # Not reset: a task that was started inside lives on with a copy of the context, and a
        # coroutine may be closed in another context than it ran in.
        page.is_over = True
        page.first.clear()


def pinned(owner: object, current: Callable[[], T]) -> T:
    """Give what ``current`` gave first for ``owner`` on this page; what it gives now outside of one."""
    page = _PAGE.get()
    if page is None or page.is_over:
        return current()
    found: T | None = page.first.get(owner)
    if found is None:
        found = page.first[owner] = current()
    return found
