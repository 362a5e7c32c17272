"""The log of files that cannot be served.

Invariant: clients cannot fill the log, nor keep the operator's problems out of it. A message stays one line.
It appears once in `PERIOD`, or once a minute if the machine is the cause. Problems of the site's own files
and problems of paths that clients choose have a budget each, which is full again after each period.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from hashserve.serve.files import is_machine_error
from hashserve.url_paths import url_of
from hashserve.visible_text import logger

__all__ = [
    "LOGGED_AGAIN_AFTER",
    "MOST_LOGGED",
    "MOST_LOGGED_OF_CLIENTS",
    "PERIOD",
    "FailureLog",
    "log_missing_root",
]

MOST_LOGGED = 1000
"""The most different messages about its own files that one site logs in `PERIOD`."""

MOST_LOGGED_OF_CLIENTS = 100
"""The most different messages about paths that clients choose."""

PERIOD = 3600.0
"""Seconds until the same message is logged again, and until more of them are logged."""

LOGGED_AGAIN_AFTER = 60.0
"""Seconds until a shortage of descriptors or memory, or a failing disk, is logged again."""


class FailureLog:
    """What one site has logged; ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of_own_files = _Budget(clock, MOST_LOGGED, "the site's own files")
        self._of_clients = _Budget(clock, MOST_LOGGED_OF_CLIENTS, "requested paths")
        self._due: dict[int | None, float] = {}

    def log_failure(self, path: str, error: OSError) -> None:
        """Log why the file at a URL path, which a client chose, cannot be served."""
        self._log_failure(self._of_clients, path, error)

    def log_failure_of_page(self, path: str, error: OSError) -> None:
        """Log why a page that a setting names cannot be served."""
        self._log_failure(self._of_own_files, path, error)

    def _log_failure(self, budget: _Budget, path: str, error: OSError) -> None:
        message = f"{url_of(path)}: {error}"
        if is_machine_error(error):
            self._log_at_times(error.errno, message)
        else:
            budget.log(message)

    def log_once(self, message: str) -> None:
        """Log what is wrong with a file that the manifest lists or a setting names."""
        self._of_own_files.log(message)

    def _log_at_times(self, number: int | None, message: str) -> None:
        """Log a problem of the machine at once, and again from time to time while it lasts."""
        now = self._clock()
        if now >= self._due.get(number, now):
            self._due[number] = now + LOGGED_AGAIN_AFTER
            logger.error("cannot serve %s", message)

    def __len__(self) -> int:
        """Return how many messages are remembered."""
        return len(self._of_own_files.logged) + len(self._of_clients.logged)


class _Budget:
    """At most ``limit`` different messages in a period, and then how many more there were."""

    def __init__(self, clock: Callable[[], float], limit: int, subject: str) -> None:
        self._clock = clock
        self._limit = limit
        self._subject = subject
        self._ends_at = clock() + PERIOD
        self._left_out = 0
        self.logged: set[str] = set()

    def log(self, message: str) -> None:
        if self._clock() >= self._ends_at:
            self._start_again()
        if message in self.logged:
            return
        if len(self.logged) < self._limit:
            self.logged.add(message)
            logger.error("cannot serve %s", message)
            return
        if not self._left_out:
            logger.error("too many problems with %s: the next are logged in an hour", self._subject)
        self._left_out += 1

    def _start_again(self) -> None:
        if self._left_out:
            logger.error("%d messages about %s were left out", self._left_out, self._subject)
        self._ends_at = self._clock() + PERIOD
        self._left_out = 0
        self.logged.clear()


@lru_cache(maxsize=MOST_LOGGED)
def log_missing_root(path: str) -> None:
    """Log a root that does not exist, once a process, because a test client makes a site for each test."""
    logger.warning("there is no folder at %s yet; its files are served as soon as it exists", path)
