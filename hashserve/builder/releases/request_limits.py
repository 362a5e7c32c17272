"""What requests to a site that is not trusted may take: time and bytes, for each response and for all.

Invariant: every wait for the site is a short one, after which all limits are checked. So a request ends soon
after its limit, and soon after `SiteLimits.stop`, whatever the site does.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from hashserve.errors import HashserveError

__all__ = [
    "HEAD_BYTES",
    "MIN_BYTES_PER_SECOND",
    "TIMEOUT_SECONDS",
    "WAIT_SECONDS",
    "LimitError",
    "ResponseLimits",
    "SiteLimits",
]

TIMEOUT_SECONDS = 20.0
"""How long a response may take until its body begins: name look-up, connections, redirects and heads
together. A body may use what is left of them, and must keep `MIN_BYTES_PER_SECOND` afterwards.
"""

MIN_BYTES_PER_SECOND = 1024
"""The lowest average rate of a body, after the first `TIMEOUT_SECONDS`."""

HEAD_BYTES = 64 * 1024
"""How many bytes may come before a body: status lines, fields, 1xx."""

FRAME_BYTES = 512 * 1024
"""How many more bytes than the caller has got may come after the head: those that are read ahead, the sizes
and extensions of chunks, and trailers. Small chunks may add a quarter of the body's bytes.
"""

WAIT_SECONDS = 0.1
"""The longest that anything waits without a look at the limits."""

Result = TypeVar("Result")


class LimitError(HashserveError, OSError):
    """A response is longer than it may be."""


class SiteLimits:
    """How long all requests of a build may take together, and how many bytes they may receive.

    Requests at the same time count once. Several threads may use it at once.
    """

    def __init__(self, seconds: float, received_bytes: int) -> None:
        self._seconds = seconds
        self._bytes = received_bytes
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._running = 0
        self._running_since = 0.0
        self._used_seconds = 0.0
        self._used_bytes = 0

    def stop(self) -> None:
        """Let every request fail soon, those that run and those to come: the build is interrupted."""
        self._stopped.set()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until `stop`."""
        self._stopped.wait(seconds)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of a request, once for all that run at the same time."""
        with self._lock:
            if not self._running:
                self._running_since = time.monotonic()
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._used_seconds += time.monotonic() - self._running_since

    def seconds_left(self) -> float:
        """Return how long requests may still take. Raises `TimeoutError` where that is nothing."""
        if self._stopped.is_set():
            raise TimeoutError("the build was interrupted")
        with self._lock:
            running = time.monotonic() - self._running_since if self._running else 0.0
            left = self._seconds - self._used_seconds - running
        if left <= 0:
            raise TimeoutError(f"requests to the previous site have taken {self._seconds:g} s together")
        return left

    def reserve(self, size: int) -> None:
        """Keep room for a body of ``size`` bytes. Raises `LimitError` where there is none."""
        with self._lock:
            if self._used_bytes + size > self._bytes:
                problem = f"its {size:,} bytes and the {self._used_bytes:,} before it would be more than"
                raise LimitError(f"{problem} {self._bytes:,}")
            self._used_bytes += size

    def settle(self, reserved: int, received: int) -> None:
        """Replace the size of a body by the bytes that were received."""
        with self._lock:
            self._used_bytes += received - reserved


class ResponseLimits:
    """How long one response may take, and how many bytes it may have; redirects to it are part of it.

    ``body_bytes`` is the longest body. One thread uses it, as a context manager. Raises `LimitError` where
    the site has no room left for the body.
    """

    def __init__(self, site: SiteLimits, body_bytes: int) -> None:
        site.reserve(body_bytes)
        self._site = site
        self._body_bytes = body_bytes
        self._waited_seconds = 0.0
        self._received_bytes = 0
        self._most_bytes = 0
        self._body_begins_at: int | None = None

    def __enter__(self) -> ResponseLimits:
        return self

    def __exit__(self, *error: object) -> None:
        self._site.settle(self._body_bytes, self._received_bytes)

    def begin_head(self) -> None:
        """Note that a request is sent, perhaps for another time: the limits of a response begin anew."""
        self._waited_seconds = 0.0
        self._most_bytes = self._received_bytes + HEAD_BYTES
        self._body_begins_at = None

    def begin_body(self) -> None:
        """Note that the head is complete."""
        self._body_begins_at = self._received_bytes
        self._most_bytes = self._received_bytes + FRAME_BYTES

    def deliver(self, count: int) -> None:
        """Note that the caller has got this many bytes of the body."""
        self._most_bytes += count + count // 4

    def receive(self, connection: socket.socket, buffer: memoryview) -> int:
        """Receive bytes, and return their number: 0 at the end. Raises `OSError`."""
        count = self.wait(connection, lambda: connection.recv_into(buffer))
        self._received_bytes += count
        if self._received_bytes > self._most_bytes:
            raise LimitError(
                "its head is too long"
                if self._body_begins_at is None
                else "it has too many bytes around its body: tiny chunks, extensions or trailers"
            )
        return count

    def wait(self, connection: socket.socket, operate: Callable[[], Result]) -> Result:
        """Call ``operate``, again after each time that the connection lets it wait for too long."""
        while True:
            with self._waiting() as seconds:
                connection.settimeout(seconds)
                try:
                    return operate()
                except TimeoutError:
                    continue  # the limits are checked before the next wait

    def wait_for(self, is_done: threading.Event) -> None:
        """Wait for what another thread does. Raises `TimeoutError`."""
        while True:
            with self._waiting() as seconds:
                if is_done.wait(seconds):
                    return

    @contextmanager
    def _waiting(self) -> Iterator[float]:
        """Count the time of one wait; yields how long it may be. Raises `TimeoutError`.

        The time that the build itself takes between two waits does not count for the response.
        """
        allowed = TIMEOUT_SECONDS
        if self._body_begins_at is not None:
            allowed += (self._received_bytes - self._body_begins_at) / MIN_BYTES_PER_SECOND
        left = min(allowed - self._waited_seconds, self._site.seconds_left())
        if left <= 0:
            raise TimeoutError(f"only {self._received_bytes:,} bytes in {self._waited_seconds:.0f} s")
        started = time.monotonic()
        try:
            yield min(left, WAIT_SECONDS)
        finally:
            self._waited_seconds += time.monotonic() - started
