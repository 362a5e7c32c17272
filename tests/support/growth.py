"""Growth of work with the size of its input, as a ratio of processor times in one process.

Invariant: no test asserts a time. A ratio of processor times does not depend on the speed of the machine, and
little on its load.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

__all__ = ["FACTOR", "assert_linear", "growth"]

FACTOR = 8
"""The factor between the two sizes: linear work grows 8 times, quadratic work 64 times."""

_BOUND = 28
_LEAST_SECONDS = 0.003
"""Less is not measured: a clock that ticks 1,000,000 times a second has 0.1 % of it as its error."""


def assert_linear(work: Callable[[int], object], *, size: int) -> None:
    """Assert that ``work(n)`` grows about as n does, for n of ``size`` or more.

    The bound, 28 times the work for 8 times the size, leaves room for a busy machine and for caches.
    """
    ratio = growth(work, size=size)
    assert ratio < _BOUND, f"{FACTOR} times the size took {ratio:.0f} times the work"


def growth(work: Callable[[int], object], *, size: int) -> float:
    """Return how many times the processor time grows when the size grows `FACTOR` times.

    The smaller size is ``size``, doubled until its time can be measured. Each time is the least of three.
    """
    while (small := _least_seconds(work, size)) < _LEAST_SECONDS:
        size *= 2
    return _least_seconds(work, size * FACTOR) / small


def _least_seconds(work: Callable[[int], object], size: int) -> float:
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        return min(_seconds(work, size) for _ in range(3))
    finally:
        if is_collecting:
            gc.enable()


def _seconds(work: Callable[[int], object], size: int) -> float:
    started = time.thread_time()
    work(size)
    return time.thread_time() - started
