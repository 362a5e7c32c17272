"""Waiting for other threads so that a signal, such as that of Ctrl-C, soon ends it.

Invariant: no wait is longer than `WAIT_SECONDS`. Python acts on a signal that arrives just before the main
thread begins to wait only when the wait is over.
"""

from __future__ import annotations

from concurrent.futures import Future, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

__all__ = ["next_of", "result_of"]

WAIT_SECONDS = 0.2

Result = TypeVar("Result")


def result_of(future: Future[Result]) -> Result:
    """Wait for the result of a future, and return it. Raises what the future raised."""
    while not future.done():
        wait([future], WAIT_SECONDS)
    return future.result()


def next_of(queue: SimpleQueue[Result]) -> Result:
    """Wait for the next item of a queue, and return it."""
    while True:
        with suppress(Empty):
            return queue.get(timeout=WAIT_SECONDS)
