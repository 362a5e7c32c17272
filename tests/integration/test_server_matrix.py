"""Every server over real sockets: raw requests, and responses compared with the application's own."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from benchmarks.wsgi_servers import WSGIServer
from hashserve import HashServe
from hashserve.http.dictionaries import decode_delta
from tests.support.client import Reply
from tests.support.deltas import BROWSER, available_dictionary
from tests.support.exchanges import APP, EXCHANGES, OLD_APP, Exchange, Oracle, difference
from tests.support.files import put
from tests.support.interferences import (
    CLOSES,
    INTERFERENCES,
    NO_ANSWER,
    NO_DATE,
    NO_NEXT,
    NOT_IN_ORDER,
    PERSISTENT,
    STOPS,
    WAITS,
    expected_outcome,
)
from tests.support.servers import LARGE, MATRIX, inner, is_settled, make_site, serving
from tests.support.trees import TEN
from tests.support.waiting import wait_until
from tests.support.wire import Answer, Connection, Server

pytestmark = pytest.mark.real

NAMES = [wsgi_server.name for wsgi_server in MATRIX]
SIZE = len(LARGE)
PATIENCE = 1.5
"""The seconds to wait for a response that should not come."""


@dataclass(frozen=True)
class RunningServer:
    """A running server and its expected responses."""

    server: Server
    oracle: Oracle


@pytest.fixture(scope="module", params=MATRIX, ids=NAMES)
def running(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with make_site() as (folder, tree), serving(request.param, folder, tree) as server:
        yield RunningServer(server, Oracle(HashServe(inner, tree.root, "/static/"), tree))


@pytest.fixture
def server(running: RunningServer) -> Server:
    return running.server


# Row by row


def outcome_of(connection: Connection, request: bytes, exchange: Exchange, expected: Reply) -> str:
    """Send a request and a second one on the same connection, and return the differences."""
    try:
        connection.sock.sendall(request)
        answer = connection.receive(has_body=exchange.method != "HEAD")
    except (EOFError, OSError):
        return NO_ANSWER
    found = difference(expected, answer)
    return found if answer.status != expected.status else joined(found, next_outcome(connection))


def joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def next_outcome(connection: Connection) -> str:
    """Return the outcome of a second request on a connection."""
    try:
        connection.sock.sendall(b"GET /static/ten.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = connection.receive()
    except (EOFError, ConnectionError):
        assert connection.rest == b""
        return CLOSES
    except TimeoutError:
        return NO_NEXT
    assert (answer.status, answer.body, connection.rest) == (200, TEN, b"")
    return ""


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_the_response_equals_that_of_the_application(running: RunningServer, exchange: Exchange) -> None:
    expected = running.oracle.answer(exchange)
    assert expected.status == exchange.status
    wanted = expected_outcome(running.server.name, exchange)
    with running.server.connect() as connection:
        if NO_ANSWER in wanted or NO_NEXT in wanted:
            connection.sock.settimeout(PATIENCE)
        found = outcome_of(connection, running.oracle.request(exchange), exchange, expected)
    assert found == wanted


def test_a_client_with_a_dictionary_gets_a_delta(server: Server) -> None:
    answer = server.ask(
        server.url("css/app.css"), Accept_Encoding=BROWSER, Available_Dictionary=available_dictionary(OLD_APP)
    )
    assert (answer.status, answer.fields["content-encoding"]) == (200, "dcz")
    assert b"".join(decode_delta([answer.body], OLD_APP, len(APP))) == APP
    assert len(answer.body) == int(answer.fields["content-length"]) < 100


def test_the_names_of_rows_are_unique_and_each_interference_names_one() -> None:
    names = [exchange.name for exchange in EXCHANGES]
    assert len(names) == len(set(names))
    for each in INTERFERENCES:
        assert set(each.rows) <= set(names)
        assert set(each.servers) <= set(NAMES)


def test_the_server_adds_a_date(server: Server) -> None:
    assert ("date" in server.ask(server.url("ten.txt")).fields) == (server.name not in NO_DATE)


# Many requests on one connection


def connection_after(server: Server, connection: Connection, answer: Answer) -> Connection:
    """Return the connection, or a new one if the server closed it."""
    assert connection.rest == b""
    if server.name in PERSISTENT and answer.fields.get("connection", "").lower() != "close":
        return connection
    connection.sock.close()
    return server.connect()


SPANS = [
    *((0, 0), (0, 9), (1, 1), (65_535, 65_536), (262_143, 262_145), (1_048_575, 1_048_577)),
    *((0, SIZE - 1), (0, SIZE - 2), (1, SIZE - 1), (SIZE - 1, SIZE - 1), (SIZE // 2, SIZE // 2 + 3_000_000)),
    *((4_096 * number + number, 4_096 * number + number * 50_000) for number in range(1, 100, 12)),
]


@pytest.mark.parametrize("is_live", [False, True], ids=["fingerprinted", "live"])
def test_ranges_of_a_large_file_are_correct_at_many_offsets(server: Server, is_live: bool) -> None:
    path = "/static/large.bin" if is_live else server.url("large.bin")
    connection = server.connect()
    for first, last in SPANS:
        answer = connection.ask(path, Range=f"bytes={first}-{last}")
        assert (answer.status, answer.fields["content-range"]) == (206, f"bytes {first}-{last}/{SIZE}")
        assert answer.body == LARGE[first : last + 1]
        connection = connection_after(server, connection, answer)
    connection.sock.close()


def is_answered(running: RunningServer, exchange: Exchange) -> bool:
    """Return whether a server sends the status of the row."""
    wanted = expected_outcome(running.server.name, exchange)
    return not wanted.isdigit() and wanted not in (NO_ANSWER, NO_NEXT) and "Expect" not in exchange.fields


def test_all_rows_are_correct_on_one_connection(running: RunningServer) -> None:
    server, oracle = running.server, running.oracle
    connection = server.connect()
    for exchange in filter(lambda row: is_answered(running, row) and row.version == "1.1", EXCHANGES):
        connection.sock.sendall(oracle.request(exchange))
        answer = connection.receive(has_body=exchange.method != "HEAD")
        assert answer.status == exchange.status
        if "Connection" not in exchange.fields:
            connection = connection_after(server, connection, answer)
        else:
            connection.sock.close()
            connection = server.connect()
    connection.sock.close()


PIPELINED = (
    "HEAD of 20 MB",
    "of 20 MB",
    "several",
    "fingerprinted",
    "bytes=10-",
    "unknown fingerprint",
    "bytes=0-0",
)


def answered_in_order(running: RunningServer) -> int:
    """Send several requests at once, and return how many responses are correct and in order."""
    rows = [next(row for row in EXCHANGES if row.name == name) for name in PIPELINED]
    with running.server.connect() as connection:
        connection.sock.sendall(b"".join(map(running.oracle.request, rows)))
        for count, row in enumerate(rows):
            try:
                answer = connection.receive(has_body=row.method != "HEAD")
            except (EOFError, ConnectionError):
                return count
            found = joined(difference(running.oracle.answer(row), answer), CLOSES)
            if found not in (CLOSES, joined(expected_outcome(running.server.name, row), CLOSES)):
                return count
    return len(rows)


def test_pipelined_requests_are_answered_in_order(running: RunningServer) -> None:
    name = running.server.name
    if name in NOT_IN_ORDER:
        assert answered_in_order(running) < len(PIPELINED)
    else:
        assert answered_in_order(running) == (len(PIPELINED) if name in PERSISTENT else 1)


# Clients that leave

ABORTED = 200
MOST_GROWTH = 16
"""The most MB that a process may grow: less than the size of one file."""


def leave(server: Server, number: int) -> None:
    """Request 20 MB or a part, read a little or nothing, and close or reset the connection."""
    path = server.url("large.bin") if number % 2 else "/static/large.bin"
    fields = ({}, {"Range": "bytes=1000000-"}, {"Range": "bytes=0-9,1000000-9000000"})[number % 3]
    with server.connect() as connection:
        connection.send(path, **fields)
        if number % 4:
            assert connection.more()
        if number % 5 == 0:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resident(server: Server) -> float:
    return float(psutil.Process(server.process()).memory_info().rss) / 2**20


def test_clients_that_leave_early_cost_no_descriptors_and_no_memory(server: Server) -> None:
    for number in range(20):
        leave(server, number)
    before, growths = server.open_descriptors(), list[float]()
    while len(growths) < 3 and min(growths, default=MOST_GROWTH) >= MOST_GROWTH:  # threads start once
        memory = resident(server)
        for number in range(ABORTED):
            leave(server, number)
        wait_until(lambda: server.open_descriptors() <= before)
        growths.append(resident(server) - memory)
    assert min(growths) < MOST_GROWTH
    assert server.ask(server.url("ten.txt")).body == TEN


# Files that change while they are sent


def test_a_file_that_is_replaced_while_it_is_sent_is_sent_completely(server: Server) -> None:
    path = put(server.tree.root, "going.bin", LARGE)
    with server.connect() as connection:
        connection.send("/static/going.bin")
        connection.rest = connection.more()
        os.unlink(path)
        put(server.tree.root, "going.bin", b"new")
        answer = connection.receive()
        assert answer.body == LARGE
    assert server.ask("/static/going.bin").body == b"new"


def cut_short(server: Server) -> BaseException:
    """Cut a file short while it is sent, and return the error of the client."""
    path = put(server.tree.root, "cut.bin", LARGE)
    if server.name in WAITS:
        wait_until(lambda: is_settled(path))  # a snapshot is not sent by the server itself
    with server.connect() as connection:
        connection.sock.settimeout(PATIENCE if server.name in WAITS else 10.0)
        connection.send("/static/cut.bin")
        connection.rest = connection.more()
        os.truncate(path, 1000)
        with pytest.raises((EOFError, OSError)) as caught:
            connection.receive()
    return caught.value


def test_a_file_that_is_cut_short_while_it_is_sent_ends_the_connection(server: Server) -> None:
    if server.name in STOPS:
        return  # it has its own test
    assert isinstance(cut_short(server), TimeoutError) == (server.name in WAITS)
    answer = server.ask("/static/cut.bin")
    assert (answer.status, answer.body) == (200, LARGE[:1000])


@pytest.mark.parametrize(
    "wsgi_server", [wsgi_server for wsgi_server in MATRIX if wsgi_server.name in STOPS], ids=STOPS
)
def test_some_servers_stop_when_a_body_fails(wsgi_server: WSGIServer) -> None:
    with make_site() as (folder, tree), serving(wsgi_server, folder, tree) as server:
        wait_until(lambda: is_gone_after_a_failure(server))


def is_gone_after_a_failure(server: Server) -> bool:
    try:
        cut_short(server)
        server.process()
        server.process()  # the server stops at the first request, but not every time
    except ConnectionRefusedError:
        return True
    except (OSError, EOFError):
        return False
    return False
