"""A small site in plain WSGI, served with hashserve: the first thing to try.

::

    python example_wsgi.py                    # http://127.0.0.1:8000/
    python example_wsgi.py --port 8001
    gunicorn example_wsgi:application

It needs the packages of the dependency group ``demo``; ``make demo`` installs them and starts the site.

The site has a few files of its own in ``example/``. The others are the static files of Django's admin,
and the fonts of django-unfold where that is installed. The first start builds them all into ``.demo/``
(or the folder that HASHSERVE_DEMO_DIR names); later starts build only what changed.

The page has a button that builds the next release while the site is served. It writes to ``.demo/`` only, and
answers only a browser on this machine.
"""

from __future__ import annotations

import argparse
import html
import ipaddress
import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.util import application_uri

import hashserve.builder
from hashserve import BuildError, HashServe, HashserveError, Manifest, UnknownAssetError
from hashserve.builder import BuildReport, BuildSettings, build, prune

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HERE = Path(__file__).resolve().parent
PAGE = HERE / "example" / "page.html"
DEMO = Path(os.environ.get("HASHSERVE_DEMO_DIR") or HERE / ".demo")
OUT = DEMO / "static"
MANIFEST = OUT / "staticfiles.json"
CHANGED = DEMO / "changed"
PREFIX = "/static/"
BUILDER = Path(hashserve.builder.__file__).parent

POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
"""The page's Content-Security-Policy: nothing inline, nothing from elsewhere."""

REMEDY = "install what it needs: pip install 'hashserve[django,build]' django-unfold waitress"
THREADS = 16

CHANGES: dict[str, tuple[str, Callable[[int], str]]] = {
    "site/site.css": (r"--hue: \d+;", lambda number: f"--hue: {(28 + 137 * number) % 360};"),
    "site/release.js": (r"release = \d+;", lambda number: f"release = {number};"),
}
"""What a release changes: for each file, a pattern that is in it once, and the text of the release there."""

SETTINGS = BuildSettings(prefix=PREFIX, cache=str(DEMO / "cache"), keep=5, keep_days=0)


# The assets: from several folders, into one


def sources() -> list[Path]:
    """Return the folders of static files. If two have a file of the same path, the first one wins."""
    admin, unfold = _static_files_of("django.contrib.admin"), _static_files_of("unfold")
    if admin is None:
        raise BuildError(
            "django", "is not installed; the example serves the static files of its admin", REMEDY
        )
    return [CHANGED, HERE / "example" / "static", admin, *([unfold] if unfold else [])]


def _static_files_of(package: str) -> Path | None:
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "static"
    return folder if folder.is_dir() else None


def build_assets() -> None:
    """Build what changed since the last start. If several processes start together, one of them builds."""
    DEMO.mkdir(parents=True, exist_ok=True)
    with _alone():
        write_changes(release_in_force())
        stamp = DEMO / "built-from"
        if MANIFEST.exists() and stamp.exists() and stamp.read_text() == _fingerprint_of(sources()):
            return
        print("Building the static files ...", file=sys.stderr, flush=True)
        report = _build()
        print(
            f"Built {report.files} files in {report.seconds:.1f} s: {report.written} written, "
            f"{report.reused} unchanged.",
            file=sys.stderr,
            flush=True,
        )


def _build() -> BuildReport:
    roots = sources()
    report = build(roots, OUT, SETTINGS)
    (DEMO / "built-from").write_text(_fingerprint_of(roots))
    return report


_THREADS_LOCK = threading.Lock()


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock that only one thread of one process can hold, because gunicorn's workers start together."""
    with _THREADS_LOCK, open(DEMO / "lock", "w") as lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed or the process ends
        yield


def _fingerprint_of(roots: Iterable[Path]) -> str:
    """Digest the sizes and times of the sources and of the builder: it changes when one of them does."""
    states = []
    for path in [path for root in (*roots, BUILDER) for path in sorted(root.rglob("*"))]:
        if "__pycache__" in path.parts:
            continue
        status = path.stat()
        states.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return sha256("\n".join(states).encode()).hexdigest()


# Releases of the site itself. The checkout stays as it is: what changes is in a folder of its own.


def release_in_force() -> int:
    """Return the number of the last release that was built here, 1 at the first start."""
    try:
        return int((DEMO / "release").read_text())
    except (OSError, ValueError):
        return 1


