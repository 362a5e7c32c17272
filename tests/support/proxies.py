"""Real caching proxies, balancers and static servers, on free ports in front of an origin.

Invariant: no server reads or writes the machine's own configuration. Each has its own folder, stores nothing
outside of it, and ends with the test, its workers too.

The configurations of caches and balancers are those of ``docs/caches.md``, with the addresses and folders of
a test.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.services import TIMEOUT, Service

__all__ = [
    "PAGE",
    "Balancer",
    "Cache",
    "HAProxyBalancer",
    "HAProxyCache",
    "Nginx",
    "NginxBalancer",
    "NginxCache",
    "NginxFiles",
    "Proxy",
    "Squid",
    "TrafficServer",
    "Varnish",
    "snippets",
]

PAGE = Path(__file__).parents[2] / "docs" / "caches.md"
ORIGIN = "127.0.0.1:8000"
"""The address of the origin in the page."""


def snippets() -> dict[str, str]:
    """Return the configurations of the page by the title of their section."""
    sections = re.split(r"^##+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    blocks = {
        section.partition("\n")[0]: re.findall(
            r"^```(?!console)\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL
        )
        for section in sections
    }
    return {title: "\n".join(found) for title, found in blocks.items() if found}


def recommended(title: str, changes: Mapping[str, str]) -> str:
    """Return the configuration under a title, with every key of ``changes`` replaced by its value."""
    text = snippets()[title]
    for written, actual in changes.items():
        assert written in text, f"{written!r} is not in the configuration for {title} in {PAGE.name}"
        text = text.replace(written, actual)
    return text


class Proxy(Service):
    """An HTTP server with its own ``folder``; ``location`` below it is made when it starts."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(*options)
        self.folder = folder

    @property
    def url(self) -> str:
        """Return its URL, without the last slash."""
        return f"http://{self.address}"

    def command(self, executable: str) -> list[str]:
        """Write the configuration, and return the command that starts the server with it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "configuration"
        path.write_text(self.configuration(), encoding="utf-8")
        return self.command_with(executable, path)

    @abstractmethod
    def configuration(self) -> str:
        """Return its configuration."""

    @abstractmethod
    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Return the command that starts it, in the foreground, with a configuration."""

    def is_answering(self) -> bool:
        """Return whether it answers HTTP, with any response."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
            connection.sendall(b"HEAD /is-it-there HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return connection.recv(16).startswith(b"HTTP/1.1 ")


class Cache(Proxy):
    """A cache in front of the origin at ``host:port``, configured as under ``title`` of the page."""

    title: str

    def __init__(self, folder: Path, origin: str, options: tuple[str, ...] = ()) -> None:
        super().__init__(folder, *options)
        self.origin = origin

    @abstractmethod
    def is_hit(self, fields: Mapping[str, str]) -> bool:
        """Return whether a response came from the cache; the names of its fields are in lower case."""


class Balancer(Proxy):
    """A balancer in front of several origins (``host:port``), configured as under ``title`` of the page.

    With ``retries``, it tries another origin after a 404.
    """

    title: str

    def __init__(self, folder: Path, origins: Sequence[str], *, retries: bool) -> None:
        super().__init__(folder)
        self.origins = origins
        self.retries = retries

    def _changes(self) -> dict[str, str]:
        """Return the origins of this test, by those of the page."""
        return {f"127.0.0.1:800{number}": origin for number, origin in enumerate(self.origins, 1)}


# nginx

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/log error;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {sites}
}}
"""


class NginxProcess(Proxy):
    """nginx in one process."""

    tool = "nginx"

    def configuration(self) -> str:
        """Return its configuration file."""
        return NGINX.format(folder=self.folder, sites=self.sites())

    @abstractmethod
    def sites(self) -> str:
        """Return more directives of the block ``http``."""

    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Return the command that starts it."""
        return [executable, "-p", str(self.folder), "-e", "stderr", "-c", str(configuration), *self.options]


class Nginx(NginxProcess):
    """nginx with one server that a test writes."""

    def sites(self) -> str:
        """Return the server."""
        return f"{self.http()}\nserver {{ listen {self.address};\n{self.server()} }}"

    def http(self) -> str:
        """Return the directives of the block ``http``."""
        return ""

    @abstractmethod
    def server(self) -> str:
        """Return the directives of the block ``server``."""


class NginxCache(NginxProcess, Cache):
    """nginx with ``proxy_cache``; X-Cache-Status marks hits."""

    title = "nginx"

    def sites(self) -> str:
        """Return the cache and its server."""
        places = {"listen 80;": f"listen {self.address};", "/var/cache/nginx": str(self.folder)}
        return recommended(self.title, {**places, ORIGIN: self.origin})

    def is_hit(self, fields: Mapping[str, str]) -> bool:
        """Return whether the response came from the cache."""
        return fields.get("x-cache-status") == "HIT"


class NginxBalancer(NginxProcess, Balancer):
    """nginx that uses its origins in turn."""

    title = "Balancing with nginx"

    def sites(self) -> str:
        """Return the origins and the server."""
        changes = {"listen 80;": f"listen {self.address};", **self._changes()}
        return recommended(self.title, changes if self.retries else {**changes, " http_404": ""})


class NginxFiles(Nginx):
    """nginx that serves ``static_root`` under ``/static/`` with a lifetime of 30 days."""

    def __init__(self, folder: Path, static_root: Path) -> None:
        super().__init__(folder)
        self.static_root = static_root

    def server(self) -> str:
        """Return the location block of a snippet that is often copied."""
        return (
            r"location ~* \.(jpg|jpeg|png|gif|ico|css|js)$ { expires 30d; "
            f"root {self.static_root.parent}; }}"
        )


# Varnish


class Varnish(Cache):
    """Varnish, with HIT or MISS in X-Cache-Status.

    With its defaults, it requests only gzip from the origin, and decodes it for clients without gzip.
    With ``-p http_gzip_support=off``, it forwards Accept-Encoding and obeys Vary.
    """

    tool = "varnishd"
    title = "Varnish"

    def __init__(self, folder: Path, origin: str, options: tuple[str, ...] = ()) -> None:
        super().__init__(folder, origin, ("-s", "malloc,128m", *options))

    def configuration(self) -> str:
        """Return its VCL."""
        return recommended(self.title, {'"8000"': f'"{self.origin.partition(":")[2]}"'})

    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Return the command that starts it, without the jail, which needs root."""
        place = ("-a", self.address, "-n", os.fspath(self.folder / "work"))
        return [executable, "-F", "-j", "none", "-f", str(configuration), *place, *self.options]

    def is_hit(self, fields: Mapping[str, str]) -> bool:
        """Return whether the response came from the cache."""
        return fields.get("x-cache-status") == "HIT"


