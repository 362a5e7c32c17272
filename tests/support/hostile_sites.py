"""Sites that do their worst to a build that names them as its previous release.

Invariant: an attack goes on until the client leaves or the site is closed, so a build that ends has ended
it by itself. Everything but the attacked request is answered correctly.
"""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

__all__ = ["ATTACKS", "DELTA", "Attack", "Exchange", "HostileSite", "hostile_site"]

PAUSE_SECONDS = 0.05

DELTA = "#dcz"
"""The end of the path of a request for a delta, as a target sees it: no request has a fragment."""


class HostileSite:
    """A server of the folder ``root`` that attacks: in the answers to ``target``, or before any TLS."""

    def __init__(self, root: Path, attack: Attack, target: Callable[[str], bool]) -> None:
        self.root = root
        self.attack = attack
        self.target = target
        self.is_closed = threading.Event()
        self.attacks = 0
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        self.is_closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(0.2)
            request = b""
            while b"\r\n\r\n" not in request and not request.startswith(b"\x16"):
                try:
                    received = connection.recv(10_000)
                except TimeoutError:
                    if self.is_closed.is_set():
                        return
                    continue
                if not received:
                    return
                request += received
            is_tls = request.startswith(b"\x16")
            path = "" if is_tls else unquote(request.split(b" ", 2)[1].decode())
            path += DELTA if b"Accept-Encoding: dcz\r\n" in request else ""
            self.requests.append(path)
            if is_tls or self.target(path):
                self.attacks += 1
                self.attack(Exchange(self, connection, path, request))
            else:
                self.respond_correctly(connection, path, request)

    def respond_correctly(self, connection: socket.socket, path: str, request: bytes = b"") -> None:
        name = (
            path.removesuffix(DELTA)
            .removeprefix("/static/")
            .replace(".well-known/hashserve.json", "staticfiles.json")
        )
        fields = b""
        for coding, suffix in (("br", ".br"), ("gzip", ".gz")):
            if (
                f"Accept-Encoding: {coding}\r\n".encode() in request
                and (self.root / (name + suffix)).exists()
            ):
                name += suffix
                fields = f"Content-Encoding: {coding}\r\n".encode()
        try:
            body = (self.root / name).read_bytes()
        except OSError:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        connection.settimeout(60)
        connection.sendall(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(body), body))


