"""What the tests of WhiteNoise and ServeStatic import: a server for an application, a client, and files.

Written for the names that these tests use. The server mounts the application at a path, as they expect.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterable, MutableMapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import shift_path_info

import brotli

__all__ = [
    "AppServer",
    "AsgiAppServer",
    "AsgiReceiveEmulator",
    "AsgiScopeEmulator",
    "AsgiSendEmulator",
    "Files",
]

FILES = Path(__file__).parent / "test_files"
CODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "br": brotli.decompress}


class Response:
    """A response whose content is decoded."""

    def __init__(self, url: str, status_code: int, headers: Any, body: bytes) -> None:
        self.url, self.status_code, self.headers = url, status_code, headers
        coding = headers.get("Content-Encoding")
        self.content = CODINGS[coding](body) if coding and body else body

    @property
    def text(self) -> str:
        return self.content.decode()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its name there
        pass


class AppServer:
    """A server of an application below ``/subdir``, on a free port, until it is closed."""

    PREFIX = "subdir"

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self._server = make_server("127.0.0.1", 0, self._mounted, handler_class=_QuietHandler)
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def _mounted(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if shift_path_info(environ) == self.PREFIX:
            return self.application(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not mounted here"]

    def get(self, url: str, **options: Any) -> Response:
        return self.request("get", url, **options)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str | None] | None = None,
        allow_redirects: bool = True,
    ) -> Response:
        """Send a request; a header of None is not sent."""
        fields = {"Accept-Encoding": "gzip, deflate", "Accept": "*/*", **(headers or {})}
        connection = HTTPConnection("127.0.0.1", self._server.server_port, timeout=30)
        try:
            connection.putrequest(
                method.upper(), quote(url, safe="/:?=&%+,;@~!$'()*"), skip_accept_encoding=True
            )
            for name, value in fields.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders()
            reply = connection.getresponse()
            response = Response(url, reply.status, reply.headers, reply.read())
        finally:
            connection.close()
        location = response.headers.get("Location")
        if allow_redirects and location is not None:
            return self.request(method, urljoin(url, location), headers=headers)
        return response

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Files:
    """Files of a folder in ``test_files``: ``js="app.js"`` has ``js_path``, ``js_url`` and ``js_content``."""

    def __init__(self, directory: str, **files: str) -> None:
        folder = FILES / directory
        self.directory = str(folder)
        for name, path in files.items():
            setattr(self, f"{name}_path", path)
            setattr(self, f"{name}_url", f"/{AppServer.PREFIX}/{path}")
            setattr(self, f"{name}_content", (folder / path).read_bytes())


# ServeStatic's tests of Django under ASGI


class AsgiScopeEmulator(dict[str, Any]):
    """The scope of a GET."""

    def __init__(self, given: MutableMapping[str, Any]) -> None:
        super().__init__(
            {"type": "http", "asgi": {"version": "3.0"}, "method": "GET", "query_string": b"", **given}
        )


class AsgiReceiveEmulator:
    """The messages of a request without a body."""

    async def __call__(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}


class AsgiSendEmulator:
    """The response that an application sent."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")


class AsgiAppServer:
    """An ASGI application, mounted as `AppServer` mounts one."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.application({**scope, "root_path": f"/{AppServer.PREFIX}"}, receive, send)
