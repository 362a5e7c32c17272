"""Caching proxies and static servers as they are, started on free ports in front of an origin.

Law: nothing of the machine's own configuration is read or written; each server has a folder of its
own, keeps nothing outside of it, and is gone with the test, its workers too.
"""

from __future__ import annotations

import os
import socket
from abc import abstractmethod
from pathlib import Path

from tests.services import TIMEOUT, Service

__all__ = ["NginxCache", "NginxFiles", "Proxy", "Varnish"]


class Proxy(Service):
    """A server over HTTP with a ``folder`` of its own; ``location`` below it is made when it starts."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(*options)
        self.folder = folder

    @property
    def url(self) -> str:
        """Give its URL, without the last slash."""
        return f"http://{self.address}"

    def command(self, executable: str) -> list[str]:
        """Write the configuration and give the command that starts it with that."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "configuration"
        path.write_text(self.configuration(), encoding="utf-8")
        return self.command_with(executable, path)

    @abstractmethod
    def configuration(self) -> str:
        """Give what it reads when it starts."""

    @abstractmethod
    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Give the command that starts it, in the foreground, with a configuration."""

    def is_answering(self) -> bool:
        """Whether it answers HTTP; what it answers is the origin's affair."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
            connection.sendall(b"HEAD /is-it-there HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return connection.recv(16).startswith(b"HTTP/1.1 ")


# nginx

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""


class Nginx(Proxy):
    """nginx in one process."""

    tool = "nginx"

    def configuration(self) -> str:
        """Give its configuration file."""
        return NGINX.format(folder=self.folder, port=self.port, http=self.http(), server=self.server())

    def http(self) -> str:
        """Give what stands in the block ``http``."""
        return ""

    @abstractmethod
    def server(self) -> str:
        """Give what stands in the block ``server``."""

    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Give the command that starts it."""
        return [executable, "-p", str(self.folder), "-e", "stderr", "-c", str(configuration), *self.options]


class NginxCache(Nginx):
    """nginx with ``proxy_cache`` before the origin at ``host:port``.

    It obeys Cache-Control and Vary; X-Cache-Status tells what it did.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        super().__init__(folder)
        self.origin = origin

    def http(self) -> str:
        """Name the cache, and the types of files."""
        return f"proxy_cache_path {self.folder}/cache keys_zone=pages:10m max_size=512m use_temp_path=off;"

    def server(self) -> str:
        """Pass everything on, and keep what may be kept."""
        return (
            "proxy_cache pages; proxy_http_version 1.1; add_header X-Cache-Status $upstream_cache_status;"
            f"location / {{ proxy_pass http://{self.origin}; proxy_set_header Host $host; }}"
        )


class NginxFiles(Nginx):
    """nginx alone, which serves ``static_root`` under ``/static/``, expiring after 30 days: seed's nginx."""

    def __init__(self, folder: Path, static_root: Path) -> None:
        super().__init__(folder)
        self.static_root = static_root

    def server(self) -> str:
        """Serve the folder with the fields of the snippet that is often copied."""
        return (
            r"location ~* \.(jpg|jpeg|png|gif|ico|css|js)$ { expires 30d; "
            f"root {self.static_root.parent}; }}"
        )


# Varnish

VCL = """
vcl 4.1;
backend default {{ .host = "{host}"; .port = "{port}"; }}
sub vcl_deliver {{
    set resp.http.X-Cache-Status = "MISS";
    if (obj.hits > 0) {{ set resp.http.X-Cache-Status = "HIT"; }}
}}
"""


class Varnish(Proxy):
    """Varnish before the origin at ``host:port``, with its built-in rules; X-Cache-Status tells HIT or MISS.

    As it comes it asks the origin for gzip only and decodes it for who wants none; with the options
    ``-p http_gzip_support=off`` it passes Accept-Encoding on, and keeps what Vary says.
    """

    tool = "varnishd"

    def __init__(self, folder: Path, origin: str, options: tuple[str, ...] = ()) -> None:
        super().__init__(folder, "-s", "malloc,128m", *options)
        self.origin = origin

    def configuration(self) -> str:
        """Give its VCL."""
        host, _, port = self.origin.partition(":")
        return VCL.format(host=host, port=port)

    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Give the command that starts it; its jail needs root, and a test has none to lose."""
        place = ("-a", self.address, "-n", os.fspath(self.folder / "work"))
        return [executable, "-F", "-j", "none", "-f", str(configuration), *place, *self.options]
