"""Django's middleware under real servers: uvicorn, gunicorn and runserver."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from hashserve.gateways.asgi_bodies import MOST_READERS
from hashserve.http.codings import CODINGS
from hashserve.http.dictionaries import decode_delta
from tests.support.changing_files import script
from tests.support.deltas import BROWSER, available_dictionary
from tests.support.files import put
from tests.support.trees import STYLES, TEN, BuiltTree
from tests.support.waiting import wait_until
from tests.support.wire import Server, is_ready

pytestmark = pytest.mark.real

LARGE = random.Random(1).randbytes(20 * 1024 * 1024)

SETTINGS = """
import os, sys, threading
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path

ALLOWED_HOSTS = ["*"]
DEBUG = {debug!r}
INSTALLED_APPS = [*{apps!r}, "django.contrib.staticfiles", "hashserve.django"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "hashserve.django.middleware.HashServeMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = __name__
SECRET_KEY = "not secret"
STATIC_ROOT = {root!r}
STATIC_URL = "static/"
STATICFILES_DIRS = {folders!r}
STORAGES = {{"staticfiles": {{"BACKEND": "hashserve.django.storage.ManifestStaticFilesStorage"}}}}
USE_TZ = True

def process(request):
    return HttpResponse(str(os.getpid()))

def threads(request):
    return HttpResponse("\\n".join(thread.name for thread in threading.enumerate()))

def name(request):
    return HttpResponse(static("js/app.js"))

urlpatterns = [path("", process), path("name", name), path("process", process), path("threads", threads)]
"""

ENTRY = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.{gateway} import get_{gateway}_application
application = get_{gateway}_application()
"""

UVICORN = [sys.executable, "-m", "uvicorn", "served_asgi:application", "--fd={fd}", "--log-level=warning"]
GUNICORN = [
    *(sys.executable, "-m", "gunicorn", "served_wsgi:application", "--workers=1", "--log-level=warning"),
    *("--worker-class=gthread", "--threads=4", "--keep-alive=60", "--bind=fd://{fd}"),
]
MANAGE = [sys.executable, "-m", "django", "runserver", "--noreload"]


def write_project(
    folder: Path, *, root: str | None, folders: Sequence[str] = (), apps: Sequence[str] = (), debug: bool
) -> None:
    text = SETTINGS.format(root=root, folders=list(folders), apps=list(apps), debug=debug)
    (folder / "settings.py").write_text(text, encoding="utf-8")
    for gateway in ("wsgi", "asgi"):
        (folder / f"served_{gateway}.py").write_text(ENTRY.format(gateway=gateway), encoding="utf-8")


@contextmanager
def running(name: str, command: Sequence[str], folder: Path, tree: BuiltTree) -> Iterator[Server]:
    """Run a server in a project folder. Its command has ``{fd}`` or ``{port}`` for the place to listen."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = listener.getsockname()
        takes_socket = any("{fd}" in part for part in command)
        if takes_socket:
            listener.listen(100)
        else:
            listener.close()
        descriptor = listener.fileno()
        process = subprocess.Popen(
            [part.replace("{fd}", str(descriptor)).replace("{port}", str(address[1])) for part in command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "settings"},
            pass_fds=[descriptor] if takes_socket else [],
            stdout=subprocess.DEVNULL,
        )
    try:
        server = Server(name, address, tree)
        wait_until(lambda: is_ready(server, process))
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


COMMANDS = {"uvicorn": UVICORN, "gunicorn": GUNICORN}


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("project")
    tree = BuiltTree(str(folder / "root"))
    tree.add("ten.txt", TEN)
    tree.add("css/styles.css", STYLES, variants=True)
    tree.add("large.bin", LARGE)
    tree.add("é.txt", b"accented")
    tree.publish()
    put(tree.root, os.fsdecode(b"caf\xe9.txt"), b"not UTF-8")
    write_project(folder, root=tree.root, debug=False)
    with running(request.param, COMMANDS[request.param], folder, tree) as started:
        yield started


def thread_names(server: Server) -> list[str]:
    return server.ask("/threads").body.decode().split("\n")


def test_slow_readers_of_a_large_file_do_not_delay_other_requests(server: Server) -> None:
    before = server.open_descriptors()
    slow = [server.connect() for _ in range(3)]  # one fewer than the threads of gunicorn
    for connection, path in zip(
        slow, [server.url("large.bin"), "/static/large.bin", "/static/large.bin"], strict=True
    ):
        connection.send(path)
        connection.rest = connection.more()
    for _ in range(50):
        assert server.ask(server.url("ten.txt")).body == TEN
        assert server.ask("/static/ten.txt").body == TEN
        assert server.ask("/static/none.0123456789ab.css").status == 404
        assert server.ask("/").status == 200
    names = thread_names(server)
    assert len([name for name in names if name.startswith("hashserve")]) <= MOST_READERS
    assert len(names) <= MOST_READERS + 8  # the other threads are those of the server and of Django
    for connection in slow:
        answer = connection.receive()
        assert (answer.status, answer.body == LARGE) == (200, True)
        connection.sock.close()
    wait_until(lambda: server.open_descriptors() <= before)


@pytest.mark.parametrize("value", ["bytes=0-0", "bytes=5-", "bytes=10000000-", "bytes=-70000"])
def test_a_range_of_a_large_file_is_correct(server: Server, value: str) -> None:
    first, _, last = value.removeprefix("bytes=").partition("-")
    body = LARGE[-int(last) :] if not first else LARGE[int(first) : int(last) + 1 if last else None]
    with server.connect() as connection:
        for _ in range(2):
            answer = connection.ask(server.url("large.bin"), Range=value)
            assert (answer.status, answer.body == body) == (206, True)


def test_a_client_that_leaves_early_costs_no_descriptor(server: Server) -> None:
    before = server.open_descriptors()
    for path in (server.url("large.bin"), "/static/large.bin"):
        for _ in range(3):
            with server.connect() as connection:
                connection.send(path)
                assert connection.more()
    wait_until(lambda: server.open_descriptors() <= before)
    assert server.ask(server.url("ten.txt")).body == TEN


def test_a_file_cut_short_never_looks_like_a_complete_response(server: Server) -> None:
    path = put(server.tree.root, "going.bin", LARGE)
    with server.connect() as connection:
        connection.send("/static/going.bin")
        connection.rest = connection.more()
        os.truncate(path, 1_000_000)
        with pytest.raises(EOFError):
            connection.receive()
    assert server.ask(server.url("ten.txt")).body == TEN


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/static/%C3%A9.txt", b"accented"),
        ("/static/%c3%a9.txt?query=1", b"accented"),
        ("/static/t%65n.txt", TEN),
        ("/static/caf%E9.txt", b"not UTF-8"),
    ],
)
def test_percent_encoded_paths_are_served(server: Server, path: str, body: bytes) -> None:
    assert server.ask(path).body == body


@pytest.mark.parametrize(
    "path", ["/static/css%2Fnone.css", "/static/../settings.py", "/static/..%2fsettings.py"]
)
def test_odd_paths_reveal_nothing(server: Server, path: str) -> None:
    answer = server.ask(path)
    assert answer.status in (400, 404)
    assert b"SECRET_KEY" not in answer.body


def test_head_304_and_405_leave_the_connection_usable(server: Server) -> None:
    with server.connect() as connection:
        for options, status in (
            ({"method": "HEAD"}, 200),
            ({"If_None_Match": "*"}, 304),
            ({"method": "DELETE"}, 405),
            ({"method": "OPTIONS"}, 204),
            ({"Range": "bytes=99999999-"}, 416),
        ):
            for path in (server.url("ten.txt"), server.url("large.bin")):
                answer = connection.ask(path, **options)
                assert answer.status == status
                assert connection.rest == b""
                if status in (204, 304):
                    assert "content-length" not in answer.fields
                if answer.fields.get("connection", "").lower() == "close":
                    connection.sock.close()
                    connection = server.connect()
    connection.sock.close()


# Releases of a running site


def collect(folder: Path, sources: str, number: int) -> bytes:
    """Change a script, run ``collectstatic``, and return the script's content."""
    content = script("app", f"release = {number}")
    put(sources, "js/app.js", content)
    variables = {**os.environ, "PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "settings"}
    command = [sys.executable, "-m", "django", "collectstatic", "--noinput", "--verbosity=0"]
    subprocess.run(command, cwd=folder, env=variables, check=True)
    return content


def has_another_body(server: Server, path: str, body: bytes) -> bool:
    return server.ask(path).body != body


@pytest.mark.parametrize("name", COMMANDS)
def test_a_running_site_sends_deltas_after_each_collectstatic(name: str, tmp_path: Path) -> None:
    sources, root = str(tmp_path / "sources"), str(tmp_path / "root")
    write_project(tmp_path, root=root, folders=[sources], debug=False)
    known = [collect(tmp_path, sources, 1)]
    with running(name, COMMANDS[name], tmp_path, BuiltTree(root)) as server:
        for number in (2, 3):
            old = server.ask("/name").body
            content = collect(tmp_path, sources, number)
            wait_until(partial(has_another_body, server, "/name", old))
            url = server.ask("/name").body.decode()
            whole = server.ask(url, Accept_Encoding=BROWSER)
            assert b"".join(CODINGS["br"].decode([whole.body])) == content
            for dictionary in known:
                offer = {
                    "Accept_Encoding": BROWSER,
                    "Available_Dictionary": available_dictionary(dictionary),
                }
                answer = server.ask(url, **offer)
                assert (answer.status, answer.fields["content-encoding"]) == (200, "dcz")
                assert b"".join(decode_delta([answer.body], dictionary, len(content))) == content
                assert len(answer.body) < len(whole.body) / 10
                assert server.ask(url, **offer, If_None_Match=answer.fields["etag"]).status == 304
            known.append(content)


# Django's own server

RUNSERVER = {
    "--nostatic": ([], ["--nostatic"]),
    "WhiteNoise's app": (["whitenoise.runserver_nostatic"], []),
}


@pytest.mark.parametrize("how", RUNSERVER)
def test_runserver_leaves_static_files_to_the_middleware(how: str, tmp_path: Path) -> None:
    apps, options = RUNSERVER[how]
    sources = str(tmp_path / "sources")
    put(sources, "page.css", b"one")
    write_project(tmp_path, root=None, folders=[sources], apps=apps, debug=True)
    command = [*MANAGE, *options, "{port}"]
    with running("runserver", command, tmp_path, BuiltTree(str(tmp_path / "none"))) as server:
        answer = server.ask("/static/page.css")
        assert (answer.body, answer.fields["cache-control"]) == (b"one", "no-cache")
        tag = answer.fields["etag"]
        assert server.ask("/static/page.css", If_None_Match=tag).status == 304
        put(sources, "page.css", b"two")
        assert server.ask("/static/page.css", If_None_Match=tag).body == b"two"
        put(sources, "new.css", b"new")
        assert server.ask("/static/new.css", Range="bytes=1-").body == b"ew"


def test_by_default_runserver_answers_before_the_middleware(tmp_path: Path) -> None:
    sources = str(tmp_path / "sources")
    put(sources, "page.css", b"one")
    write_project(tmp_path, root=None, folders=[sources], debug=True)
    with running("runserver", [*MANAGE, "{port}"], tmp_path, BuiltTree(str(tmp_path / "none"))) as server:
        answer = server.ask("/static/page.css")
        assert (answer.body, "etag" in answer.fields) == (b"one", False)
