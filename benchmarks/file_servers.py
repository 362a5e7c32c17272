"""File servers: the command and the configuration of nginx and Caddy.

Invariant: each runs as its guide recommends for production, with one process and without an access log, and
does not touch the machine's own configuration.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.system_parts import find_executable

__all__ = ["CADDY", "FILE_SERVERS", "NGINX", "FileServer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileServer:
    """A server that serves files without Python.

    ``configure`` returns the configuration for a folder, a root and a port; ``module`` is a file that the
    server needs too.
    """

    name: str
    tool: str
    configure: Callable[[Path, Path, int], str]
    options: Callable[[Path], Sequence[str]]
    module: Path | None = None

    def missing(self) -> str | None:
        """Return why it cannot run here; None if it can."""
        if find_executable(self.tool) is None:
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
        return [find_executable(self.tool) or self.tool, *self.options(configuration)]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return Caddy's folders, and one thread for Go, because other servers have one process."""
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
    # When root starts nginx, its worker runs as nobody, who cannot read root's folders.
    user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    return _NGINX.format(brotli=BROTLI, user=user, folder=folder, site=site, port=port, immutable=IMMUTABLE)


def _caddy(folder: Path, site: Path, port: int) -> str:
    return _CADDY.format(site=site, port=port, immutable=IMMUTABLE)


NGINX = FileServer(
    name="nginx",
    tool="nginx",
    module=BROTLI,
    configure=_nginx,
    options=lambda path: ["-p", str(path.parent), "-e", "stderr", "-c", str(path)],
)
CADDY = FileServer(
    name="Caddy",
    tool="caddy",
    configure=_caddy,
    options=lambda path: ["run", "--adapter", "caddyfile", "--config", str(path)],
)
FILE_SERVERS = (NGINX, CADDY)
