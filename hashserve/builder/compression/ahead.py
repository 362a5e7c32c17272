"""Compression that begins before it is due: while files are still being read and named.

Invariant: it only saves time. What is not made by the time it is asked for is made by whoever asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from heapq import heappop, heappush

from hashserve.errors import HashserveError
from hashserve.http.codings import DecodeError

__all__ = ["LARGEST", "MOST", "SMALLEST", "Ahead", "ContentKey"]

SMALLEST = 4096
"""Contents of fewer bytes are not worth a word between threads."""

LARGEST = 8 * 1024 * 1024
"""Contents of more bytes are not kept in memory."""

MOST = 512
"""How many contents are taken on: what is made is kept until it is asked for."""

ContentKey = tuple[str, str]
"""The SHA-256 of a content, and a coding."""

Make = Callable[[], bytes]


class Ahead:
    """Makes coded contents on ``threads`` threads, the largest of those that wait first."""

    def __init__(self, threads: int) -> None:
        self._most_threads = threads
        self._threads: list[threading.Thread] = []
        self._waiting: list[tuple[int, int, Future[bytes | None], Make]] = []
        self._taken_on: dict[ContentKey, Future[bytes | None]] = {}
        self._changed = threading.Condition()
        self._is_over = False

    def add(self, key: ContentKey, size: int, make: Make) -> None:
        """Have ``make`` called soon for a content of ``size`` bytes, unless that is not worth it."""
        if not SMALLEST <= size <= LARGEST:
            return
        with self._changed:
            if self._is_over or key in self._taken_on or len(self._taken_on) >= MOST:
                return
            future: Future[bytes | None] = Future()
            self._taken_on[key] = future
            heappush(self._waiting, (-size, len(self._taken_on), future, make))
            if len(self._threads) < self._most_threads:
                thread = threading.Thread(target=self._work, name="hashserve-ahead")
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def take(self, key: ContentKey) -> bytes | None:
        """Give what was made, once it is if it has begun; None where it has not, or failed."""
        with self._changed:
            future = self._taken_on.pop(key, None)
        if future is None or future.cancel():
            return None
        return future.result()

    def end(self) -> None:
        """Begin nothing more."""
        with self._changed:
            self._is_over = True
            while self._waiting:
                self._waiting.pop()[2].cancel()
            self._changed.notify_all()

    def close(self) -> None:
        """End, and wait for what has begun."""
        self.end()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._is_over:
                        return
                    self._changed.wait()
                _, _, future, make = heappop(self._waiting)
            if future.set_running_or_notify_cancel():
                future.set_result(_attempted(make))


def _attempted(make: Make) -> bytes | None:
    """Make a coded content; whoever makes it in earnest meets what went wrong, and says so."""
    try:
        return make()
    except (OSError, DecodeError, HashserveError):
        return None
