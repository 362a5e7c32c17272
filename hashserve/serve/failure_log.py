"""The log of files that cannot be served.

Invariant: no client fills the log. A message appears once in a process, or once a minute if the machine is
the cause, and paths are percent-encoded, so that none starts a line of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

from hashserve.serve.files import is_machine_error
from hashserve.url_paths import url_of

__all__ = ["LOGGED_AGAIN_AFTER", "MOST_LOGGED", "FailureLog", "log_missing_root"]

MOST_LOGGED = 1000
"""The most different messages that one site logs."""

LOGGED_AGAIN_AFTER = 60.0
"""Seconds until a shortage of descriptors or memory, or a failing disk, is logged again."""

_logger = logging.getLogger("hashserve")


class FailureLog:
    """What one site has logged; ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._logged: set[str] = set()
        self._due: dict[int | None, float] = {}

    def log_failure(self, path: str, error: OSError) -> None:
        """Log why the file at a URL path cannot be served."""
        message = f"{url_of(path)}: {error}"
        if is_machine_error(error):
            self._log_at_times(error.errno, message)
        else:
            self.log_once(message)

    def log_once(self, message: str) -> None:
        """Log what is wrong with one file, unless this was logged before."""
        if message not in self._logged and len(self._logged) < MOST_LOGGED:
            self._logged.add(message)
            _logger.error("cannot serve %s", message)

    def _log_at_times(self, number: int | None, message: str) -> None:
        """Log a problem of the machine at once, and again from time to time while it lasts."""
        now = self._clock()
        if now >= self._due.get(number, now):
            self._due[number] = now + LOGGED_AGAIN_AFTER
            _logger.error("cannot serve %s", message)


@lru_cache(maxsize=MOST_LOGGED)
def log_missing_root(path: str) -> None:
    """Log a root that does not exist, once a process, because a test client makes a site for each test."""
    _logger.warning("there is no folder at %s yet; its files are served as soon as it exists", path)
