"""Every code block of the README and of the page about building runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from hashserve import HashServe
from tests.support.client import request

PROJECT = Path(__file__).parents[2]
CSS = b"body { background: url(../img/dot.svg) }\n" * 30
DJANGO_SETTINGS = """
SECRET_KEY = "test"
STATIC_URL = "/static/"
STATIC_ROOT = "static"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATICFILES_DIRS = ["assets"]
ROOT_URLCONF = "site_settings"
urlpatterns = []
"""


def blocks(page: str, language: str) -> list[str]:
    text = (PROJECT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def every_block() -> list[tuple[str, str]]:
    pages = ["README.md", "docs/building.md"]
    return [(page, block) for page in pages for block in blocks(page, "python")]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with ``assets/`` and a bundler's ``dist/``, as the pages assume."""
    (tmp_path / "assets/css").mkdir(parents=True)
    (tmp_path / "assets/img").mkdir()
    (tmp_path / "assets/css/app.css").write_bytes(CSS)
    (tmp_path / "assets/img/dot.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/main.0123456789abcdef0123.js").write_bytes(b"main()\n")
    (tmp_path / "dist/manifest.json").write_text('{"main.js": "main.0123456789abcdef0123.js"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run(command: list[str]) -> str:
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return result.stdout


@contextmanager
def live_site(site: Path) -> Iterator[str]:
    """Serve the first release of the site on a free port."""
    build_into = site / "live"
    run([sys.executable, "-m", "hashserve", "build", "assets", "--out", str(build_into)])
    application = HashServe(lambda environ, start_response: [], root=build_into, publish_manifest=True)
    with make_server("127.0.0.1", 0, application, handler_class=QuietHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its name there
        """Do not print requests."""


def build() -> None:
    run([sys.executable, "-m", "hashserve", "build", "assets", "--out", "static"])


def test_the_only_languages_are_those_that_are_run_here() -> None:
    for page in ("README.md", "docs/building.md", "docs/http.md"):
        text = (PROJECT / page).read_text(encoding="utf-8")
        assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) <= {"python", "console"}


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_are_targets_of_the_makefile(target: str) -> None:
    assert f"make {target}" in blocks("README.md", "console")[0].splitlines()
    subprocess.run(["make", "-n", target], cwd=PROJECT, check=True, capture_output=True)


@pytest.mark.parametrize("page", ["README.md", "docs/building.md"])
def test_the_build_command_builds(page: str, site: Path) -> None:
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("hashserve ")]
    assert commands
    with live_site(site) as url:
        for command in commands:
            local = command.replace("https://www.example.com/static/", f"{url}/static/")
            assert "previous release" not in run([sys.executable, "-m", *shlex.split(local)])
    assert (site / "static/staticfiles.json").is_file()


def test_the_extra_that_pip_is_told_of_exists() -> None:
    extras = re.findall(r"hashserve\[(\w+)\]", (PROJECT / "README.md").read_text(encoding="utf-8"))
    pyproject = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert extras
    for extra in extras:
        assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE)


def test_the_wsgi_example_links_and_serves_the_fingerprinted_file(site: Path) -> None:
    build()
    application = run_block("WSGI application")["application"]
    page = request(application, "/").body.decode()
    served = request(application, linked(page))
    assert served["Cache-Control"] == "public, max-age=31536000, immutable"


def test_the_flask_example_links_and_serves_the_fingerprinted_file(site: Path) -> None:
    build()
    client = run_block("**Flask**")["app"].test_client()
    url = linked(client.get("/").text)
    with client.get(url) as served:
        assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_the_django_example_serves_what_collectstatic_made(site: Path) -> None:
    settings = DJANGO_SETTINGS + block_after("**Django**")
    (site / "site_settings.py").write_text(settings, encoding="utf-8")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": f"{site}:{PROJECT}"}
    script = """
import json
from django.core.wsgi import get_wsgi_application
from django.core.management import call_command
application = get_wsgi_application()
call_command("collectstatic", verbosity=0)
from tests.support.client import request
path = json.load(open("static/staticfiles.json"))["paths"]["css/app.css"]
print(request(application, "/static/" + path)["Cache-Control"])
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "public, max-age=31536000, immutable"


def test_the_build_example_in_python_reports(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks("docs/building.md", "python")[0], "docs/building.md", "exec"), {})
    assert re.match(r"[0-9a-f]{12} [1-9]", capsys.readouterr().out)


def test_the_static_site_of_the_page_has_clean_urls_and_a_page_for_404s(site: Path) -> None:
    for name, content in (("index", "home"), ("blog", "blog"), ("404", "nothing here")):
        (site / "assets" / f"{name}.html").write_text(content, encoding="utf-8")
    run([sys.executable, "-m", "hashserve", "build", "assets", "--out", "static", "--prefix", "/", "--html"])
    scope: dict[str, Any] = {}
    exec(compile(blocks("docs/building.md", "python")[1], "docs/building.md", "exec"), scope)
    found = {path: request(scope["application"], path) for path in ("/", "/blog", "/blog/", "/none")}
    assert {path: reply.status for path, reply in found.items()} == {
        "/": 200,
        "/blog": 200,
        "/blog/": 302,
        "/none": 404,
    }
    assert (found["/blog"].body, found["/none"].body) == (b"blog", b"nothing here")


def test_the_single_page_application_of_the_page_has_its_page_everywhere(site: Path) -> None:
    (site / "assets/index.html").write_text("home", encoding="utf-8")
    run([sys.executable, "-m", "hashserve", "build", "assets", "--out", "static", "--prefix", "/"])
    scope: dict[str, Any] = {}
    exec(compile(blocks("docs/building.md", "python")[2], "docs/building.md", "exec"), scope)
    navigation = {"accept": "text/html,*/*;q=0.8"}
    view = request(scope["application"], "/a/view", **navigation)
    assert (view.status, view["Cache-Control"], view.body) == (200, "no-cache", b"home")
    assert request(scope["application"], "/a/none.css", **navigation).status == 404
    assert request(scope["application"], "/a/view", accept="application/json").status == 404


def test_no_block_is_left_without_a_test() -> None:
    assert len(every_block()) == 6


def linked(page: str) -> str:
    found = re.search(r'href="([^"]+)"', page)
    assert found is not None
    return found[1]


def block_after(mark: str) -> str:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^```python\n(.*?)^```$", text[text.index(mark) :], re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def run_block(mark: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block_after(mark), "README.md", "exec"), names)
    return names
