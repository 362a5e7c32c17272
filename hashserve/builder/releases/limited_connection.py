"""Connections to a site that is not trusted: name look-up, TCP and TLS, each wait for them limited.

Invariant: nothing here waits longer than `ResponseLimits` allow, not even the system's name look-up, which
cannot be interrupted.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
from typing import Any

from hashserve.builder.releases.request_limits import TIMEOUT_SECONDS, ResponseLimits

__all__ = ["LimitedReader", "connect", "encrypt"]

MOST_ADDRESSES = 8
"""How many addresses of a host are tried."""


def connect(host: str, port: int, limits: ResponseLimits) -> socket.socket:
    """Return a connection to the first address of a host that accepts one. Raises `OSError`."""
    attempt = _Attempt(host, port)
    thread = threading.Thread(target=attempt.run, name="hashserve-connect", daemon=True)
    thread.start()
    try:
        limits.wait_for(attempt.is_done)
        return attempt.result()
    except BaseException:
        attempt.abandon()
        raise


class _Attempt:
    """An attempt to connect, in a thread of its own. Once it is abandoned, it closes what it opens."""

    def __init__(self, host: str, port: int) -> None:
        self.is_done = threading.Event()
        self._address = (host, port)
        self._lock = threading.Lock()
        self._is_abandoned = threading.Event()
        self._connection: socket.socket | None = None
        self._error: Exception = OSError("the host has no address")

    def run(self) -> None:
        try:
            self._try_addresses()
        except (OSError, ValueError) as error:  # `ValueError` for a name that cannot be encoded
            self._error = error
        finally:
            self.is_done.set()

    def result(self) -> socket.socket:
        if self._connection is None:
            raise self._error
        return self._connection

    def abandon(self) -> None:
        with self._lock:
            self._is_abandoned.set()
            if self._connection is not None:
                self._connection.close()

    def _try_addresses(self) -> None:
        found = socket.getaddrinfo(*self._address, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found[:MOST_ADDRESSES]:
            if self._is_abandoned.is_set():
                return
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(TIMEOUT_SECONDS)
                connection.connect(address)
            except OSError as error:
                connection.close()
                self._error = error
                continue
            with self._lock:
                self._connection = connection
                if self._is_abandoned.is_set():
                    connection.close()
            return


def encrypt(
    connection: socket.socket, host: str, context: ssl.SSLContext, limits: ResponseLimits
) -> ssl.SSLSocket:
    """Return the connection with TLS. Raises `OSError`."""
    try:
        encrypted = context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        connection.close()
        raise
    try:
        limits.wait(encrypted, encrypted.do_handshake)
    except BaseException:
        encrypted.close()
        raise
    return encrypted


class LimitedReader(io.RawIOBase):
    """The bytes of a response as they arrive. ``stream`` is closed with it."""

    def __init__(self, connection: socket.socket, stream: io.RawIOBase, limits: ResponseLimits) -> None:
        self._connection = connection
        self._stream = stream
        self._limits = limits

    def readable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: D102
        return self._limits.receive(self._connection, buffer)

    def close(self) -> None:  # noqa: D102
        self._stream.close()
        super().close()