def write_changes(number: int) -> None:
    """Write the files that differ in a release; those that are the same already keep their times."""
    for path, (pattern, make) in CHANGES.items():
        source = HERE / "example" / "static" / path
        text, found = re.subn(pattern, make(number), source.read_text(encoding="utf-8"))
        if found != 1:
            raise BuildError(str(source), f"has {found} places like {pattern}", "restore it: it needs one")
        target = CHANGED / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def build_next_release() -> dict[str, object]:
    """Build the next release while the last one is served, and return what it changed.

    Sizes are in bytes, and each delta is listed with the file that it is decoded with. If two presses come
    at once, the second one makes the release after that of the first.
    """
    with _alone():
        before, number = Manifest.load(MANIFEST), release_in_force() + 1
        write_changes(number)
        report = _build()
        (DEMO / "release").write_text(str(number))
        prune(OUT)
        after = Manifest.load(MANIFEST)
    changed = [path for path in sorted(after.paths) if before.paths.get(path) != after.paths[path]]
    files = [_facts(after, path) for path in changed]
    return {"release": number, "seconds": report.seconds, "files": files}


def _facts(manifest: Manifest, path: str) -> dict[str, object]:
    fingerprinted = manifest.paths[path]
    record = manifest.record(fingerprinted)
    if record is None or record.sha256 is None:
        raise BuildError(str(MANIFEST), f"states nothing about {fingerprinted}", REMEDY)
    return {
        "path": path,
        "fingerprinted": fingerprinted,
        "integrity": f"sha256-{record.sha256}",
        "size": record.size,
        "variants": dict(record.variants),
        "deltas": {delta.dictionary: delta.size for delta in manifest.deltas_of(fingerprinted)},
    }


_PLACES = threading.BoundedSemaphore(4)
"""How many presses may build or wait. More of them would leave no thread for the page."""


def next_release(environ: WSGIEnvironment) -> tuple[str, dict[str, object]]:
    """Answer a press of the button: the status, and the release or the reason why there is none."""
    if reason := why_not_allowed(environ):
        return "403 Forbidden", {"error": reason}
    if not _PLACES.acquire(blocking=False):
        return "503 Service Unavailable", {"error": "Other releases are being built. Try again in a moment."}
    try:
        return "200 OK", build_next_release()
    except (HashserveError, OSError) as error:
        return "500 Internal Server Error", {"error": f"The release could not be built: {error}"}
    finally:
        _PLACES.release()


def why_not_allowed(environ: WSGIEnvironment) -> str | None:
    """Return why a request may not build a release, None if it may.

    Only people at this machine may, whatever address the site listens on, and only from the site's own page.
    """
    if not _is_loopback(environ.get("REMOTE_ADDR", "")):
        return "Only a browser on the machine that serves this page may build a release."
    origin, own = environ.get("HTTP_ORIGIN"), application_uri({**environ, "SCRIPT_NAME": ""}).rstrip("/")
    if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") != "same-origin" or origin not in (None, own):
        return "Only the page of this site may build a release."
    return None


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


# The site


