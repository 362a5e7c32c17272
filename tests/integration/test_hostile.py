"""Hostile requests, in process and over sockets: no leak of files or memory, no exception, no 5xx.

``HASHSERVE_SOAK=1`` sends over a million requests.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.hostile import hostile_environs, listed, traversals, word_lists
from tests.fuzz.secret_site import SECRET, SiteWithSecrets, ask
from tests.support.parts import missing
from tests.support.served_root import RawConnection, RawResponse, ServedRoot
from tests.support.services import running

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
IN_PROCESS = 1_000_000 if SOAK else 12_000
OVER_SOCKETS = 30_000 if SOAK else 600
MOST_GROWTH = 16
"""The most MB that a process may grow after its caches are full."""


@pytest.fixture(scope="module")
def secret_site(tmp_path_factory: pytest.TempPathFactory) -> SiteWithSecrets:
    return SiteWithSecrets(str(tmp_path_factory.mktemp("site")))


def resident(process: int) -> float:
    """Return the resident memory of a process in MB."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        missing("the memory of a process is read from /proc")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_descriptors(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))


def test_there_are_thousands_of_hostile_paths() -> None:
    assert len(traversals()) > 3000
    if not word_lists():
        missing("wfuzz's word lists are not installed", "word lists")
    assert len(word_lists()) > 5000


def test_no_hostile_request_reads_a_private_file(
    secret_site: SiteWithSecrets, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    statuses: Counter[int] = Counter()
    before = resident(os.getpid())
    descriptors = open_descriptors(os.getpid())
    for number, environ in enumerate(hostile_environs(secret_site.paths, IN_PROCESS)):
        site = secret_site.sites[number // 3 % len(secret_site.sites)]  # the requests rotate too
        reply = ask(site.application, environ)
        try:
            reply.check()
        except AssertionError as error:
            raise AssertionError(f"{environ}\n{reply}") from error
        statuses[reply.status] += 1
        if number == IN_PROCESS // 10:
            before = resident(os.getpid())
    after = resident(os.getpid())
    print(f"\nin process: {dict(statuses)}, {before:.1f} MB after a tenth, {after:.1f} MB at the end")
    assert {200, 204, 206, 304, 404, 405, 412, 416} <= statuses.keys()
    assert after - before < MOST_GROWTH
    assert open_descriptors(os.getpid()) <= descriptors


# Over sockets


def requests(secret_site: SiteWithSecrets, count: int) -> Iterator[bytes]:
    """Yield requests as bytes, with hostile paths and broken fields."""
    chance = random.Random(0)
    paths = listed()
    for _ in range(count):
        if chance.random() < 0.3:
            target = f"/static/{chance.choice(secret_site.paths)}".encode()
        else:
            path = chance.choice(paths).encode("utf-8", "surrogateescape")
            target = chance.choice((b"/static/", b"/static/css/", b"/static", b"/", b"")) + path
        # The end of a request line does not reach hashserve.
        line = re.sub(rb"[\0-\x20\x7f]", lambda match: b"%%%02X" % match[0][0], target)
        fields = [
            chance.choice(
                (
                    b"Range: bytes=0-",
                    b"Range: bytes=5-1,,-",
                    b"Accept-Encoding: br;q=9, *",
                    b"If-None-Match: *",
                )
            ),
            b"X: " + bytes(chance.choice(b"az\x80\xff\t ") for _ in range(chance.choice((0, 5, 8000)))),
            chance.choice((b"If-Range: \x80", b'If-Match: "', b"Accept: text/html", b"If-Modified-Since: x")),
        ]
        method = chance.choice((b"GET", b"GET", b"GET", b"HEAD", b"OPTIONS", b"POST", b"BREW"))
        yield b"\r\n".join(
            [method + b" " + line + b" HTTP/1.1", b"Host: x", *fields, b"Content-Length: 0", b"", b""]
        )


@pytest.mark.real
@pytest.mark.parametrize("settings", [{}, {"index_file": True, "on_missing": "404"}], ids=["pass", "own"])
def test_no_hostile_request_over_a_socket_reads_a_private_file(
    secret_site: SiteWithSecrets, tmp_path: Path, settings: dict[str, object]
) -> None:
    statuses: Counter[int | str] = Counter()
    with running(ServedRoot(tmp_path / "server", secret_site.tree.root, settings)) as server:
        process, before, descriptors = server.process(), 0.0, 0
        with RawConnection(server.port) as connection:
            for number, request in enumerate(requests(secret_site, OVER_SOCKETS // 2)):
                answer = answer_or_none(connection, request)
                statuses[answer.status if answer else "closed"] += 1
                if answer is not None:
                    assert SECRET not in answer.body, request
                    assert answer.status < 500, request
                if number == OVER_SOCKETS // 10:
                    before, descriptors = resident(process), open_descriptors(process)
        assert server.process() == process, "the worker was not replaced"
        after = resident(process)
        tracebacks = [line for line in server.log_lines() if "Traceback" in line]
    print(f"\nover a socket: {dict(statuses)}, {before:.1f} MB after a fifth, {after:.1f} MB at the end")
    assert not tracebacks
    assert {200, 404} <= statuses.keys()
    assert after - before < MOST_GROWTH
    assert descriptors > 0


def answer_or_none(connection: RawConnection, request: bytes) -> RawResponse | None:
    """Return the response; None if the server closes the connection."""
    try:
        return connection.ask(request)
    except (EOFError, ConnectionError):
        connection.close()
        return None
