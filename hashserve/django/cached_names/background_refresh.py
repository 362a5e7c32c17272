"""A regular refresh in a thread of its own, so that a slow cache delays no page for long.

Invariant: at most one refresh runs in a process at a time. A caller waits for it at most `FIRST_PATIENCE`
seconds before the first result, and `PATIENCE` seconds later.

In its own thread, a refresh has its own connections. So it may run for a caller under an event loop, in a
database transaction or after a fork.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import Context
from typing import NamedTuple

from hashserve.serve.locks import ForkSafeLock

__all__ = ["FIRST_PATIENCE", "PATIENCE", "BackgroundRefresh", "RunningRefresh"]

FIRST_PATIENCE = 5.0
"""How many seconds a caller waits while there is no result yet."""

PATIENCE = 0.5
"""How many seconds a caller waits for a later refresh, unless the one before was slow."""

_OVERDUE = float("-inf")
"""The due time of a refresh that must run before anything else."""


class RunningRefresh(NamedTuple):
    """A refresh that runs: the id of its process, and the event of its end."""

    process: int
    ended: threading.Event


class BackgroundRefresh:
    """Calls ``refresh`` at most every ``interval`` seconds, when `run_if_due` is called.

    ``refresh`` calls `record_result` at its end. ``on_no_result`` is called once, if the first result takes
    too long.
    """

    def __init__(
        self,
        refresh: Callable[[], None],
        *,
        on_no_result: Callable[[], None],
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        self._refresh = refresh
        self._on_no_result = on_no_result
        self._interval = interval
        self._clock = clock
        self._due = _OVERDUE
        self._has_result = False
        self._is_slow = False
        self._running: RunningRefresh | None = None
        self._guard = ForkSafeLock()

    def run_if_due(self) -> None:
        """Start a refresh if it is due, and wait a moment for its result."""
        if self._clock() >= self._due:
            running = self._claim()
            if running is None:
                self._wait_for_first_result()
            else:
                self._run(running)

    def make_due(self) -> None:
        """Make a refresh due now."""
        with self._guard.lock:
            self._due = _OVERDUE

    def record_result(self, *, is_reachable: bool = True) -> None:
        """Make the next refresh due after the interval.

        Callers wait for it if ``is_reachable``, or if this one was not slow.
        """
        with self._guard.lock:
            self._has_result = True
            self._is_slow = self._is_slow and not is_reachable
            self._due = self._clock() + self._interval

    def _claim(self) -> RunningRefresh | None:
        """Return the refresh that this caller must run; None if another caller runs it, or has run it."""
        process = os.getpid()
        with self._guard.lock:
            if self._clock() < self._due:
                return None
            if self._has_result:
                self._due = self._clock() + self._interval
            # A thread that ran at a fork does not exist in the child.
            if self._running is not None and self._running.process == process:
                return None
            self._running = RunningRefresh(process, threading.Event())
            return self._running

    def _wait_for_first_result(self) -> None:
        running = self._running
        if running is not None and not self._has_result:
            running.ended.wait(FIRST_PATIENCE)

    def _run(self, running: RunningRefresh) -> None:
        # In a new context, because Django keeps a cache's connections in the context.
        thread = threading.Thread(
            target=Context().run, args=(self._refresh_and_end, running), name="hashserve", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the limit of threads is reached, or the interpreter is shutting down
            self._postpone()
            self._end(running)
            return
        patience = (0 if self._is_slow else PATIENCE) if self._has_result else FIRST_PATIENCE
        self._is_slow = not running.ended.wait(patience)
        if self._is_slow:
            self._postpone()

    def _refresh_and_end(self, running: RunningRefresh) -> None:
        try:
            self._refresh()
        finally:
            self._end(running)

    def _end(self, running: RunningRefresh) -> None:
        self._running = None
        running.ended.set()

    def _postpone(self) -> None:
        """Stop waiting for the first result; make the next refresh due after the interval."""
        if not self._has_result:
            self._on_no_result()
        with self._guard.lock:
            self._has_result = True
            self._due = self._clock() + self._interval
