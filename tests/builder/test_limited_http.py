"""A site that is not trusted cannot hang a build, fill its memory or lead it elsewhere."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import BadStatusLine, HTTPException, HTTPMessage, HTTPResponse
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request

import pytest

from hashserve.builder.releases import limited_http
from hashserve.builder.releases.limited_http import describe
from hashserve.builder.releases.request_limits import ResponseLimits, SiteLimits
from tests.support.hostile_sites import Exchange, hostile_site


def get(url: str) -> HTTPResponse:
    return limited_http.get(url, {}, ResponseLimits(SiteLimits(60, 100), 100))


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


@contextmanager
def site_that_redirects(target: str, asked: list[str]) -> Iterator[str]:
    def redirect(exchange: Exchange) -> None:
        asked.append(exchange.path)
        location = target.replace("{port}", str(exchange.site.port)).encode()
        exchange.send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % location)

    with hostile_site(Path(), redirect) as hostile:
        yield f"http://127.0.0.1:{hostile.port}/"


def test_the_body_of_a_redirect_is_not_read() -> None:
    endless = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 1000000000\r\n\r\nx"
    with site(endless, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as url, get(url) as response:
        assert response.read() == b"ok"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "http://localhost:{port}/",
        "https://127.0.0.1:{port}/",
        "http://me@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}x/",
        "http://127.0.0.1:{port}\\@example.com/",
        "//example.com/",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "data:,x",
        "javascript:x",
        "http://[::1/",
    ],
)
def test_a_redirect_to_another_origin_is_not_followed(target: str) -> None:
    asked: list[str] = []
    with site_that_redirects(target, asked) as url, pytest.raises((OSError, HTTPException, ValueError)):
        get(url)
    assert asked == ["/"]


def test_the_error_of_a_redirect_shows_where_it_led_in_short_printable_text() -> None:
    with (
        site_that_redirects("http://example.com/\33[2J" + "x" * 1000, []) as url,
        pytest.raises(HTTPException, match=r"it redirects to http://example\.com/") as raised,
    ):
        get(url)
    shown = describe(raised.value)
    assert shown.isprintable()
    assert len(shown) < 400


@pytest.mark.parametrize(
    ("url", "target", "is_followed"),
    [
        ("http://a.example/x", "http://a.example:80/y", True),
        ("http://A.example/x", "HTTP://a.EXAMPLE/y", True),
        ("https://a.example/x", "https://a.example/y", True),
        ("http://a.example/x", "https://a.example/y", True),  # encryption begins, at the same host
        ("http://a.example:8000/x", "https://a.example/y", False),
        ("http://a.example/x", "https://a.example:8443/y", False),
        ("http://a.example/x", "https://www.a.example/y", False),
        ("https://a.example/x", "http://a.example/y", False),
        ("https://a.example/x", "https://b.example/y", False),
        ("https://a.example/x", "https://a.example.b.example/y", False),
    ],
)
def test_a_redirect_stays_within_the_origin_or_begins_to_encrypt(
    url: str, target: str, is_followed: bool
) -> None:
    handler = limited_http._RedirectHandler()
    arguments = (Request(url), io.BytesIO(), 302, "Found", HTTPMessage(), target)
    if is_followed:
        followed = handler.redirect_request(*arguments)
        assert followed is not None
        assert followed.full_url == target
    else:
        with pytest.raises(HTTPException, match="which is another site"):
            handler.redirect_request(*arguments)


@pytest.mark.parametrize("status", [201, 203, 204, 206, 304, 401, 404, 500])
def test_only_a_response_with_the_whole_file_is_accepted(status: int) -> None:
    answer = b"HTTP/1.1 %d Odd\r\nContent-Length: 2\r\n\r\nok" % status
    with site(answer) as url, pytest.raises(HTTPError) as raised:
        get(url)
    assert raised.value.code == status
    raised.value.close()


def test_a_proxy_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(exchange: Exchange) -> None:
        asked.append(exchange.path)
        exchange.respond(b"ok")

    with hostile_site(Path(), answer) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        with get("http://static.example/a.css") as response:
            assert response.read() == b"ok"
    assert asked == ["http://static.example/a.css"]


def status_error(code: int, reason: str) -> HTTPError:
    error = HTTPError("", code, reason, HTTPMessage(), BytesIO())
    error.close()
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda: status_error(404, "\33[2J"), "the site answered 404 Not Found"),
        (lambda: status_error(599, "odd"), "the site answered 599"),
        (lambda: URLError(ConnectionRefusedError(111, "refused")), "[Errno 111] refused"),
        (lambda: BadStatusLine("\33[2J"), r"\x1b[2J"),
        (lambda: BadStatusLine("x" * 60_000), "x" * 200 + "..."),
        (HTTPException, "HTTPException"),
    ],
)
def test_an_error_is_shown_as_short_printable_text(error: Callable[[], Exception], expected: str) -> None:
    assert describe(error()) == expected
