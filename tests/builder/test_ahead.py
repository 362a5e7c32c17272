"""Compression that begins before it is due."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from hashserve.builder.compression.ahead import LARGEST, MOST, SMALLEST, Ahead
from hashserve.errors import SourceError

KEY = ("sha256", "br")
SIZE = SMALLEST


def test_what_was_made_is_given_once() -> None:
    ahead = Ahead(2)
    begun = threading.Event()

    def make() -> bytes:
        begun.set()
        return b"made"

    ahead.add(KEY, SIZE, make)
    assert begun.wait(60)
    assert ahead.take(KEY) == b"made"
    assert ahead.take(KEY) is None
    ahead.close()


def test_what_has_begun_is_waited_for() -> None:
    ahead = Ahead(1)
    begun, may_end = threading.Event(), threading.Event()

    def make() -> bytes:
        begun.set()
        may_end.wait(60)
        return b"made"

    ahead.add(KEY, SIZE, make)
    assert begun.wait(60)
    threading.Timer(0.05, may_end.set).start()
    assert ahead.take(KEY) == b"made"
    ahead.close()


def test_what_has_not_begun_is_left_to_whoever_asks_and_the_largest_comes_first() -> None:
    ahead = Ahead(1)
    begun, may_end = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> bytes:
        begun.set()
        may_end.wait(60)
        return b"first"

    ahead.add(("first", "br"), SIZE, first)
    assert begun.wait(60)
    for name, size in (("small", SIZE), ("large", SIZE * 2), ("asked", SIZE * 3)):
        ahead.add((name, "br"), size, partial(noted, order, name))
    assert ahead.take(("asked", "br")) is None
    may_end.set()
    assert ahead.take(("first", "br")) == b"first"
    while len(order) < 2:
        threading.Event().wait(0.01)
    assert order == ["large", "small"]
    ahead.close()


def noted(order: list[str], name: str) -> bytes:
    """Note when something is made."""
    order.append(name)
    return b""


@pytest.mark.parametrize("size", [0, SMALLEST - 1, LARGEST + 1])
def test_what_is_not_worth_it_is_not_taken_on(size: int) -> None:
    ahead = Ahead(1)
    ahead.add(KEY, size, lambda: b"made")
    assert ahead.take(KEY) is None
    ahead.close()


def test_only_so_much_is_kept() -> None:
    ahead = Ahead(1)
    for number in range(MOST + 1):
        ahead.add((str(number), "br"), SIZE, lambda: b"")
    assert ahead.take((str(MOST), "br")) is None
    ahead.close()


def test_a_failure_is_left_to_whoever_meets_it_in_earnest() -> None:
    ahead = Ahead(1)
    begun = threading.Event()

    def make() -> bytes:
        begun.set()
        raise SourceError("a.css", "changed during the build", "build again")

    ahead.add(KEY, SIZE, make)
    assert begun.wait(60)
    assert ahead.take(KEY) is None
    ahead.close()


def test_after_the_end_nothing_begins_and_no_thread_is_left() -> None:
    before = threading.active_count()
    ahead = Ahead(4)
    ahead.add(KEY, SIZE, lambda: b"made")
    ahead.close()
    ahead.add(("other", "br"), SIZE, lambda: b"made")
    assert ahead.take(("other", "br")) is None
    assert threading.active_count() == before
