"""WSGI servers: the command that starts each on a port of the loopback interface.

Invariant: each runs as its guide recommends for production, with one process and without an access log, and
does not touch the machine's own configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

__all__ = ["WSGIREF", "WSGI_SERVERS", "WSGIServer"]

THREADS = "4"


@dataclass(frozen=True, slots=True, kw_only=True)
class WSGIServer:
    """A WSGI server, its distribution, and its command for a port and an application ``module:name``.

    Python's own server has no distribution (an empty string).
    """

    name: str
    distribution: str
    command: Callable[[int, str], Sequence[str]]

    def missing(self) -> str | None:
        """Return why it cannot run here; None if it can."""
        if not self.distribution:
            return None
        try:
            metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return f"{self.distribution} is not installed"
        return None


def _script(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _gunicorn(*options: str) -> Callable[[int, str], Sequence[str]]:
    start = [sys.executable, "-m", "gunicorn", "--workers", "1", "--log-level", "error", *options]
    start.append("--no-control-socket")  # the default is a socket in the home folder
    return lambda port, application: [*start, "--bind", f"127.0.0.1:{port}", application]


def _pyuwsgi(port: int, application: str) -> Sequence[str]:
    # Its keep-alive (http11-socket) needs a process for each connection, so it stays off. Without the field,
    # clients expect keep-alive, and count each closed connection as an error.
    options = ["--master", "--processes", "1", "--disable-logging", "--need-app", "--die-on-term"]
    options += ["--add-header", "Connection: close"]
    options += ["--buffer-size", "32768"]  # the largest total size of request fields; 4,096 by default
    place = ["--http-socket", f"127.0.0.1:{port}", "--listen", "100", "--pythonpath", "."]
    return [_script("pyuwsgi"), *place, *options, "--wsgi", application]


def _waitress(port: int, application: str) -> Sequence[str]:
    return [_script("waitress-serve"), f"--listen=127.0.0.1:{port}", f"--threads={THREADS}", application]


def _granian(port: int, application: str) -> Sequence[str]:
    options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--workers", "1", "--log-level", "error"]
    return [_script("granian"), "--host", "127.0.0.1", "--port", str(port), *options, application]


def _cheroot(port: int, application: str) -> Sequence[str]:
    return [_script("cheroot"), "--bind", f"127.0.0.1:{port}", "--threads", THREADS, application]


def _own_command(server: str) -> Callable[[int, str], Sequence[str]]:
    start = [sys.executable, "-m", "benchmarks.server_command", server]
    return lambda port, application: [*start, str(port), application]


WSGI_SERVERS = (
    WSGIServer(name="gunicorn sync", distribution="gunicorn", command=_gunicorn("--worker-class", "sync")),
    WSGIServer(
        name="gunicorn gthread",
        distribution="gunicorn",
        command=_gunicorn("--worker-class", "gthread", "--threads", THREADS),
    ),
    WSGIServer(name="pyuwsgi", distribution="pyuwsgi", command=_pyuwsgi),
    WSGIServer(name="waitress", distribution="waitress", command=_waitress),
    WSGIServer(name="granian", distribution="granian", command=_granian),
    WSGIServer(name="cheroot", distribution="cheroot", command=_cheroot),
    WSGIServer(name="bjoern", distribution="bjoern", command=_own_command("bjoern")),
    WSGIServer(name="fastpysgi", distribution="fastpysgi", command=_own_command("fastpysgi")),
)

WSGIREF = WSGIServer(name="wsgiref", distribution="", command=_own_command("wsgiref"))
"""Python's own server, for development. It is not measured."""
