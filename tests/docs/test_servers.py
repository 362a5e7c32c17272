"""The page about servers: each command line serves a file, and the table matches the tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import running_server
from tests.support.interferences import NO_DATE, NOT_IN_ORDER, PAGE, STOPS, WAITS, with_table
from tests.support.parts import missing, parts_of_server
from tests.support.servers import MATRIX, Apache, make_site, serving
from tests.support.trees import BuiltTree
from tests.support.waiting import wait_until
from tests.support.wire import Server

pytestmark = pytest.mark.real

TEXT = PAGE.read_text(encoding="utf-8")
IMMUTABLE = "public, max-age=31536000, immutable"
COMMAND = re.compile(
    r'^(?:web: |app = "|CMD exec |ExecStart=/srv/site/\.venv/bin/)?'
    r'((?:gunicorn|granian|waitress-serve|cheroot|pyuwsgi|python -c) .+?)"?$',
    re.MULTILINE,
)


def commands() -> list[str]:
    """Return every command line in the blocks of the page."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    found = (
        command + '"' * (command.count('"') % 2) for block in blocks for command in COMMAND.findall(block)
    )
    return [*dict.fromkeys(found)]


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Path, BuiltTree]]:
    with make_site() as (folder, tree):
        (folder / "served.py").rename(folder / "wsgi.py")
        yield folder, tree


def require_server_of(command: str) -> None:
    """Skip or fail the test if the server of a command is missing."""
    for wsgi_server in MATRIX:
        if wsgi_server.distribution and wsgi_server.distribution in command:
            if reason := wsgi_server.missing():
                missing(reason, *parts_of_server(wsgi_server.name))
            return


@pytest.mark.parametrize("command", commands())
def test_a_command_line_serves_a_fingerprinted_file_forever(
    command: str, site: tuple[Path, BuiltTree]
) -> None:
    require_server_of(command)
    folder, tree = site
    scripts = Path(sys.executable).parent
    line = f"exec {command.replace('$PORT', '8000')}"

    def at(port: int) -> list[str]:
        assert "8000" in line
        return ["sh", "-c", f"PATH={scripts}:$PATH; {line.replace('8000', str(port))}"]

    with running_server(at, {"PYTHONPATH": str(folder)}) as (port, _):
        server = Server(command, ("127.0.0.1", port), tree)
        wait_until(lambda: is_immutable(server))


def is_immutable(server: Server) -> bool:
    try:
        answer = server.ask(server.url("css/styles.css"), Accept_Encoding="br")
    except (EOFError, OSError):
        return False
    return answer.fields["cache-control"] == IMMUTABLE and answer.fields["content-encoding"] == "br"


def test_there_is_a_command_line_for_each_server_and_platform() -> None:
    for wsgi_server in MATRIX:
        if wsgi_server.distribution and not isinstance(wsgi_server, Apache):
            assert any(wsgi_server.distribution in command for command in commands())
    for platform in ("Heroku", "Render", "Fly", "Cloud Run", "systemd"):
        assert f"**{platform}**" in TEXT
    assert len(commands()) >= 11


def test_what_the_page_tells_apache_serves_a_fingerprinted_file_forever() -> None:
    wsgi_server = next(wsgi_server for wsgi_server in MATRIX if wsgi_server.name == "mod_wsgi")
    with make_site() as (folder, tree), serving(wsgi_server, folder, tree) as server:
        assert is_immutable(server)


def test_the_table_is_that_of_the_tests() -> None:
    assert with_table(TEXT) == TEXT


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        (NO_DATE, "sends no Date"),
        (NOT_IN_ORDER, "loses pipelined requests"),
        (WAITS, "cut short"),
        (STOPS, "a body that fails ends the process"),
    ],
)
def test_the_first_table_warns_of_the_servers_that_the_tests_name(
    servers: tuple[str, ...], words: str
) -> None:
    rows = [line for line in TEXT.partition("## Servers")[0].splitlines() if line.startswith("| ")]
    warned = {
        name
        for name in (wsgi_server.name for wsgi_server in MATRIX)
        for row in rows
        if name in row and words in row
    }
    assert warned == set(servers)
