"""Real servers that tests start on free ports, stop, and start again on the same port."""

from __future__ import annotations

import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from tests.support.parts import require_tool
from tests.support.waiting import wait_until

__all__ = ["Memcached", "Redis", "Service", "black_hole", "free_port", "running"]

TIMEOUT = 30.0
"""The longest time, in seconds, that a server may take to listen or to end."""

ATTEMPTS = 5
"""How many ports are tried if another process takes one first."""


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Service(ABC):
    """A server in its own process; ``options`` are added to its command."""

    tool: str

    def __init__(self, *options: str) -> None:
        self.options = options
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return ``host:port``."""
        return f"127.0.0.1:{self.port}"

    @abstractmethod
    def command(self, executable: str) -> list[str]:
        """Return the command that starts it at ``port``, in the foreground."""

    @abstractmethod
    def is_answering(self) -> bool:
        """Return whether it answers; `OSError` means no."""

    def start(self) -> None:
        """Start it on a free port, or on its earlier port, and wait until it answers."""
        executable = require_tool(self.tool)
        attempts = 1 if self.port else ATTEMPTS
        for _ in range(attempts):
            self.port = self.port if attempts == 1 else free_port()
            self._process = subprocess.Popen(
                self.command(executable), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            wait_until(lambda: self._has_ended() or self._answers())
            if not self._has_ended():
                return
        pytest.fail(f"{self.tool} does not start")

    def stop(self) -> None:
        """Kill it without time to clean up; do nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(TIMEOUT)
            self._process = None

    def restart(self) -> None:
        """Start it again, empty, on the same port."""
        self.stop()
        self.start()

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            return self.is_answering()
        except OSError:
            return False

    def ask(self, line: bytes) -> bytes:
        """Send one line, and return the start of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
            connection.sendall(line + b"\r\n")
            return connection.recv(4096)


class Redis(Service):
    """redis-server, without files on disk."""

    tool = "redis-server"

    def command(self, executable: str) -> list[str]:
        """Return the command that starts it."""
        kept = ("--save", "", "--appendonly", "no", "--daemonize", "no")
        return [executable, "--bind", "127.0.0.1", "--port", str(self.port), *kept, *self.options]

    def is_answering(self) -> bool:
        """Return whether it answers a PING."""
        return self.ask(b"PING").startswith(b"+PONG")


class Memcached(Service):
    """memcached over TCP."""

    tool = "memcached"

    def command(self, executable: str) -> list[str]:
        """Return the command that starts it; root must name a user."""
        place = ("-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-u", "nobody")
        return [executable, *place, *self.options]

    def is_answering(self) -> bool:
        """Return whether it answers with its version."""
        return self.ask(b"version").startswith(b"VERSION")


S = TypeVar("S", bound=Service)


@contextmanager
def running(service: S) -> Iterator[S]:
    """Run a server inside the context."""
    try:
        service.start()
        yield service
    finally:
        service.stop()


@contextmanager
def black_hole() -> Iterator[str]:
    """Yield an address that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