def make_application() -> HashServe:
    """Build the assets, and wrap the site in the middleware that serves them."""
    build_assets()

    def site(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO") or "/"
        allowed = ("POST",) if path == "/release" else ("GET", "HEAD")
        if environ["REQUEST_METHOD"] not in allowed:
            text = f"Only {' and '.join(allowed)} may be used here.\n"
            return _send(environ, start_response, "405 Method Not Allowed", "text/plain", text, allowed)
        if path == "/release":
            status, facts = next_release(environ)
            answer = (status, "application/json", json.dumps(facts))
        elif path == "/":
            answer = ("200 OK", "text/html", page(server, environ))
        elif path == "/assets.json":
            answer = ("200 OK", "application/json", listing(server, environ))
        else:
            answer = ("404 Not Found", "text/plain", "There is only one page here: /\n")
        return _send(environ, start_response, *answer)

    # The next build can keep this release with: hashserve build ... --previous URL/static/
    server = HashServe(site, OUT, PREFIX, on_missing="404", publish_manifest=True)
    return server


def _send(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: str,
    media_type: str,
    text: str,
    allowed: Iterable[str] = (),
) -> Iterable[bytes]:
    body = text.encode()
    headers = [
        ("Content-Type", f"{media_type}; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-cache"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
    ]
    if allowed:
        headers.append(("Allow", ", ".join(allowed)))
    start_response(status, headers)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def page(server: HashServe, environ: WSGIEnvironment) -> str:
    """Fill in the template, which has placeholders such as ``{{ url css/app.css }}``.

    Lines that name a file of django-unfold are left out if that is not installed.
    """
    values: dict[str, Callable[[str], str]] = {
        "url": lambda path: server.url(path, environ),
        "integrity": server.integrity,
        "unhashed": lambda path: _mount_point(environ) + PREFIX + path,
        "origin": lambda _: application_uri({**environ, "SCRIPT_NAME": ""}).rstrip("/"),
        "release": lambda _: str(release_in_force()),
        "assets": lambda _: str(len(Manifest.load(MANIFEST).paths)),
    }

    def value(match: re.Match[str]) -> str:
        return html.escape(values[match["name"]](match["argument"] or ""))

    def filled(line: str) -> str:
        try:
            return re.sub(r"{{ (?P<name>\w+)(?: (?P<argument>\S+))? }}", value, line)
        except UnknownAssetError:
            if "unfold/" in line:
                return ""
            raise

    with PAGE.open(encoding="utf-8") as lines:
        return "".join(map(filled, lines))


def _mount_point(environ: WSGIEnvironment) -> str:
    return str(environ.get("SCRIPT_NAME", "")).rstrip("/")


def listing(server: HashServe, environ: WSGIEnvironment) -> str:
    """List every asset with its URL and its integrity, as JSON."""
    paths = Manifest.load(MANIFEST).paths
    assets = [
        {"path": path, "url": server.url(path, environ), "integrity": server.integrity(path)}
        for path in sorted(paths)
    ]
    return json.dumps(assets)


# The server


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        pass


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen. Raises `OSError` if the port is taken."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind)
    try:
        if sys.platform != "win32":  # on Windows, two servers could then share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(frozen=True)
class Server:
    """A listening server: its name, and the functions that run it until an interrupt and close it."""

    name: str
    run: Callable[[], None]
    close: Callable[[], object]


def server_on(listener: socket.socket, application: WSGIApplication) -> Server:
    """Make a server with threads: waitress if it is installed, else wsgiref's."""
    try:
        from waitress.server import create_server
    except ModuleNotFoundError:
        plain = _wsgiref_on(listener, application)
        return Server("wsgiref", plain.serve_forever, plain.server_close)
    server = create_server(application, sockets=[listener], threads=THREADS)
    return Server("waitress", server.run, server.close)


def _wsgiref_on(listener: socket.socket, application: WSGIApplication) -> WSGIServer:
    host, port = listener.getsockname()[:2]
    server = _ThreadingServer((host, port), _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = host, port
    server.setup_environ()
    server.set_app(application)
    return server


def url_of(listener: socket.socket, host: str) -> str:
    """Return the URL to open. An address that means every interface is shown as the loopback address."""
    shown = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}/"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Serve the site until Ctrl-C or SIGTERM, and return the exit code."""
    parser = argparse.ArgumentParser(description="A small site whose static files hashserve serves.")
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("PORT") or 8000,
        help="port to listen on; 0 means any free one (default: the variable PORT, else 8000)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return serve(arguments.host, arguments.port)
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 0
    except HashserveError as error:
        print(f"The static files could not be built: {error}", file=sys.stderr)
        return 1


def serve(host: str, port: int) -> int:
    """Bind the port, build, print the URL, and serve."""
    try:
        listener = listen(host, port)
    except (OSError, OverflowError) as error:
        print(f"Cannot listen on {host}, port {port}: {_reason(error)}", file=sys.stderr)
        print("Choose another port: python example_wsgi.py --port 8001", file=sys.stderr)
        return 1
    with listener:
        server = server_on(listener, make_application())
        try:
            with suppress(KeyboardInterrupt):
                url = url_of(listener, host)
                print(f"hashserve's example is at {url} ({server.name}; Ctrl-C stops it)", flush=True)
                server.run()
        finally:
            server.close()
    print("\nStopped.", flush=True)
    return 0


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


if __name__ == "__main__":
    sys.exit(main())  # binds the port first, so that a taken port is reported before a build

application = make_application()
