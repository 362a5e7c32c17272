"""Servers: how to start each, with one process that answers requests, on a port of the loopback interface.

Invariant: each runs as its guide says for production, without an access log, and without reading or writing
the machine's own configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.machine import tool

__all__ = ["CADDY", "ENGINES", "FRONTS", "NGINX", "WSGIREF", "Engine", "Front"]

THREADS = "4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A WSGI server: its distribution (empty for Python's own), and its command.

    The command starts it on a port, with an application ``module:name``.
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
    start.append("--no-control-socket")  # otherwise it is in the home folder
    return lambda port, application: [*start, "--bind", f"127.0.0.1:{port}", application]


def _pyuwsgi(port: int, application: str) -> Sequence[str]:
    # Its keep-alive (http11-socket) gives a whole process to each connection, so it stays off; without the
    # field, clients are not told so, and count each end of a connection as an error.
    options = ["--master", "--processes", "1", "--disable-logging", "--need-app", "--die-on-term"]
    options += ["--add-header", "Connection: close"]
    options += ["--buffer-size", "32768"]  # the most that all fields of a request may have; 4,096 by default
    place = ["--http-socket", f"127.0.0.1:{port}", "--listen", "100", "--pythonpath", "."]
    return [_script("pyuwsgi"), *place, *options, "--wsgi", application]


def _waitress(port: int, application: str) -> Sequence[str]:
    return [_script("waitress-serve"), f"--listen=127.0.0.1:{port}", f"--threads={THREADS}", application]


def _granian(port: int, application: str) -> Sequence[str]:
    options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--workers", "1", "--log-level", "error"]
    return [_script("granian"), "--host", "127.0.0.1", "--port", str(port), *options, application]


def _cheroot(port: int, application: str) -> Sequence[str]:
    return [_script("cheroot"), "--bind", f"127.0.0.1:{port}", "--threads", THREADS, application]


def _own(server: str) -> Callable[[int, str], Sequence[str]]:
    start = [sys.executable, "-m", "benchmarks.embedded", server]
    return lambda port, application: [*start, str(port), application]


ENGINES = (
    Engine(name="gunicorn sync", distribution="gunicorn", command=_gunicorn("--worker-class", "sync")),
    Engine(
        name="gunicorn gthread",
        distribution="gunicorn",
        command=_gunicorn("--worker-class", "gthread", "--threads", THREADS),
    ),
    Engine(name="pyuwsgi", distribution="pyuwsgi", command=_pyuwsgi),
    Engine(name="waitress", distribution="waitress", command=_waitress),
    Engine(name="granian", distribution="granian", command=_granian),
    Engine(name="cheroot", distribution="cheroot", command=_cheroot),
    Engine(name="bjoern", distribution="bjoern", command=_own("bjoern")),
    Engine(name="fastpysgi", distribution="fastpysgi", command=_own("fastpysgi")),
)

WSGIREF = Engine(name="wsgiref", distribution="", command=_own("wsgiref"))
"""Python's own server, for development; it is not measured."""


# Servers that a user would put in front instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A server of files: ``configure`` returns the configuration for a folder, a root and a port.

    ``module`` is a file that it also needs.
    """

    name: str
    tool: str
    configure: Callable[[Path, Path, int], str]
    options: Callable[[Path], Sequence[str]]
    module: Path | None = None

    def missing(self) -> str | None:
        """Tell why it cannot run here, None if it can."""
        if tool(self.tool) is None:
            return f"{self.tool} is not installed"
        if self.module is not None and not self.module.exists():
            return f"{self.module.name} is not installed"
        return None

    def command(self, folder: Path, root: Path, port: int) -> list[str]:
        """Write the configuration into ``folder``, and return the command that serves ``root``."""
        (folder / "site").mkdir(parents=True)
        (folder / "site" / "static").symlink_to(root)
        configuration = folder / "configuration"
        configuration.write_text(self.configure(folder, folder / "site", port), encoding="utf-8")
        return [tool(self.tool) or self.tool, *self.options(configuration)]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return Caddy's configuration; one thread for Go's own work makes it comparable to one process."""
        return {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


BROTLI = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
IMMUTABLE = "public, max-age=31536000, immutable"

_NGINX = """\
load_module {brotli};
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ text/css css; text/javascript js; image/svg+xml svg; image/webp webp; text/html html;
            font/woff2 woff2; application/json json; video/mp4 mp4; }}
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    open_file_cache max=10000 inactive=10m;
    open_file_cache_valid 10m;
    gzip_static on;
    brotli_static on;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location /static/ {{ root {site}; add_header Cache-Control "{immutable}"; }}
    }}
}}
"""

_CADDY = """\
{{
    admin off
    auto_https off
    log {{
        level ERROR
    }}
}}
http://127.0.0.1:{port} {{
    root * {site}
    header /static/* Cache-Control "{immutable}"
    file_server {{
        precompressed br gzip
    }}
}}
"""


def _nginx(folder: Path, site: Path, port: int) -> str:
    # As root, its worker would run as nobody, who cannot read root's folders.
    user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    return _NGINX.format(brotli=BROTLI, user=user, folder=folder, site=site, port=port, immutable=IMMUTABLE)


def _caddy(folder: Path, site: Path, port: int) -> str:
    return _CADDY.format(site=site, port=port, immutable=IMMUTABLE)


NGINX = Front(
    name="nginx",
    tool="nginx",
    module=BROTLI,
    configure=_nginx,
    options=lambda path: ["-p", str(path.parent), "-e", "stderr", "-c", str(path)],
)
CADDY = Front(
    name="Caddy",
    tool="caddy",
    configure=_caddy,
    options=lambda path: ["run", "--adapter", "caddyfile", "--config", str(path)],
)
FRONTS = (NGINX, CADDY)
