"""The release of a page: all look-ups for one page come from the same release.

Invariant: between the first look-up inside `one_release` and its end, a switch to another release has no
effect. So a URL and its ``integrity``, or two style sheets, always belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["one_release", "pinned"]

T = TypeVar("T")


class _Page:
    """The first result of each owner's look-up on this page."""

    __slots__ = ("has_ended", "results")

    def __init__(self) -> None:
        self.results: dict[object, Any] = {}
        self.has_ended = False


_PAGE: ContextVar[_Page | None] = ContextVar("hashserve_page", default=None)


@contextmanager
def one_release() -> Iterator[None]:
    """Make all look-ups inside come from one release: in a middleware, or around a page outside a request.

    It may be nested, and works in coroutines. It reads nothing by itself.
    """
    page = _PAGE.get()
    if page is not None and not page.has_ended:
        yield
        return
    page = _Page()
    _PAGE.set(page)
    try:
        yield
    finally:
        # The variable is not reset: a task that was started inside keeps a copy of the context, and a
        # coroutine may be closed in another context than it ran in.
        page.has_ended = True
        page.results.clear()


def pinned(owner: object, current: Callable[[], T]) -> T:
    """Return what ``current`` returned first for ``owner`` on this page; outside a page, call it."""
    page = _PAGE.get()
    if page is None or page.has_ended:
        return current()
    result: T | None = page.results.get(owner)
    if result is None:
        result = page.results[owner] = current()
    return result
