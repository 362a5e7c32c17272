"""A command for each WSGI server that has none: it serves an application on a loopback port.

::

    python -m benchmarks.server_command bjoern 8000 benchmarks.subject_application:application
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["SERVERS"]

HOST = "127.0.0.1"


def _bjoern(application: WSGIApplication, port: int) -> None:
    import bjoern

    bjoern.run(application, HOST, port)


def _fastpysgi(application: WSGIApplication, port: int) -> None:
    import fastpysgi

    fastpysgi.run(application, host=HOST, port=port)


def _wsgiref(application: WSGIApplication, port: int) -> None:
    from wsgiref.simple_server import make_server

    make_server(HOST, port, application).serve_forever()


SERVERS: dict[str, Callable[[WSGIApplication, int], None]] = {
    "bjoern": _bjoern,
    "fastpysgi": _fastpysgi,
    "wsgiref": _wsgiref,
}
"""The function that serves an application on a port until the process ends, by server."""


def main(server: str, port: str, application: str) -> None:
    """Import the application ``module:name``, and serve it."""
    module, _, name = application.partition(":")
    SERVERS[server](getattr(import_module(module), name), int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
