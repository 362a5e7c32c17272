"""Answers and bodies for an event loop, read from disk by a few threads.

Invariant: the loop never waits for the disk. At most `MOST_READERS` threads read for all requests. A
descriptor is closed exactly once, also if the client leaves while a thread reads.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice

from hashserve.gateways.wsgi_bodies import SpansBody
from hashserve.http.messages import Body, Request
from hashserve.serve.answers import Answer

__all__ = ["MOST_READERS", "AsyncSpansBody", "answer_in_thread"]

MOST_READERS = 8
"""The most threads that read from disk, for all event loops of a process."""

PIECE_SIZE = 64 * 1024
"""How many bytes are sent at a time. Django cuts larger pieces to this size, which copies them."""

PIECES_AT_A_TIME = 16
"""How many pieces a thread reads at a time: 5 MB take 1 ms, and 7 ms with one piece at a time."""


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_READERS, thread_name_prefix="hashserve")


if hasattr(os, "register_at_fork"):  # pragma: no branch  # all but Windows
    # Threads do not survive a fork; a child starts its own.
    os.register_at_fork(after_in_child=_readers.cache_clear)


async def answer_in_thread(ask: Callable[[Request], Answer | None], request: Request) -> Answer | None:
    """Call ``ask`` in another thread; if the client leaves meanwhile, close the file that it opened."""
    future = _readers().submit(ask, request)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        future.add_done_callback(_close_unclaimed)
        raise


def _close_unclaimed(future: Future[Answer | None]) -> None:
    if future.cancelled() or future.exception() is not None:
        return
    answer = future.result()
    if answer is not None and answer.descriptor is not None:
        os.close(answer.descriptor)


class AsyncSpansBody:
    """The body of `SpansBody`, read by other threads while the loop goes on."""

    def __init__(self, descriptor: int, parts: Body) -> None:
        self._body = SpansBody(descriptor, parts, block_size=PIECE_SIZE)
        self._chunks = iter(self._body)
        self._read: list[bytes] = []
        self._left = sum(len(part) if isinstance(part, bytes) else part.length for part in parts)
        self._in_use = threading.Lock()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._read and self._left:  # the end needs no thread
            self._read = await asyncio.wrap_future(_readers().submit(self._read_ahead))
        if not self._read:
            raise StopAsyncIteration
        piece = self._read.pop()
        self._left -= len(piece)
        return piece

    def _read_ahead(self) -> list[bytes]:
        """Read the next pieces; the last of the list is sent first."""
        with self._in_use:
            return list(islice(self._chunks, PIECES_AT_A_TIME))[::-1]

    def close(self) -> None:
        """Close the descriptor as soon as no thread reads from it."""
        with self._in_use:
            self._body.close()
