"""Every WSGI server of this machine, started with a small tree.

Invariant: each command to start a server is written once, in `benchmarks.wsgi_servers`. Apache gets the
configuration of ``docs/servers.md``, with the addresses and folders of a test.
"""

from __future__ import annotations

import inspect
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _brotli
import brotli
import pytest
import whitenoise

import hashserve
from benchmarks.processes import running_server
from benchmarks.wsgi_servers import WSGI_SERVERS, WSGIREF, WSGIServer
from hashserve.file_identity import SETTLED_AFTER
from tests.support.deltas import publish_with_delta
from tests.support.exchanges import APP, OLD_APP
from tests.support.files import put
from tests.support.interferences import PAGE
from tests.support.parts import missing, parts_of_server
from tests.support.system_parts import find_executable
from tests.support.trees import STYLES, TEN, BuiltTree
from tests.support.waiting import wait_until
from tests.support.wire import Server

__all__ = ["LARGE", "MATRIX", "Apache", "inner", "is_settled", "make_site", "serving"]

if sys.version_info >= (3, 14):
    ZSTD: tuple[Path, ...] = ()
else:
    from backports import zstd

    ZSTD = (Path(zstd.__file__).parents[1],)

NEEDED = (
    *ZSTD,
    *(Path(next(iter(package.__path__))) for package in (hashserve, whitenoise)),
    *(Path(module.__file__ or "") for module in (brotli, _brotli)),
)
"""The packages that hashserve imports while it serves."""

LARGE = random.Random(0).randbytes(20 * 1024 * 1024)

APPLICATION = """
from __future__ import annotations
import os
from hashserve import HashServe
{inner}
application = HashServe(inner, {root!r}, "/static/")
"""


def inner(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one path with the id of the process, and all others alike."""
    body = str(os.getpid()).encode() if environ["PATH_INFO"] == "/process" else b"the application's own"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


# Apache

MODULES = Path("/usr/lib/apache2/modules")

_APACHE = """\
ServerName localhost
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
Mutex file:{folder}
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {module}
{user}
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
WSGISocketPrefix {folder}/wsgi
WSGIPythonPath {folder}
{site}
"""

_EMBEDDED = """\
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {folder}/served.py
AllowEncodedSlashes NoDecode
TraceEnable off
<Directory {folder}>
    Require all granted
</Directory>
"""


def apache_module() -> Path | None:
    """Find mod_wsgi; Debian names the file after its Python version."""
    return next(iter(sorted(MODULES.glob("mod_wsgi.so-*"))), None)


def recommended_for_apache(folder: Path) -> str:
    """Return the configuration of the page, with one process, another folder and Debian's Python."""
    (found,) = re.findall(
        r"^```apache\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    changes = {
        " python-home=/srv/site/.venv": f" python-path={folder}",
        "processes=2": "processes=1",
        "/srv/site/wsgi.py": f"{folder}/served.py",
        "/srv/site": str(folder),
    }
    for written, actual in changes.items():
        assert written in found, f"{written!r} is not in the configuration for Apache in {PAGE.name}"
        found = found.replace(written, actual)
    return str(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apache(WSGIServer):
    """Apache with mod_wsgi; ``site`` returns the configuration for a folder."""

    distribution: str = ""
    command: Callable[[int, str], Sequence[str]] = lambda port, application: [application, str(port)]
    site: Callable[[Path], str]

    def missing(self) -> str | None:
        """Return why it cannot run here; None if it can."""
        if find_executable("apache2") is None or apache_module() is None:
            return "apache2 with mod_wsgi is not installed"
        return None

    def unfit(self) -> str | None:
        """Return why it cannot import the packages of the tests' Python; None if it can."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        module = str(apache_module())
        return None if module.endswith(version) else f"{module} has another Python than {version}"

    def command_in(self, folder: Path, port: int) -> Sequence[str]:
        """Write the configuration, and return the command that starts it."""
        # It drops root's rights and cannot read root's folders, so this folder must have all it needs.
        for path in NEEDED:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        configuration = folder / "apache.conf"
        configuration.write_text(
            _APACHE.format(
                folder=folder,
                port=port,
                modules=MODULES,
                module=apache_module(),
                user=user,
                site=self.site(folder),
            ),
            encoding="utf-8",
        )
        return [find_executable("apache2") or "apache2", "-DFOREGROUND", "-f", str(configuration)]


# All of them

MATRIX: tuple[WSGIServer, ...] = (
    *WSGI_SERVERS,
    WSGIREF,
    Apache(name="mod_wsgi", site=recommended_for_apache),
    Apache(name="mod_wsgi embedded", site=lambda folder: _EMBEDDED.format(folder=folder)),
)


@contextmanager
def make_site() -> Iterator[tuple[Path, BuiltTree]]:
    """Make a folder that everybody can read, with a tree in ``root`` and ``served:application``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        tree = BuiltTree(str(folder / "root"))
        tree.add("ten.txt", TEN)
        tree.add("css/styles.css", STYLES, variants=True)
        tree.add("large.bin", LARGE)
        tree.add("é.txt", b"accented")
        publish_with_delta(tree, "css/app.css", OLD_APP, APP)
        put(tree.root, "a b.txt", b"a space")
        put(name, "secret.txt", b"secret")
        (folder / "served.py").write_text(
            APPLICATION.format(root=tree.root, inner=inspect.getsource(inner)), encoding="utf-8"
        )
        # Until then, the large file is a snapshot, for which other rules hold.
        wait_until(lambda: is_settled(os.path.join(tree.root, "large.bin")))
        yield folder, tree


def is_settled(path: str | os.PathLike[str]) -> bool:
    """Whether a file changed so long ago that it is sent as it is, and not as a snapshot."""
    return time.time_ns() - os.stat(path).st_ctime_ns > SETTLED_AFTER


@contextmanager
def serving(wsgi_server: WSGIServer, folder: Path, tree: BuiltTree) -> Iterator[Server]:
    """Run a server with ``served:application`` of a folder, and wait until it answers."""
    if reason := wsgi_server.missing():
        missing(reason, *parts_of_server(wsgi_server.name))
    if isinstance(wsgi_server, Apache) and (reason := wsgi_server.unfit()):
        pytest.skip(reason)

    def command(port: int) -> Sequence[str]:
        if isinstance(wsgi_server, Apache):
            return wsgi_server.command_in(folder, port)
        return wsgi_server.command(port, "served:application")

    with running_server(command, {"PYTHONPATH": str(folder)}) as (port, _):
        server = Server(wsgi_server.name, ("127.0.0.1", port), tree)
        wait_until(lambda: answers(server))
        yield server


def answers(server: Server) -> bool:
    """Return whether it answers."""
    try:
        return server.ask("/process").status == 200
    except (OSError, EOFError):
        return False
