"""Waits for other threads end at once with what is awaited, however long that takes."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import SimpleQueue

import pytest

from hashserve.builder import waiting
from hashserve.builder.waiting import next_of, result_of


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WAIT_SECONDS", 0.001)


def test_a_result_is_waited_for_again_and_again() -> None:
    future: Future[int] = Future()
    threading.Timer(0.05, future.set_result, [7]).start()
    assert result_of(future) == 7
    assert result_of(future) == 7


def test_the_error_of_a_future_is_raised_also_one_that_looks_like_the_end_of_a_wait() -> None:
    future: Future[int] = Future()
    future.set_exception(TimeoutError("of the work"))
    with pytest.raises(TimeoutError, match="of the work"):
        result_of(future)


def test_an_item_is_waited_for_again_and_again() -> None:
    queue: SimpleQueue[int] = SimpleQueue()
    threading.Timer(0.05, queue.put, [7]).start()
    assert next_of(queue) == 7
