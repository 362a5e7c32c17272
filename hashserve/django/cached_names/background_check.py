"""A check that runs in a thread of its own when it is due.

Invariant: at most one check runs in a process at a time, and no caller waits for it longer than
`FIRST_PATIENCE` seconds before the first result, and `PATIENCE` seconds later.

In its own thread a check has its own connections. So it may be due under an event loop, in a database
transaction or after a fork, and a cache that does not answer delays nobody for long.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field

from hashserve.serve.locks import ForkSafeLock

__all__ = ["FIRST_PATIENCE", "PATIENCE", "BackgroundCheck", "RunningCheck"]

FIRST_PATIENCE = 5.0
"""How many seconds a caller waits while there is no result yet."""

PATIENCE = 0.5
"""How many seconds a caller waits for a later check, unless the check before was slow."""

_OVERDUE = float("-inf")
"""The due time of a check that must run before anything else."""


@dataclass(frozen=True, slots=True)
class RunningCheck:
    """A check that runs: in which process, and the event of its end."""

    process: int
    ended: threading.Event = field(default_factory=threading.Event)


class BackgroundCheck:
    """Runs ``check`` every ``interval`` seconds, if `run_if_due` is called that often.

    ``check`` calls `record_result` at its end. ``on_no_result`` is called once, if the first result takes
    too long.
    """

    def __init__(
        self,
        check: Callable[[], None],
        *,
        on_no_result: Callable[[], None],
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        self._check = check
        self._on_no_result = on_no_result
        self._interval = interval
        self._clock = clock
        self._due = _OVERDUE
        self._has_result = False
        self._is_slow = False
        self._running: RunningCheck | None = None
        self._guard = ForkSafeLock()

    def run_if_due(self) -> None:
        """Run the check if it is due, and wait for it for a moment."""
        if self._clock() >= self._due:
            running = self._claim()
            if running is None:
                self._wait_for_first_result()
            else:
                self._run(running)

    def make_due(self) -> None:
        """Make the check due now."""
        with self._guard.lock:
            self._due = _OVERDUE

    def record_result(self, *, is_reachable: bool = True) -> None:
        """Make the check due again after the interval.

        Callers wait for the next check if ``is_reachable``, or if this one was not slow.
        """
        with self._guard.lock:
            self._has_result = True
            self._is_slow = self._is_slow and not is_reachable
            self._due = self._clock() + self._interval

    def _claim(self) -> RunningCheck | None:
        """Return the check that this caller has to run; None if another one runs it, or did."""
        process = os.getpid()
        with self._guard.lock:
            if self._clock() < self._due:
                return None
            if self._has_result:
                self._due = self._clock() + self._interval
            # A thread that ran at a fork does not exist in the child.
            if self._running is not None and self._running.process == process:
                return None
            self._running = RunningCheck(process)
            return self._running

    def _wait_for_first_result(self) -> None:
        running = self._running
        if running is not None and not self._has_result:
            running.ended.wait(FIRST_PATIENCE)

    def _run(self, running: RunningCheck) -> None:
        # In a new context, because Django keeps a cache's connections in the context.
        thread = threading.Thread(
            target=Context().run, args=(self._check_and_end, running), name="hashserve", daemon=True
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

    def _check_and_end(self, running: RunningCheck) -> None:
        try:
            self._check()
        finally:
            self._end(running)

    def _end(self, running: RunningCheck) -> None:
        self._running = None
        running.ended.set()

    def _postpone(self) -> None:
        """Wait no longer for the first result; make the check due again after the interval."""
        if not self._has_result:
            self._on_no_result()
        with self._guard.lock:
            self._has_result = True
            self._due = self._clock() + self._interval
