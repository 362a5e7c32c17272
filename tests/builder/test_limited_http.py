"""A site that is not trusted cannot hang a build, fill its memory or lead it elsewhere."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import BadStatusLine, HTTPException, HTTPMessage
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

import pytest

from hashserve.builder.releases import limited_http
from hashserve.builder.releases.limited_http import MIN_BYTES_PER_SECOND, TIMEOUT_SECONDS, describe, get


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Connection(socket.socket):
    """A socket that notes its timeouts."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[float | None] = []

    def settimeout(self, value: float | None, /) -> None:
        self.timeouts.append(value)


class SlowStream(io.RawIOBase):
    """An endless stream in which each read takes ``seconds`` and returns ``count`` bytes."""

    def __init__(self, clock: Clock, seconds: float, count: int) -> None:
        self.clock, self.seconds, self.count = clock, seconds, count
        self.reads = 0

    def readinto(self, buffer: Any, /) -> int:
        self.reads += 1
        self.clock.now += self.seconds
        return self.count


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limited_http, "time", clock)
    return clock


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection() as connection:
        yield connection


def test_a_response_below_the_lowest_rate_is_broken_off(clock: Clock, connection: Connection) -> None:
    stream = SlowStream(clock, TIMEOUT_SECONDS / 4, 1)
    reader = limited_http._TimedReader(connection, stream)
    for _ in range(5):
        reader.readinto(bytearray(1))
    with pytest.raises(TimeoutError, match="only 5 bytes in 25 s"):
        reader.readinto(bytearray(1))
    assert stream.reads == 5


def test_a_response_at_the_lowest_rate_may_take_as_long_as_it_needs(
    clock: Clock, connection: Connection
) -> None:
    reader = limited_http._TimedReader(connection, SlowStream(clock, 10, 10 * MIN_BYTES_PER_SECOND))
    for _ in range(50):
        reader.readinto(bytearray(1))
    assert clock.now == 500 > TIMEOUT_SECONDS


def test_a_site_may_be_silent_for_no_longer_than_the_timeout_and_what_is_left(
    clock: Clock, connection: Connection
) -> None:
    stream = SlowStream(clock, 5, 0)
    reader = limited_http._TimedReader(connection, stream)
    reader.readinto(bytearray(1))
    stream.count = 100 * MIN_BYTES_PER_SECOND
    for _ in range(2):
        reader.readinto(bytearray(1))
    assert connection.timeouts == [TIMEOUT_SECONDS, TIMEOUT_SECONDS - 5, TIMEOUT_SECONDS]


def test_the_time_that_the_build_takes_between_two_reads_does_not_count(
    clock: Clock, connection: Connection
) -> None:
    reader = limited_http._TimedReader(connection, SlowStream(clock, 0.1, 1))
    for _ in range(50):
        reader.readinto(bytearray(1))
        clock.now += TIMEOUT_SECONDS


def test_the_head_of_a_response_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        monkeypatch.setattr(limited_http, "TIMEOUT_SECONDS", 0)
        with limited_http._TimedResponse(near) as response, pytest.raises(TimeoutError):
            response.begin()


@contextmanager
def site(*answers: bytes) -> Iterator[str]:
    """Serve one answer after the other, byte for byte; the last connection stays open."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connections = []
            for answer in answers:
                connection, _ = server.accept()
                connections.append(connection)
                connection.recv(10_000)
                connection.sendall(answer)
            is_done.wait()
            for connection in connections:
                connection.close()

        is_done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            is_done.set()
            thread.join()


def test_the_body_of_a_redirect_is_not_read() -> None:
    endless = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 1000000000\r\n\r\nx"
    with site(endless, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as url, get(url, {}) as response:
        assert response.read() == b"ok"


def test_a_redirect_leads_to_no_other_scheme() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/a\r\nContent-Length: 0\r\n\r\n"
    with site(redirect) as url, pytest.raises(URLError, match="unknown url type: ftp"):
        get(url, {})


def redirect(url: str) -> Request | None:
    handler = limited_http._RedirectHandler()
    request = Request("https://example.com/a")
    return handler.redirect_request(request, io.BytesIO(), 302, "Found", HTTPMessage(), url)


def test_a_redirect_does_not_end_encryption() -> None:
    followed = redirect("HTTPS://www.example.com/a")
    assert followed is not None
    assert followed.host == "www.example.com"
    with pytest.raises(HTTPException, match="redirected from https: to http://"):
        redirect("http://www.example.com/a")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda: HTTPError("", 404, "\33[2J", HTTPMessage(), None), "the site answered 404 Not Found"),
        (lambda: HTTPError("", 599, "odd", HTTPMessage(), None), "the site answered 599"),
        (lambda: URLError(ConnectionRefusedError(111, "refused")), "[Errno 111] refused"),
        (lambda: BadStatusLine("\33[2J"), "?[2J"),
        (lambda: BadStatusLine("x" * 60_000), "x" * 200 + "..."),
        (HTTPException, "HTTPException"),
    ],
)
def test_an_error_is_shown_as_short_printable_text(error: Callable[[], Exception], expected: str) -> None:
    assert describe(error()) == expected
