"""Real servers, real sockets: what comes over the wire, byte by byte."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.trees import STYLES, TEN, BuiltTree, put

pytestmark = pytest.mark.real

LARGE = random.Random(0).randbytes(20 * 1024 * 1024)
TIMEOUT = 60.0

APPLICATION = """
import os
from hashserve import HashServe

def inner(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

application = HashServe(inner, {root!r}, "/static/")
"""

WAITRESS = """
import socket, sys
import waitress
from served import application
listener = socket.socket(fileno=int(sys.argv[1]))
waitress.serve(application, sockets=[listener], threads=4)
"""

GUNICORN = [sys.executable, "-m", "gunicorn", "served:application", "--workers=1", "--log-level=warning"]
COMMANDS: dict[str, list[str]] = {
    "gunicorn sync": [*GUNICORN, "--worker-class=sync", "--bind=fd://{fd}"],
    "gunicorn gthread": [
        *GUNICORN,
        *("--worker-class=gthread", "--threads=4", "--keep-alive=60", "--bind=fd://{fd}"),
    ],
    "waitress": [sys.executable, "-c", WAITRESS, "{fd}"],
}


@dataclass
class Server:
    """A server that runs: its address, its tree, and what kind it is."""

    name: str
    address: tuple[str, int]
    tree: BuiltTree

    def keeps_alive(self, answer: Answer) -> bool:
        """Whether it keeps a connection; waitress closes it where it finds no Content-Length."""
        return self.name == "gunicorn gthread" or (
            self.name == "waitress" and "content-length" in answer.fields
        )

    def connect(self) -> Connection:
        return Connection(socket.create_connection(self.address, timeout=TIMEOUT))

    def ask(self, path: str, **options: Any) -> Answer:
        with self.connect() as connection:
            return connection.ask(path, **options)

    def url(self, logical_path: str) -> str:
        return f"/static/{self.tree.names[logical_path]}"

    def open_descriptors(self) -> int:
        process = int(self.ask("/process").body)
        return len(os.listdir(f"/proc/{process}/fd"))


@dataclass
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes
    version: str


@dataclass
class Connection:
    """A client's connection; what is left over after an answer stays in ``rest``."""

    sock: socket.socket
    rest: bytes = field(default=b"")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sock.close()

    def send(self, path: str, *, method: str = "GET", version: str = "1.1", **fields: str) -> None:
        lines = [f"{method} {path} HTTP/{version}", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def ask(self, path: str, *, method: str = "GET", **options: Any) -> Answer:
        self.send(path, method=method, **options)
        return self.receive(has_body=method != "HEAD")

    def receive(self, *, has_body: bool = True) -> Answer:
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status = first.split(" ")[:2]
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        assert "transfer-encoding" not in fields
        length = int(fields.get("content-length", "0"))
        if not has_body or status in ("204", "304"):
            length = 0
        chunks = [self.rest]
        left = length - len(self.rest)
        while left > 0:
            chunks.append(self.more())
            left -= len(chunks[-1])
        content = b"".join(chunks)
        self.rest = content[length:]
        return Answer(status=int(status), fields=fields, body=content[:length], version=version)

    def more(self) -> bytes:
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError
        return data


def make_tree(root: str) -> BuiltTree:
    tree = BuiltTree(root)
    tree.add("ten.txt", TEN)
    tree.add("css/styles.css", STYLES, variants=True)
    tree.add("large.bin", LARGE)
    tree.add("é.txt", b"accented")
    tree.publish()
    put(root, "a b.txt", b"a space")
    put(os.path.dirname(root), "secret.txt", b"secret")
    return tree


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    tree = make_tree(str(folder / "root"))
    (folder / "served.py").write_text(APPLICATION.format(root=tree.root), encoding="utf-8")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        descriptor = listener.fileno()
        process = subprocess.Popen(
            [part.replace("{fd}", str(descriptor)) for part in COMMANDS[request.param]],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            pass_fds=[descriptor],
        )
        address = listener.getsockname()
    try:
        running = Server(request.param, address, tree)
        wait_until(lambda: is_ready(running, process))
        yield running
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder)


def is_ready(server: Server, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the server did not start"
    try:
        return server.ask("/").status == 200
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


# Ranges


@pytest.mark.parametrize(
    ("value", "status", "content_range", "body"),
    [
        ("bytes=0-0", 206, "bytes 0-0/10", b"0"),
        ("bytes=3-6", 206, "bytes 3-6/10", b"3456"),
        ("bytes=9-", 206, "bytes 9-9/10", b"9"),
        ("bytes=-3", 206, "bytes 7-9/10", b"789"),
        ("bytes=5-99", 206, "bytes 5-9/10", b"56789"),
        ("bytes=10-", 416, "bytes */10", None),
        ("bytes=-0", 416, "bytes */10", None),
        ("bytes=5-2", 200, None, TEN),
    ],
)
@pytest.mark.parametrize("name", ["fingerprinted", "live"])
def test_ranges_of_a_small_file(
    server: Server, name: str, value: str, status: int, content_range: str | None, body: bytes | None
) -> None:
    path = server.url("ten.txt") if name == "fingerprinted" else "/static/ten.txt"
    answer = server.ask(path, Range=value)
    assert (answer.status, answer.fields.get("content-range")) == (status, content_range)
    assert body is None or answer.body == body


SIZE = len(LARGE)
SPANS = [
    *((0, 0), (0, 9), (1, 1), (65_535, 65_536), (262_143, 262_145), (1_048_575, 1_048_577)),
    *((0, SIZE - 1), (0, SIZE - 2), (1, SIZE - 1), (SIZE - 1, SIZE - 1), (SIZE // 2, SIZE // 2 + 3_000_000)),
    *((4_096 * number + number, 4_096 * number + number * 50_000) for number in range(1, 100, 12)),
]


@pytest.mark.parametrize("name", ["fingerprinted", "live"])
def test_ranges_of_a_large_file_at_many_offsets(server: Server, name: str) -> None:
    path = server.url("large.bin") if name == "fingerprinted" else "/static/large.bin"
    connection = server.connect()
    for first, last in SPANS:
        answer = connection.ask(path, Range=f"bytes={first}-{last}")
        assert (answer.status, answer.fields["content-range"]) == (206, f"bytes {first}-{last}/{SIZE}")
        assert answer.body == LARGE[first : last + 1]
        assert connection.rest == b""
        if not server.keeps_alive(answer):
            connection.sock.close()
            connection = server.connect()
    connection.sock.close()


def test_several_ranges_of_a_large_file(server: Server) -> None:
    answer = server.ask(server.url("large.bin"), Range="bytes=100-199, 5000000-5999999, -10")
    assert answer.status == 206
    boundary = answer.fields["content-type"].partition("boundary=")[2].encode()
    parts = answer.body.split(b"\r\n--" + boundary)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]]
    assert bodies == [LARGE[100:200], LARGE[5_000_000:6_000_000], LARGE[-10:]]
    assert parts[-1] == b"--\r\n"


@pytest.mark.parametrize("name", ["fingerprinted", "live"])
def test_a_large_file_whole(server: Server, name: str) -> None:
    path = server.url("large.bin") if name == "fingerprinted" else "/static/large.bin"
    answer = server.ask(path)
    assert (answer.status, len(answer.body)) == (200, SIZE)
    assert answer.body == LARGE


# One connection, one answer after the other

CASES: dict[str, tuple[int, str, dict[str, str]]] = {
    "whole": (200, "{styles}", {"Accept_Encoding": "br"}),
    "head": (200, "{styles}", {"method": "HEAD"}),
    "head of a large one": (200, "{large}", {"method": "HEAD"}),
    "head with a range": (200, "{large}", {"method": "HEAD", "Range": "bytes=0-9"}),
    "not modified": (304, "{styles}", {"If_None_Match": "*"}),
    "not modified, large": (304, "{large}", {"If_None_Match": "*"}),
    "partial": (206, "{styles}", {"Range": "bytes=1-5"}),
    "partial, large": (206, "{large}", {"Range": "bytes=10000000-10000009"}),
    "not satisfiable": (416, "{large}", {"Range": "bytes=99999999-"}),
    "unknown": (404, "/static/css/styles.0123456789ab.css", {}),
    "head of unknown": (404, "/static/css/styles.0123456789ab.css", {"method": "HEAD"}),
    "not allowed": (405, "{styles}", {"method": "DELETE"}),
    "failed": (412, "{styles}", {"If_Match": '"nope"'}),
    "head of failed": (412, "{styles}", {"If_Match": '"nope"', "method": "HEAD"}),
    "options": (204, "{styles}", {"method": "OPTIONS"}),
    "the application": (200, "/somewhere", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_next_answer_on_the_connection_starts_where_it_should(server: Server, case: str) -> None:
    status, template, options = CASES[case]
    path = template.format(styles=server.url("css/styles.css"), large=server.url("large.bin"))
    with server.connect() as connection:
        for _ in range(3):
            answer = connection.ask(path, **options)
            assert answer.status == status
            assert connection.rest == b""
            if not server.keeps_alive(answer):
                assert answer.fields["connection"] == "close"
                with pytest.raises(EOFError):
                    connection.more()
                return
            after = connection.ask(server.url("ten.txt"))
            assert (after.status, after.body) == (200, TEN)


def test_every_case_one_after_the_other_on_one_connection(server: Server) -> None:
    urls = {"styles": server.url("css/styles.css"), "large": server.url("large.bin")}
    connection = server.connect()
    for _ in range(3):
        for status, template, options in CASES.values():
            answer = connection.ask(template.format(**urls), **options)
            assert answer.status == status
            if not server.keeps_alive(answer):
                connection.sock.close()
                connection = server.connect()
    connection.sock.close()


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_head_has_gets_fields(server: Server, method: str) -> None:
    for path in (server.url("css/styles.css"), server.url("large.bin"), "/static/none.0123456789ab.css"):
        got, headed = server.ask(path), server.ask(path, method="HEAD")
        for answer in (got, headed):
            answer.fields.pop("date")
        assert headed.fields == got.fields
        assert headed.body == b""


# Old clients, odd paths


@pytest.mark.parametrize("name", ["ten.txt", "css/styles.css", "large.bin"])
def test_http_1_0(server: Server, name: str) -> None:
    content = {"ten.txt": TEN, "css/styles.css": STYLES, "large.bin": LARGE}[name]
    with server.connect() as connection:
        answer = connection.ask(server.url(name), version="1.0")
        assert (answer.status, answer.body) == (200, content)
        with pytest.raises(EOFError):
            connection.more()
    part = server.ask(server.url(name), version="1.0", Range="bytes=2-5")
    assert (part.status, part.body) == (206, content[2:6])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/static/%C3%A9.txt", b"accented"),
        ("/static/%c3%a9.txt", b"accented"),
        ("/static/a%20b.txt", b"a space"),
        ("/static/t%65n.txt", TEN),
        ("/static/ten.txt?query=1", TEN),
    ],
)
def test_percent_encoded_paths_are_served(server: Server, path: str, body: bytes) -> None:
    answer = server.ask(path)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    "path",
    [
        "/static/css%2Fstyles.css",
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static/%2e%2e%2fsecret.txt",
        "/static/..%5csecret.txt",
        "/static/css/../../secret.txt",
        "/static//secret.txt",
        "/static/ten.txt%00",
        "/static/staticfiles.json",
        "/static/%252e%252e/secret.txt",
        "/static/e%CC%81.txt",
        "/static/%E9.txt",
    ],
)
def test_odd_paths_give_away_nothing_and_break_nothing(server: Server, path: str) -> None:
    answer = server.ask(path)
    assert answer.status in (200, 400, 404)
    assert b"secret" not in answer.body
    assert b"paths" not in answer.body
    assert server.ask(server.url("ten.txt")).body == TEN


# Clients that leave, files that go


@pytest.mark.parametrize("range_value", [None, "bytes=1000000-", "bytes=0-9,1000000-9000000"])
def test_a_client_that_leaves_in_the_middle_costs_no_descriptor(
    server: Server, range_value: str | None
) -> None:
    before = server.open_descriptors()
    for name in (server.url("large.bin"), "/static/large.bin"):
        for _ in range(3):
            with server.connect() as connection:
                connection.send(name, **({} if range_value is None else {"Range": range_value}))
                assert connection.more()
    wait_until(lambda: server.open_descriptors() <= before)
    assert server.ask(server.url("ten.txt")).body == TEN


def test_a_file_that_is_deleted_and_replaced_while_it_is_sent_is_sent_whole(server: Server) -> None:
    path = put(server.tree.root, "going.bin", LARGE)
    with server.connect() as connection:
        connection.send("/static/going.bin")
        connection.rest = connection.more()
        os.unlink(path)
        put(server.tree.root, "going.bin", b"new")
        answer = connection.receive()
        assert answer.body == LARGE
    assert server.ask("/static/going.bin").body == b"new"


def test_a_file_that_is_cut_short_while_it_is_sent_ends_the_connection(server: Server) -> None:
    if server.name == "waitress":
        return  # it goes on waiting for bytes that never come, and sends nothing else meanwhile
    path = put(server.tree.root, "cut.bin", LARGE)
    with server.connect() as connection:
        connection.send("/static/cut.bin")
        connection.rest = connection.more()
        os.truncate(path, 1000)
        connection.send(server.url("ten.txt"))
        with pytest.raises((EOFError, ConnectionResetError)):
            connection.receive()
    answer = server.ask("/static/cut.bin")
    assert (answer.status, answer.body) == (200, LARGE[:1000])
