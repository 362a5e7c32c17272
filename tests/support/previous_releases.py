"""A previous release from which builds restore files: a correct site, and a site with faults.

Invariant: a faulty site responds correctly to requests for every path except one.
"""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from hashserve import HashServe
from hashserve.builder import BuildReport
from hashserve.http.codings import CODINGS
from tests.support.building import manifest_of, wrong_files
from tests.support.client import request, wrapped_application
from tests.support.files import put

__all__ = [
    "FAULTS",
    "TEXT",
    "Fault",
    "FaultySite",
    "assert_restored",
    "change",
    "faulty_site",
    "free_port",
    "hang",
    "lost",
    "not_found",
    "put_source",
    "running_site",
    "wrong",
]

TEXT = b"a text that is long enough to be worth compressing\n" * 20

_SERVE = """
import sys
from waitress import serve
from hashserve import HashServe

def application(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"not here"]

serve(
    HashServe(application, root=sys.argv[1], publish_manifest=True),
    host="127.0.0.1", port=int(sys.argv[2]), _quiet=True,
)
"""


def put_source(folder: Path) -> Path:
    """Make a source with a reference, a text to change, and a path that a URL must percent-encode."""
    put(folder, "css/app.css", b"body { background: url(../img/dot.svg) }\n" * 20)
    put(folder, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    put(folder, "a.txt", TEXT)
    put(folder, "zwölf boxkämpfer.txt", TEXT + b"12")
    return folder


def change(source: Path) -> None:
    put(source, "a.txt", TEXT + b"changed")


def lost(report: BuildReport) -> list[str]:
    return [finding.path for finding in report.findings if finding.kind == "lost"]


def assert_restored(first: Path, out: Path) -> None:
    """Assert that the new output serves every URL of the old release as before, in every coding."""
    old = manifest_of(first)
    assert not wrong_files(out)
    assert [release.id for release in manifest_of(out).releases] == [old.release]
    servers = [HashServe(wrapped_application, root=root) for root in (first, out)]
    for path in old.files:
        for coding in ("identity", "br", "gzip"):
            replies = [request(server, f"/static/{path}", accept_encoding=coding) for server in servers]
            assert replies[0].status == 200
            assert replies[1].headers == replies[0].headers
            assert replies[1].body == replies[0].body
            assert "immutable" in replies[1]["Cache-Control"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_site(out: Path) -> Iterator[str]:
    """Serve an output with a real server in its own process, and yield the URL of the site."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _SERVE, out, str(port)])
    try:
        while True:
            assert process.poll() is None
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


Fault = Callable[["FaultySite", str], None]


class FaultySite(http.server.BaseHTTPRequestHandler):
    """A server of the folder ``root`` with a fault at one path."""

    root: Path
    faulty_path: str
    fault: Fault

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(self.path).removeprefix("/static/")
        if path == ".well-known/hashserve.json":
            path = "staticfiles.json"
        if path == type(self).faulty_path:
            type(self).fault(self, path)
        else:
            self.respond_correctly(path)

    def coded(self, path: str) -> tuple[str, bytes]:
        coding = self.headers["Accept-Encoding"]
        if coding == "dcz":
            return self.delta(path)
        suffix = CODINGS[coding].suffix if coding in CODINGS else ""
        if not suffix or not (self.root / (path + suffix)).exists():
            return "identity", (self.root / path).read_bytes()
        return coding, (self.root / (path + suffix)).read_bytes()

    def delta(self, path: str) -> tuple[str, bytes]:
        """Return the delta against the dictionary that the client has, else the file."""
        asked = self.headers["Available-Dictionary"]
        for delta in manifest_of(self.root).deltas_of(path):
            if f":{delta.dictionary_sha256}:" == asked and (self.root / delta.path).exists():
                return "dcz", (self.root / delta.path).read_bytes()
        return "identity", (self.root / path).read_bytes()

    def respond_correctly(self, path: str) -> None:
        coding, body = self.coded(path)
        self.respond(200, body, coding=coding)

    def respond(
        self,
        status: int,
        body: bytes,
        *,
        coding: str = "identity",
        length: int | None = None,
        location: str = "",
    ) -> None:
        self.send_response(status)
        if coding != "identity":
            self.send_header("Content-Encoding", coding)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextmanager
def faulty_site(root: Path, path: str, fault: Fault, base: type[FaultySite] = FaultySite) -> Iterator[str]:
    handler = type(
        "ThisFaultySite", (base,), {"root": root, "faulty_path": path, "fault": staticmethod(fault)}
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def hang(site: FaultySite, path: str) -> None:
    site.send_response(200)
    site.send_header("Content-Length", "100")
    site.end_headers()
    site.close_connection = True
    time.sleep(0.6)


def drip(site: FaultySite, path: str) -> None:
    site.send_response(200)
    site.send_header("Content-Length", "100000")
    site.end_headers()
    site.close_connection = True
    for _ in range(40):
        try:
            site.wfile.write(b"x")
        except OSError:
            return
        time.sleep(0.05)


def wrong(site: FaultySite, path: str) -> None:
    site.respond(200, bytes(len(site.coded(path)[1])))


def truncated(site: FaultySite, path: str) -> None:
    coding, body = site.coded(path)
    site.respond(200, body[:-1], coding=coding, length=len(body))


def shorter(site: FaultySite, path: str) -> None:
    coding, body = site.coded(path)
    site.respond(200, body[:-1], coding=coding)


def longer(site: FaultySite, path: str) -> None:
    coding, body = site.coded(path)
    site.respond(200, body + b"x", coding=coding)


def wrong_coding(site: FaultySite, path: str) -> None:
    site.respond(200, b"x", coding="deflate")


def redirect_elsewhere(site: FaultySite, path: str) -> None:
    site.respond(302, b"", location="/static/img/dot.svg")


def redirect_in_a_circle(site: FaultySite, path: str) -> None:
    site.respond(302, b"", location=site.path)


def not_http(site: FaultySite, path: str) -> None:
    site.wfile.write(b"this is not HTTP\r\n\r\n")
    site.close_connection = True


def not_found(site: FaultySite, path: str) -> None:
    site.respond(404, b"")


def server_error(site: FaultySite, path: str) -> None:
    site.respond(500, b"")


def drip_head(site: FaultySite, path: str) -> None:
    site.close_connection = True
    for _ in range(40):
        try:
            site.connection.sendall(b"H")
        except OSError:
            return
        time.sleep(0.05)


FAULTS: list[Fault] = [
    wrong,
    truncated,
    shorter,
    longer,
    wrong_coding,
    redirect_elsewhere,
    redirect_in_a_circle,
    not_http,
    not_found,
    server_error,
    hang,
    drip,
    drip_head,
]
