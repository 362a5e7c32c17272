"""HTTP/1.1 as bytes: what a client sends and receives, with nothing hidden or corrected.

Invariant: bytes after a response are kept, so that a test sees a body that is longer or shorter than its
framing says.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.trees import BuiltTree

__all__ = ["Answer", "Connection", "Server", "is_ready", "written"]

TIMEOUT = 60.0
"""The longest time, in seconds, that a server may take to answer."""


def written(
    method: str, target: str, fields: Mapping[str, str], *, version: str = "1.1", body: bytes = b""
) -> bytes:
    """Return the bytes of a request, with a Host field first."""
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


_END_OF_HEAD = re.compile(rb"\r\n\r?\n")


@dataclass
class Answer:
    """A response as received; its fields by name in lower case, repeated ones joined by a comma."""

    status: int
    fields: dict[str, str]
    body: bytes
    version: str


@dataclass
class Connection:
    """A connection of a client; bytes after a response stay in ``rest``."""

    sock: socket.socket
    rest: bytes = field(default=b"")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sock.close()

    def send(self, path: str, *, method: str = "GET", version: str = "1.1", **fields: str) -> None:
        """Send a request; field names have underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        self.sock.sendall(written(method, path, named, version=version))

    def ask(self, path: str, *, method: str = "GET", **options: Any) -> Answer:
        """Send a request and return the response."""
        self.send(path, method=method, **options)
        return self.receive(has_body=method != "HEAD")

    def receive(self, *, has_body: bool = True) -> Answer:
        """Read one response, after a ``100 Continue`` or not. Raises `EOFError` if it is incomplete."""
        head = self._head()
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status = first.split(" ")[:2]
        if status == "100":
            return self.receive(has_body=has_body)
        fields: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines):
            known = fields.get(name.lower())
            fields[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
        is_bare = not has_body or status in ("204", "304")
        body = b"" if is_bare else self._body(fields)
        return Answer(status=int(status), fields=fields, body=body, version=version)

    def _head(self) -> bytes:
        """Read the status line and the fields.

        A line may end with LF alone (RFC 9112 section 2.2): the empty line of gunicorn's errors does, on
        Python 3.14.
        """
        while (end := _END_OF_HEAD.search(self.rest)) is None:
            self.rest += self.more()
        head, self.rest = self.rest[: end.start()], self.rest[end.end() :]
        return head

    def _body(self, fields: Mapping[str, str]) -> bytes:
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        return self.take(int(fields["content-length"])) if "content-length" in fields else self.remainder()

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self.until(b"\r\n").partition(b";")[0], 16):
            chunks.append(self.take(size))
            self.until(b"\r\n")
        self.until(b"\r\n")
        return b"".join(chunks)

    def until(self, end: bytes) -> bytes:
        """Read up to ``end``, and that too."""
        while end not in self.rest:
            self.rest += self.more()
        found, _, self.rest = self.rest.partition(end)
        return found

    def take(self, length: int) -> bytes:
        """Read a number of bytes."""
        chunks, left = [self.rest], length - len(self.rest)
        while left > 0:
            chunks.append(self.more())
            left -= len(chunks[-1])
        content = b"".join(chunks)
        self.rest = content[length:]
        return content[:length]

    def remainder(self) -> bytes:
        """Read until the connection ends."""
        chunks, self.rest = [self.rest], b""
        while data := self.sock.recv(1 << 20):
            chunks.append(data)
        return b"".join(chunks)

    def more(self) -> bytes:
        """Read the next bytes. Raises `EOFError` if there are none."""
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError
        return data


@dataclass
class Server:
    """A running server: its name, its address and the tree that it serves under ``/static/``."""

    name: str
    address: tuple[str, int]
    tree: BuiltTree

    def connect(self) -> Connection:
        """Open a connection to it."""
        return Connection(socket.create_connection(self.address, timeout=TIMEOUT))

    def ask(self, path: str, **options: Any) -> Answer:
        """Send one request on a new connection."""
        with self.connect() as connection:
            return connection.ask(path, **options)

    def url(self, logical_path: str) -> str:
        """Return the path of an asset's URL."""
        return f"/static/{self.tree.names[logical_path]}"

    def process(self) -> int:
        """Return the id of the process that answers, from the wrapped application."""
        return int(self.ask("/process").body)

    def open_descriptors(self) -> int:
        """Count the open descriptors of the process that answers, including that of the connection."""
        return len(os.listdir(f"/proc/{self.process()}/fd"))


def is_ready(server: Server, process: subprocess.Popen[bytes]) -> bool:
    """Return whether a server answers; fail if it has ended."""
    assert process.poll() is None, "the server did not start"
    try:
        return server.ask("/").status == 200
    except (OSError, EOFError):
        return False
