"""Connections to a host whose names, addresses and answers may come late, or never."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hashserve.builder.releases import limited_connection, request_limits
from hashserve.builder.releases.limited_connection import connect
from hashserve.builder.releases.request_limits import ResponseLimits, SiteLimits
from tests.support.previous_releases import free_port


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def limits() -> ResponseLimits:
    limits = ResponseLimits(SiteLimits(60, 100), 100)
    limits.begin_head()
    return limits


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    def look_up(*arguments: Any, **more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_the_first_address_that_accepts_is_connected_to(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.getsockname()[1]
    resolve_to(monkeypatch, free_port(), port, free_port())
    with connect("many.example", 80, limits()) as connection:
        assert connection.getpeername()[1] == port


def test_only_so_many_addresses_are_tried(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_connection, "MOST_ADDRESSES", 2)
    resolve_to(monkeypatch, free_port(), free_port(), server.getsockname()[1])
    with pytest.raises(ConnectionRefusedError):
        connect("many.example", 80, limits())


def test_a_host_without_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch)
    with pytest.raises(OSError, match="the host has no address"):
        connect("none.example", 80, limits())


def test_a_name_that_cannot_be_encoded_is_an_error() -> None:
    with pytest.raises(ValueError, match="label"):
        connect("x" * 100, 80, limits())


def test_a_connection_that_comes_too_late_is_closed(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "TIMEOUT_SECONDS", 0.1)
    may_look_up = threading.Event()
    port = server.getsockname()[1]

    def look_up(*arguments: Any, **more: Any) -> list[Any]:
        may_look_up.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(TimeoutError):
        connect("late.example", 80, limits())
    [thread] = [thread for thread in threading.enumerate() if thread.name == "hashserve-connect"]
    may_look_up.set()
    thread.join(60)
    assert not thread.is_alive()
    server.settimeout(0)
    with pytest.raises(BlockingIOError):  # an abandoned attempt does not even connect
        server.accept()
