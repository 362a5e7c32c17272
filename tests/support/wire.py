"""HTTP/1.1 as bytes: what a client writes, and what comes back, nothing hidden and nothing put right.

Invariant: what is left over after an answer is kept, so that a test sees a body that is longer or shorter
than its framing says.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.trees import BuiltTree

__all__ = ["Answer", "Connection", "Server", "is_ready", "written"]

TIMEOUT = 60.0
"""How long, in seconds, a server may take to answer."""


def written(
    method: str, target: str, fields: Mapping[str, str], *, version: str = "1.1", body: bytes = b""
) -> bytes:
    """Write a request, as it is; a Host field comes first."""
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass
class Answer:
    """An answer as it came: its fields by name in lower case, those that stand twice with a comma."""

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
        """Send a request; field names with underscores."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        self.sock.sendall(written(method, path, named, version=version))

    def ask(self, path: str, *, method: str = "GET", **options: Any) -> Answer:
        """Send a request and take the answer."""
        self.send(path, method=method, **options)
        return self.receive(has_body=method != "HEAD")

    def receive(self, *, has_body: bool = True) -> Answer:
        """Take one answer, after ``100 Continue`` or not. Raises `EOFError` where it does not end."""
        head = self.until(b"\r\n\r\n")
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
        """Take what comes before ``end``, and that too."""
        while end not in self.rest:
            self.rest += self.more()
        found, _, self.rest = self.rest.partition(end)
        return found

    def take(self, length: int) -> bytes:
        """Take so many bytes."""
        chunks, left = [self.rest], length - len(self.rest)
        while left > 0:
            chunks.append(self.more())
            left -= len(chunks[-1])
        content = b"".join(chunks)
        self.rest = content[length:]
        return content[:length]

    def remainder(self) -> bytes:
        """Take everything until the connection ends."""
        chunks, self.rest = [self.rest], b""
        while data := self.sock.recv(1 << 20):
            chunks.append(data)
        return b"".join(chunks)

    def more(self) -> bytes:
        """Take what comes next. Raises `EOFError` where nothing does."""
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError
        return data


@dataclass
class Server:
    """A server that runs: its name, its address and the tree that it serves under ``/static/``."""

    name: str
    address: tuple[str, int]
    tree: BuiltTree

    def connect(self) -> Connection:
        """Connect to it."""
        return Connection(socket.create_connection(self.address, timeout=TIMEOUT))

    def ask(self, path: str, **options: Any) -> Answer:
        """Send one request on a connection of its own."""
        with self.connect() as connection:
            return connection.ask(path, **options)

    def url(self, logical_path: str) -> str:
        """Give the path of an asset's URL."""
        return f"/static/{self.tree.names[logical_path]}"

    def process(self) -> int:
        """Give the id of the process that answers, which the wrapped application tells."""
        return int(self.ask("/process").body)

    def open_descriptors(self) -> int:
        """Count the open descriptors of the process that answers, one for the connection among them."""
        return len(os.listdir(f"/proc/{self.process()}/fd"))


def is_ready(server: Server, process: subprocess.Popen[bytes]) -> bool:
    """Whether a server answers; that it has ended is an error."""
    assert process.poll() is None, "the server did not start"
    try:
        return server.ask("/").status == 200
    except (OSError, EOFError):
        return False
