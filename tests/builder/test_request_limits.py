"""The limits of requests to a site that is not trusted, and the end of a request at each of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hashserve.builder.releases import request_limits
from hashserve.builder.releases.request_limits import (
    FRAME_BYTES,
    HEAD_BYTES,
    MIN_BYTES_PER_SECOND,
    TIMEOUT_SECONDS,
    WAIT_SECONDS,
    LimitError,
    ResponseLimits,
    SiteLimits,
)

BODY_BYTES = 100_000_000


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Connection(socket.socket):
    """A socket from which each read takes ``seconds`` and returns ``count`` bytes; None for a timeout."""

    def __init__(self, clock: Clock, seconds: float, count: int | None) -> None:
        super().__init__()
        self.clock, self.seconds, self.count = clock, seconds, count
        self.timeouts: list[float | None] = []

    def settimeout(self, value: float | None, /) -> None:
        self.timeouts.append(value)

    def recv_into(self, *arguments: Any) -> int:
        self.clock.now += self.seconds
        if self.count is None:
            raise TimeoutError
        return self.count


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(request_limits, "time", clock)
    return clock


@pytest.fixture
def make(clock: Clock) -> Iterator[Callable[[float, int | None], Connection]]:
    made: list[Connection] = []

    def connection(seconds: float, count: int | None) -> Connection:
        made.append(Connection(clock, seconds, count))
        return made[-1]

    yield connection
    for item in made:
        item.close()


Make = Callable[[float, "int | None"], Connection]


def response(site: SiteLimits | None = None) -> ResponseLimits:
    limits = ResponseLimits(site or SiteLimits(10_000, BODY_BYTES), BODY_BYTES)
    limits.begin_head()
    return limits


def receive(limits: ResponseLimits, connection: Connection) -> int:
    return limits.receive(connection, memoryview(bytearray(1)))


def test_a_head_has_one_deadline_however_its_bytes_come(make: Make, clock: Clock) -> None:
    limits, connection = response(), make(TIMEOUT_SECONDS / 4, MIN_BYTES_PER_SECOND)
    for _ in range(4):
        receive(limits, connection)
    with pytest.raises(TimeoutError, match="only 4,096 bytes in 20 s"):
        receive(limits, connection)
    assert clock.now == TIMEOUT_SECONDS


def test_a_body_below_the_lowest_rate_is_broken_off(make: Make, clock: Clock) -> None:
    limits, connection = response(), make(TIMEOUT_SECONDS / 4, 1)
    limits.begin_body()
    for _ in range(5):
        receive(limits, connection)
    with pytest.raises(TimeoutError, match="only 5 bytes in 25 s"):
        receive(limits, connection)


def test_a_body_at_the_lowest_rate_may_take_as_long_as_it_needs(make: Make, clock: Clock) -> None:
    limits, connection = response(), make(10, 10 * MIN_BYTES_PER_SECOND)
    limits.begin_body()
    for _ in range(50):
        receive(limits, connection)
    assert clock.now == 500 > TIMEOUT_SECONDS


def test_silence_is_waited_for_in_short_waits_up_to_the_deadline(make: Make, clock: Clock) -> None:
    limits, connection = response(), make(WAIT_SECONDS, None)
    with pytest.raises(TimeoutError, match="only 0 bytes in 20 s"):
        receive(limits, connection)
    assert clock.now == pytest.approx(TIMEOUT_SECONDS, abs=WAIT_SECONDS)
    assert all(timeout is not None and 0 < timeout <= WAIT_SECONDS for timeout in connection.timeouts)


def test_the_time_that_the_build_takes_between_two_reads_does_not_count(make: Make, clock: Clock) -> None:
    limits, connection = response(), make(0.1, 1)
    for _ in range(50):
        receive(limits, connection)
        clock.now += TIMEOUT_SECONDS


def test_another_attempt_has_a_deadline_of_its_own(make: Make, clock: Clock) -> None:
    limits, connection = response(), make(15, 1)
    for _ in range(5):
        limits.begin_head()
        receive(limits, connection)


def test_a_head_has_a_longest_length_whatever_comes_in_it(make: Make) -> None:
    limits, connection = response(), make(0, HEAD_BYTES // 2)
    for _ in range(2):
        receive(limits, connection)
    with pytest.raises(LimitError, match="its head is too long"):
        receive(limits, connection)


def test_what_frames_a_body_is_limited_by_the_bytes_of_the_body(make: Make) -> None:
    limits, connection = response(), make(0, FRAME_BYTES)
    limits.begin_body()
    for _ in range(10):
        receive(limits, connection)
        limits.deliver(FRAME_BYTES)
    for _ in range(3):
        receive(limits, connection)
    with pytest.raises(LimitError, match="too many bytes around its body"):
        receive(limits, connection)


def test_a_wait_for_another_thread_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        response().wait_for(threading.Event())


def test_all_requests_have_one_deadline(make: Make, clock: Clock) -> None:
    site = SiteLimits(100, 10 * BODY_BYTES)
    connection = make(6, 40_000)
    with site.timed():
        limits = response(site)
        limits.begin_body()
        for _ in range(10):
            receive(limits, connection)
    with site.timed():
        limits = response(site)
        limits.begin_body()
        for _ in range(7):
            receive(limits, connection)
        with pytest.raises(TimeoutError, match="requests to the previous site have taken 100 s together"):
            receive(limits, connection)
    with pytest.raises(TimeoutError):
        site.seconds_left()


def test_requests_at_the_same_time_count_once(clock: Clock) -> None:
    site = SiteLimits(100, 0)
    with site.timed(), site.timed():
        clock.now += 90
    clock.now += 1000
    assert site.seconds_left() == 10
    with site.timed():
        clock.now += 4
        assert site.seconds_left() == 6


def test_a_site_that_is_stopped_ends_every_wait(make: Make, clock: Clock) -> None:
    site = SiteLimits(100, BODY_BYTES)
    limits = response(site)
    site.stop()
    with pytest.raises(TimeoutError, match="the build was interrupted"):
        receive(limits, make(0, 1))
    site.pause(1000)


@contextmanager
def received(site: SiteLimits, size: int, connection: Connection) -> Iterator[None]:
    with ResponseLimits(site, size) as limits:
        limits.begin_body()
        limits.receive(connection, memoryview(bytearray(1)))
        yield


def test_all_bodies_together_have_a_longest_length(make: Make) -> None:
    site = SiteLimits(100, 1000)
    for _ in range(2):
        with received(site, 700, make(0, 300)):
            pass  # 700 bytes were kept for it, and 300 came
    with pytest.raises(LimitError, match="its 700 bytes and the 600 before it would be more than 1,000"):
        ResponseLimits(site, 700)
    with received(site, 400, make(0, 400)), pytest.raises(LimitError):
        ResponseLimits(site, 1)


def test_a_body_that_can_never_have_room_leaves_the_room_to_others() -> None:
    site = SiteLimits(100, 1000)
    with pytest.raises(LimitError):
        ResponseLimits(site, 10**17)
    site.reserve(1000)