# Squid

SQUID = """
{recommended}
pid_filename none
access_log none
cache_store_log none
cache_log {folder}/log
netdb_filename none
coredump_dir {folder}
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname squid
"""


class Squid(Cache):
    """Squid as an accelerator with a cache in memory.

    Squid 5 has HIT or MISS in X-Cache; Squid 6 has ``hit`` in Cache-Status (RFC 9211).
    """

    tool = "squid"
    title = "Squid"

    def configuration(self) -> str:
        """Return its configuration file."""
        port = self.origin.partition(":")[2]
        changes = {"http_port 80 ": f"http_port {self.address} ", "parent 8000 ": f"parent {port} "}
        # If root starts Squid, it becomes a user who can write only where everybody can.
        self.folder.chmod(0o777)
        return SQUID.format(folder=self.folder, recommended=recommended(self.title, changes))

    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Return the command that starts it, in one process."""
        return [executable, "-N", "-f", str(configuration), *self.options]

    def is_hit(self, fields: Mapping[str, str]) -> bool:
        """Return whether the response came from the cache."""
        is_marked = re.search(r";\s*hit\b", fields.get("cache-status", "")) is not None
        return is_marked or fields.get("x-cache", "").startswith("HIT")


# HAProxy

HAPROXY = """
global
    maxconn 500

{recommended}
"""


class HAProxyProcess(Proxy):
    """HAProxy in one process."""

    tool = "haproxy"

    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Return the command that starts it."""
        return [executable, "-db", "-q", "-f", str(configuration), *self.options]


class HAProxyCache(HAProxyProcess, Cache):
    """HAProxy with its cache in memory; X-Cache-Status marks hits."""

    title = "HAProxy"

    def configuration(self) -> str:
        """Return its configuration file."""
        changes = {"bind :80": f"bind {self.address}", ORIGIN: self.origin}
        return HAPROXY.format(recommended=recommended(self.title, changes))

    def is_hit(self, fields: Mapping[str, str]) -> bool:
        """Return whether the response came from the cache."""
        return fields.get("x-cache-status") == "HIT"


class HAProxyBalancer(HAProxyProcess, Balancer):
    """HAProxy that uses its origins in turn."""

    title = "Balancing with HAProxy"

    def configuration(self) -> str:
        """Return its configuration file."""
        changes = {"bind :80": f"bind {self.address}", **self._changes()}
        changes = changes if self.retries else {**changes, " 404\n": "\n"}
        return HAPROXY.format(recommended=recommended(self.title, changes))


# Apache Traffic Server

RECORDS = """
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.crash_log_helper STRING NULL
"""
RUNROOT = """
prefix: {folder}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/bin
sysconfdir: {folder}
datadir: /usr/share
includedir: /usr/include
libdir: /usr/lib
libexecdir: {folder}
localstatedir: {folder}
runtimedir: {folder}
logdir: {folder}
cachedir: {folder}
"""
ALLOWED = """
ip_allow:
  - apply: in
    ip_addrs: 127.0.0.1
    action: allow
    methods: ALL
"""


class TrafficServer(Cache):
    """Apache Traffic Server as a reverse proxy. Letters in the field Via mark hits."""

    tool = "traffic_server"
    title = "Apache Traffic Server"

    def configuration(self) -> str:
        """Write its files and return the one that names its folders."""
        changes = {"http://www.example.com/": "/", ORIGIN: self.origin}
        parts = re.split(r"^# (\S+)\n", recommended(self.title, changes), flags=re.MULTILINE)
        files = dict(zip(parts[1::2], parts[2::2], strict=True))
        files["records.config"] += RECORDS.format(port=self.port)
        files |= {"storage.config": f"{self.folder} 256M\n", "ip_allow.yaml": ALLOWED}
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        return RUNROOT.format(folder=self.folder)

    def command_with(self, executable: str, configuration: Path) -> list[str]:
        """Return the command that starts it."""
        shutil.copy(configuration, self.folder / "runroot.yaml")
        return [executable, f"--run-root={self.folder}", *self.options]

    def is_hit(self, fields: Mapping[str, str]) -> bool:
        """Return whether the response came from the cache: ``cH`` is a fresh hit, ``cR`` one in memory."""
        return re.search(r"\[c[HR]", fields.get("via", "")) is not None
