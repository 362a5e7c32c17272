"""Clients in threads, which send requests as long as a context is open."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["running_clients"]


@contextmanager
def running_clients(
    count: int, run: Callable[[random.Random], None], is_over: threading.Event
) -> Iterator[None]:
    """Run clients inside the context, each with its own seed; then set ``is_over`` and wait for them."""
    threads = [threading.Thread(target=run, args=[random.Random(seed)]) for seed in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
