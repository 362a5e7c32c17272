"""Growth of work with the size of its input, as a ratio of processor times in one process.

Invariant: no test asserts a time. A ratio of processor times does not depend on the speed of the machine, and
little on its load.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

__all__ = ["FACTOR", "assert_linear", "assert_linear_where_slow", "growth"]

FACTOR = 16
"""The factor between the two sizes: linear work grows 16 times, quadratic work 256 times."""

_BOUND = 120
"""Twice the measured growth of linear work whose memory outgrows the caches; half that of quadratic work."""

_LEAST_SECONDS = 0.001
"""The shortest time that is measured, because clock and interpreter have errors of microseconds."""

_LARGEST_SIZE = 1_000_000
"""Work that takes less than `_LEAST_SECONDS` at this size counts as constant."""


def assert_linear(work: Callable[[int], object], *, size: int) -> None:
    """Assert that ``work(n)`` grows about as n does, for n of ``size`` or more.

    A busy machine can distort a measurement, so this fails only after three.
    """
    ratios: list[float] = []
    while len(ratios) < 3 and min(ratios, default=_BOUND) >= _BOUND:
        ratios.append(growth(work, size=size))
    assert min(ratios) < _BOUND, f"{FACTOR} times the size took {min(ratios):.0f} times the work"


def assert_linear_where_slow(work: Callable[[int], object], *, size: int, name: object) -> None:
    """Assert that ``work(4 * size)`` takes about four times as long as ``work(size)``, unless it is quick.

    This is for hundreds of kinds of work, each with a ``name``: it measures each twice, and more often only
    if it seems to fail.
    """
    for _ in range(3):
        large = _seconds(work, 4 * size)
        if large < _QUICK or large < _FOURFOLD_BOUND * _seconds(work, size):
            return
    pytest.fail(f"{name!r}: four times the size took over {_FOURFOLD_BOUND} times the work")


_QUICK = 0.002
_FOURFOLD_BOUND = 10
"""Linear work takes 4 times as long, quadratic work 16 times."""


def growth(work: Callable[[int], object], *, size: int) -> float:
    """Return how many times the processor time grows when the size grows `FACTOR` times.

    The smaller size is ``size``, doubled until its time can be measured.
    """
    while (small := min(_seconds(work, size) for _ in range(3))) < _LEAST_SECONDS:
        if size > _LARGEST_SIZE:
            return 1.0
        size *= 2
    return _seconds(work, size * FACTOR) / small


def _seconds(work: Callable[[int], object], size: int) -> float:
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        started = time.thread_time()
        work(size)
        return time.thread_time() - started
    finally:
        if is_collecting:
            gc.enable()
