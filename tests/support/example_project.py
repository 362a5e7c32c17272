"""Copies of the project in ``examples/django``, changed, collected and served as its README says.

Invariant: tests use a copy only through commands, files and HTTP.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hashserve import Manifest
from tests.support.services import free_port
from tests.support.waiting import wait_until

__all__ = ["EXAMPLE", "PREFIX", "TIMEOUT", "Project", "Reply", "Server", "fetch", "static_urls"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "django"
PREFIX = "/static/"
TIMEOUT = 60.0


# Over HTTP


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response as received: not decoded, redirects not followed."""

    url: str
    status: int
    fields: HTTPMessage
    body: bytes

    def __getitem__(self, name: str) -> str:
        value = self.fields[name]
        assert value is not None, f"{name} is not in {self.fields}"
        return str(value)

    @property
    def text(self) -> str:
        """The body, decoded from UTF-8."""
        return self.body.decode()


def fetch(url: str, **fields: str) -> Reply:
    """Get a URL; ``fields`` are header fields, with underscores for hyphens."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        # A cache's key contains the field that http.client would add by itself.
        connection.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Reply(url=url, status=response.status, fields=response.headers, body=response.read())
    finally:
        connection.close()


def static_urls(page: str) -> set[str]:
    """Return the paths under the static prefix that a page refers to, import maps included."""
    return set(re.findall(rf'"({PREFIX}[^"?#]+)"(?!:)', page))


# The project


@dataclass(frozen=True, kw_only=True)
class Project:
    """A copy of the example in ``folder``; ``environment`` is added to its environment."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def copied_to(cls, folder: Path, **environment: str) -> Project:
        """Copy the example to ``folder/site``; its database and STATIC_ROOT are next to it."""
        shutil.copytree(EXAMPLE, folder / "site", ignore=_made_by_running)
        places = {"DATABASE": str(folder / "database"), "STATIC_ROOT": str(folder / "static")}
        return cls(folder=folder / "site", environment=places | environment)

    def copied_with_all(self, folder: Path) -> Project:
        """Copy the project to ``folder`` with its database and collected files."""
        shutil.copytree(
            self.folder.parent, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("log-*")
        )
        places = {"DATABASE": str(folder / "database"), "STATIC_ROOT": str(folder / "static")}
        return Project(folder=folder / "site", environment={**self.environment, **places})

    def having(self, **environment: str) -> Project:
        """Return the same project in another environment."""
        return replace(self, environment={**self.environment, **environment})

    @property
    def static_root(self) -> Path:
        """The folder of collected files."""
        return Path(self.environment["STATIC_ROOT"])

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of commands and servers."""
        own = {"DEBUG", "STATIC_URL", "CACHE_URL", "STATICFILES", "DJANGO_SETTINGS_MODULE"}
        inherited = {name: value for name, value in os.environ.items() if name not in own}
        return {**inherited, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1", **self.environment}

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run a command of manage.py and return what it printed."""
        ended = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env={**self.variables, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def prepare(self) -> None:
        """Create the database and collect."""
        self.manage("migrate", "-v0")
        self.collect()

    def add_superuser(self) -> None:
        """Add the user "admin" with the password "secret"."""
        self.manage(
            *("createsuperuser", "--noinput", "--username=admin", "--email=admin@example.com"),
            DJANGO_SUPERUSER_PASSWORD="secret",
        )

    def collect(self) -> Manifest:
        """Collect, and return the new manifest."""
        self.manage("collectstatic", "--noinput", "-v0")
        return self.manifest()

    def manifest(self) -> Manifest:
        """Return the manifest in STATIC_ROOT."""
        return Manifest.load(self.static_root / "staticfiles.json")

    def url(self, logical_path: str) -> str:
        """Return the URL path of a file in the current release."""
        return PREFIX + self.manifest().paths[logical_path]

    # Sources

    def source(self, logical_path: str) -> Path:
        """Return the source of a static file of the shop."""
        return self.folder / "shop" / "static" / logical_path

    def append(self, logical_path: str, text: str) -> None:
        """Append text to a static file of the shop."""
        with self.source(logical_path).open("a", encoding="utf-8") as file:
            file.write(text)

    # Servers

    @contextmanager
    def gunicorn(self) -> Iterator[Server]:
        """Serve it with gunicorn: two workers of four threads."""
        with _listener() as listener:
            command = [
                *(sys.executable, "-m", "gunicorn", "teahouse.wsgi", f"--bind=fd://{listener.fileno()}"),
                *("--workers=2", "--worker-class=gthread", "--threads=4", "--keep-alive=60"),
            ]
            with self._running(command, listener.getsockname()[1], listener.fileno()) as server:
                yield server

    @contextmanager
    def uvicorn(self) -> Iterator[Server]:
        """Serve it with uvicorn."""
        with _listener() as listener:
            application = ("teahouse.asgi:application", f"--fd={listener.fileno()}", "--lifespan=off")
            command = [sys.executable, "-m", "uvicorn", *application]
            with self._running(command, listener.getsockname()[1], listener.fileno()) as server:
                yield server

    @contextmanager
    def runserver(self) -> Iterator[Server]:
        """Serve it with Django's own server, which leaves static files to the middleware."""
        port = free_port()
        # Without --noreload it would restart when a Python file of hashserve changes.
        options = ("--nostatic", "--noreload", f"127.0.0.1:{port}")
        command = [sys.executable, "manage.py", "runserver", *options]
        with self._running(command, port) as server:
            yield server

    @contextmanager
    def _running(self, command: list[str], port: int, *descriptors: int) -> Iterator[Server]:
        log = self.folder.parent / f"log-{port}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.variables,
                stdout=output,
                stderr=output,
                pass_fds=descriptors,
                start_new_session=True,
            )
        server = Server(port=port, process=process, log=log)
        try:
            wait_until(server.is_answering)
            yield server
        finally:
            server.stop()


def _made_by_running(folder: str, names: list[str]) -> set[str]:
    """Return the names of files that running the example makes, which are not copied."""
    made = {"__pycache__", *(("static", "teahouse.sqlite3") if Path(folder) == EXAMPLE else ())}
    return made & {*names}


@contextmanager
def _listener() -> Iterator[socket.socket]:
    """Listen on a free port, which no other process can take while the server restarts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(200)
        yield listener


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server of the project."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        """Return ``host:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Return its URL, without the last slash."""
        return f"http://{self.address}"

    def get(self, path: str, **fields: str) -> Reply:
        """Get a path."""
        return fetch(self.url + path, **fields)

    def page(self, path: str = "/en/") -> str:
        """Get a page; fail if it does not exist."""
        reply = self.get(path)
        assert reply.status == 200, self.log.read_text()
        return reply.text

    def is_answering(self) -> bool:
        """Return whether it answers."""
        if self.process.poll() is not None:
            pytest.fail(f"the server did not start: {self.log.read_text()}")
        try:
            self.get("/captcha/")
        except OSError:
            return False
        return True

    def workers(self) -> set[str]:
        """Return the ids of its child processes."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return set(listed.split())

    def reload(self) -> None:
        """Make gunicorn replace its workers, and wait until the last old one has ended."""
        before = self.workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & self.workers() and len(self.workers()) == len(before))

    def stop(self) -> None:
        """Stop it and its children."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # The child of a reloader may outlive it.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