class Exchange:
    """One attacked request."""

    def __init__(self, site: HostileSite, connection: socket.socket, path: str, request: bytes) -> None:
        self.site = site
        self.path = path
        self._request = request
        self._connection = connection

    def field(self, name: str) -> str:
        """Return a field of the request, empty if it has none."""
        lines = self._request.decode().split("\r\n")
        return next((line.partition(": ")[2] for line in lines if line.startswith(f"{name}: ")), "")

    def respond(self, body: bytes, status: bytes = b"200 OK") -> None:
        self.send(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    def send(self, *parts: bytes) -> None:
        """Send bytes, however long the client takes; ends with an `OSError` once the site is closed."""
        for part in parts:
            left = memoryview(part)
            while left:
                if self.site.is_closed.is_set():
                    raise OSError("closed")
                with suppress(TimeoutError):
                    left = left[self._connection.send(left) :]

    def repeat(self, part: bytes, *, pause: float = 0) -> None:
        """Send the same for ever."""
        while True:
            self.send(part)
            if pause and self.site.is_closed.wait(pause):
                raise OSError("closed")

    def drip(self, part: bytes) -> None:
        self.repeat(part, pause=PAUSE_SECONDS)

    def hang(self) -> None:
        """Send nothing for ever."""
        while not self.site.is_closed.wait(0.1):
            if not self._is_open():
                return

    def reset(self) -> None:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _is_open(self) -> bool:
        try:
            return self._connection.recv(1, socket.MSG_DONTWAIT) != b""
        except (BlockingIOError, TimeoutError):
            return True


Attack = Callable[[Exchange], None]

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MUCH = 10**17


def silence(exchange: Exchange) -> None:
    exchange.hang()


def dripped_status_line(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 ")
    exchange.drip(b"O")


def endless_status_line(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 ")
    exchange.repeat(b"O" * 10_000)


def dripped_field(exchange: Exchange) -> None:
    exchange.send(HEAD, b"X: ")
    exchange.drip(b"x")


def dripped_fields(exchange: Exchange) -> None:
    exchange.send(HEAD)
    exchange.drip(b"X: x\r\n")


def endless_fields(exchange: Exchange) -> None:
    exchange.send(HEAD)
    exchange.repeat(b"X: " + b"x" * 60_000 + b"\r\n")


def fast_continue(exchange: Exchange) -> None:
    exchange.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def slow_continue(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 100 Continue\r\n\r\n")


def slow_continue_with_fields(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 100 Continue\r\n" + b"X: x\r\n" * 50 + b"\r\n")


def endless_early_hints(exchange: Exchange) -> None:
    exchange.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")


def endless_trailers(exchange: Exchange) -> None:
    exchange.send(CHUNKED, b"1\r\n{\r\n0\r\n")
    exchange.repeat(b"X: x\r\n" * 1000)


def dripped_trailers(exchange: Exchange) -> None:
    exchange.send(CHUNKED, b"1\r\n{\r\n0\r\n")
    exchange.drip(b"X: x\r\n")


def dripped_chunk_size(exchange: Exchange) -> None:
    exchange.send(CHUNKED)
    exchange.drip(b"0")


def endless_chunk_extension(exchange: Exchange) -> None:
    exchange.send(CHUNKED, b"1;")
    exchange.repeat(b"x" * 10_000)


def long_chunk_extensions(exchange: Exchange) -> None:
    exchange.send(CHUNKED)
    exchange.repeat(b"1;" + b"x" * 60_000 + b"\r\n{\r\n")


def tiny_chunks(exchange: Exchange) -> None:
    exchange.send(CHUNKED)
    exchange.repeat(b"1\r\n{\r\n" * 1000)


def huge_chunk(exchange: Exchange) -> None:
    exchange.send(CHUNKED, b"%x\r\n" % MUCH)
    exchange.repeat(b"{" * 10_000)


def negative_chunk(exchange: Exchange) -> None:
    exchange.send(CHUNKED, b"-5\r\n")
    exchange.repeat(b"{" * 10_000)


def endless_body_of_a_redirect(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 302 Found\r\nLocation: /static/x\r\n\r\n")
    exchange.repeat(b"x" * 10_000)


def dripped_body_of_a_redirect(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 302 Found\r\nLocation: /static/x\r\nContent-Length: 99999\r\n\r\n")
    exchange.drip(b"x")


def endless_redirects(exchange: Exchange) -> None:
    exchange.send(
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %bx\r\n\r\n" % exchange.path.encode()
    )


def slow_redirects(exchange: Exchange) -> None:
    exchange.site.is_closed.wait(0.3)
    endless_redirects(exchange)


def endless_body(exchange: Exchange) -> None:
    exchange.send(HEAD, b"\r\n")
    exchange.repeat(b"{" + b" " * 100_000)


def dripped_body(exchange: Exchange) -> None:
    exchange.send(HEAD, b"Content-Length: 99999\r\n\r\n{")
    exchange.drip(b" ")


def body_just_fast_enough(exchange: Exchange) -> None:
    exchange.send(HEAD, b"\r\n{")
    exchange.repeat(b" " * 200, pause=0.1)


def length_of_10_to_the_17(exchange: Exchange) -> None:
    exchange.send(HEAD, b"Content-Length: %d\r\n\r\n" % MUCH)
    exchange.repeat(b"{" + b" " * 100_000)


def length_that_is_none(exchange: Exchange) -> None:
    exchange.send(HEAD, b"Content-Length: -1\r\nContent-Length: 99999999999999999999999\r\n\r\n")
    exchange.repeat(b"{" + b" " * 100_000)


def gzip_bomb(exchange: Exchange) -> None:
    exchange.send(HEAD, b"Content-Encoding: gzip\r\n\r\n")
    exchange.repeat(gzip.compress(bytes(10_000_000)))


def _status_with_a_body(status: bytes) -> Attack:
    def attack(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 %b Odd\r\n\r\n" % status)
        exchange.repeat(b"{" + b" " * 100_000)

    attack.__name__ = f"status_{status.decode()}_with_a_body"
    return attack


def http_0_9(exchange: Exchange) -> None:
    exchange.repeat(b"{}" * 10_000)


def lines_without_an_end(exchange: Exchange) -> None:
    exchange.repeat(b"\0" * 10_000)


def reset_in_the_middle(exchange: Exchange) -> None:
    exchange.send(HEAD, b"Content-Length: 1000\r\n\r\n{")
    exchange.reset()


def dripped_tls_record(exchange: Exchange) -> None:
    exchange.send(b"\x16\x03\x03\x40\x00")
    exchange.drip(b"\2")


ATTACKS: list[Attack] = [
    silence,
    dripped_status_line,
    endless_status_line,
    dripped_field,
    dripped_fields,
    endless_fields,
    fast_continue,
    slow_continue,
    slow_continue_with_fields,
    endless_early_hints,
    endless_trailers,
    dripped_trailers,
    dripped_chunk_size,
    endless_chunk_extension,
    long_chunk_extensions,
    tiny_chunks,
    huge_chunk,
    negative_chunk,
    endless_body_of_a_redirect,
    dripped_body_of_a_redirect,
    endless_redirects,
    slow_redirects,
    endless_body,
    dripped_body,
    body_just_fast_enough,
    length_of_10_to_the_17,
    length_that_is_none,
    gzip_bomb,
    *map(_status_with_a_body, (b"101", b"206", b"401", b"500")),
    http_0_9,
    lines_without_an_end,
    reset_in_the_middle,
    dripped_tls_record,
]


@contextmanager
def hostile_site(
    root: Path, attack: Attack, target: Callable[[str], bool] = lambda path: True
) -> Iterator[HostileSite]:
    """Serve a folder, and attack requests whose path is a ``target``."""
    site = HostileSite(root, attack, target)
    try:
        yield site
    finally:
        site.close()
