"""hashserve under gunicorn, with its log in a file, and a client that sends raw bytes."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.support.services import TIMEOUT, Service

__all__ = ["RawConnection", "RawResponse", "ServedRoot"]

_APPLICATION = """
import os
from hashserve import HashServe

def inner(environ, start_response):
    status, body = ("200 OK", str(os.getpid()).encode()) if environ["PATH_INFO"] == "/process" else (
        "404 Not Found", b"the application's own")
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

application = HashServe(inner, {root!r}, "/static/", **{settings!r})
"""


class ServedRoot(Service):
    """gunicorn, one process with a few threads, that serves ``root`` under ``/static/``.

    ``folder`` contains its application and its log; ``variables`` are added to its environment.
    """

    tool = "env"

    def __init__(
        self,
        folder: Path,
        root: str,
        settings: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.log = folder / "log"
        self._variables = dict(variables or {})
        folder.mkdir(parents=True, exist_ok=True)
        text = _APPLICATION.format(root=root, settings=dict(settings or {}))
        (folder / "served.py").write_text(text, encoding="utf-8")

    def command(self, executable: str) -> list[str]:
        """Return the command that starts the server."""
        variables = {"PYTHONPATH": str(self.folder), **self._variables}
        worker = ("--worker-class=gthread", "--threads=4", "--workers=1", "--keep-alive=60")
        log = (f"--log-file={self.log}", "--capture-output", "--log-level=warning")
        return [
            executable,
            *(f"{name}={value}" for name, value in variables.items()),
            *(sys.executable, "-m", "gunicorn", "served:application", f"--bind={self.address}"),
            *(*worker, *log, *self.options),
        ]

    def is_answering(self) -> bool:
        """Return whether the server answers."""
        return self.process() > 0

    def process(self) -> int:
        """Return the id of the process that answers."""
        with RawConnection(self.port) as connection:
            return int(connection.ask(b"GET /process HTTP/1.1\r\nHost: x\r\n\r\n").body)

    def stop(self) -> None:
        """Stop the server and its worker."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(TIMEOUT)
        super().stop()

    def log_lines(self) -> list[str]:
        """Return the lines of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()


@dataclass(frozen=True)
class RawResponse:
    """A response as received: its status, its fields by name in lower case, its body."""

    status: int
    fields: Mapping[str, str]
    body: bytes


class RawConnection:
    """A connection for requests as bytes. It is opened again if the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._rest = b""

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket, self._rest = None, b""

    def ask(self, request: bytes) -> RawResponse:
        """Send a request and return its response."""
        was_open = self._socket is not None
        try:
            answer = self._exchange(request)
        except (EOFError, OSError):
            self.close()
            if not was_open:
                raise
            answer = self._exchange(request)  # a server may close an idle connection at any time
        if answer.fields.get("connection", "").lower() == "close":
            self.close()
        return answer

    def _exchange(self, request: bytes) -> RawResponse:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT)
        self._socket.sendall(request)
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(first.split(" ")[1])
        has_body = not request.startswith(b"HEAD ") and status not in (204, 304)
        return RawResponse(status, fields, self._body(fields) if has_body else b"")

    def _body(self, fields: Mapping[str, str]) -> bytes:
        if fields.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        return self._take(int(fields["content-length"])) if "content-length" in fields else self._all()

    def _chunks(self) -> Iterable[bytes]:
        while size := int(self._line(), 16):
            yield self._take(size)
            self._line()
        self._line()

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            self._receive()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._receive()
        body, self._rest = self._rest[:size], self._rest[size:]
        return body

    def _all(self) -> bytes:
        try:
            while True:
                self._receive()
        except EOFError:
            body = self._rest
            self.close()
            return body

    def _receive(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(1 << 20)
        if not data:
            raise EOFError
        self._rest += data


def get(path: str, **fields: str) -> bytes:
    """Return the bytes of a GET; field names have underscores for hyphens."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
