"""The Django project in ``examples/django``, run as its README says and visited with a real browser."""

from __future__ import annotations

import gettext
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Visit
from tests.support.example_project import EXAMPLE, TIMEOUT, Project, Server, fetch
from tests.support.services import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
PAGES = ["/en/", "/de/", "/en/tea/iron-orchid/", "/de/visit/"]
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.copied_to(tmp_path_factory.mktemp("example"))
    project.prepare()
    project.add_superuser()
    return project


@pytest.fixture(scope="module")
def server(project: Project) -> Iterator[Server]:
    with project.gunicorn() as server:
        yield server


# In production


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_the_shop_loads_only_immutable_files(
    browser: Browser, project: Project, server: Server, path: str
) -> None:
    with Visit.to(browser, server.url + path) as visit:
        visit.wait("document.documentElement.dataset.ready === ''")
        visit.page.wait_for_load_state("networkidle")
    visit.assert_clean(project.manifest().files)
    kinds = {path.rpartition(".")[2] for path in visit.assets()}
    assert kinds == {"css", "js", "png", "svg", "woff2"}
    assert set(visit.assets().values()) == {IMMUTABLE}


def test_fonts_and_pictures_of_the_style_sheets_are_loaded(browser: Browser, server: Server) -> None:
    with Visit.to(browser, f"{server.url}/en/") as visit:
        visit.wait("document.fonts.status === 'loaded'")
        fonts = visit.page.evaluate("[...document.fonts].map(font => [font.weight, font.status])")
        pictures = visit.page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert fonts == [["400", "loaded"], ["500", "loaded"], ["600", "loaded"]]
    assert len(pictures) == 8
    assert all(pictures)


def test_prices_are_written_by_a_module_that_the_import_map_names(browser: Browser, server: Server) -> None:
    with Visit.to(browser, f"{server.url}/de/tea/iron-orchid/") as visit:
        visit.wait("document.documentElement.dataset.ready === ''")
        assert visit.page.inner_text(".price") == "16,20\N{NO-BREAK SPACE}€"


def test_a_module_is_loaded_when_it_is_needed(browser: Browser, project: Project, server: Server) -> None:
    timer = project.manifest().paths["shop/js/timer.js"]
    with Visit.to(browser, f"{server.url}/en/tea/iron-orchid/") as visit:
        visit.wait("document.documentElement.dataset.ready === ''")
        assert timer not in visit.assets()
        visit.page.click("[data-steep]")
        visit.page.wait_for_selector("#timer progress[max='180']")
    assert timer in visit.assets()
    visit.assert_clean(project.manifest().files)


def test_the_basket_is_kept_from_page_to_page(browser: Browser, server: Server) -> None:
    with Visit.to(browser, f"{server.url}/en/") as visit:
        visit.wait("document.documentElement.dataset.ready === ''")
        visit.page.click("[data-tin=high-cloud]")
        visit.page.click("[data-tin=silver-down]")
        visit.page.click("a[href='/en/tea/second-flush/'] img")
        visit.wait("document.documentElement.dataset.ready === '' && location.pathname.includes('second')")
        assert visit.page.inner_text("#basket") == "2"
    assert visit.problems == []


def test_the_admin_works_and_loads_only_immutable_files(
    browser: Browser, project: Project, server: Server
) -> None:
    with Visit.to(browser, f"{server.url}/admin/") as visit:
        page = visit.page
        page.fill("#id_username", "admin")
        page.fill("#id_password", "secret")
        page.click("[type=submit]")
        page.wait_for_selector("#content-main .app-shop")
        assert page.evaluate("getComputedStyle(document.getElementById('header')).backgroundColor") != (
            "rgba(0, 0, 0, 0)"
        )
        page.goto(f"{server.url}/admin/shop/tea/add/")
        page.locator("#id_name").press_sequentially("Evening Smoke")
        assert page.input_value("#id_slug") == "evening-smoke"  # written by a script of the admin
        page.goto(f"{server.url}/admin/")
        page.wait_for_load_state("networkidle")
    assert {"admin/js/prepopulate.js", "admin/css/base.css"} <= logical(project, visit)
    visit.assert_clean(project.manifest().files)


def logical(project: Project, visit: Visit) -> set[str]:
    """Return the logical paths of the files that a visit loaded."""
    names = {path: logical_path for logical_path, path in project.manifest().paths.items()}
    return {names[path] for path in visit.assets()}


def test_the_captcha_belongs_to_the_visit(browser: Browser, server: Server) -> None:
    with Visit.to(browser, f"{server.url}/en/visit/") as visit:
        for _ in range(2):
            picture = [response for response in visit.loaded if "/captcha/" in response.url][-1]
            assert re.search(r"/captcha/\?cache_bust=\w+$", picture.url)
            letters = re.findall(r">(\w)</text>", picture.text())
            visit.page.fill("#letters", "".join(letters).lower())
            with visit.page.expect_navigation():
                visit.page.click("form button")
            visit.page.wait_for_selector(".told.good")
            visit.page.wait_for_load_state("networkidle")
    assert visit.problems == []


def test_asgi_serves_the_same(browser: Browser, project: Project) -> None:
    with project.uvicorn() as server, Visit.to(browser, f"{server.url}/de/tea/high-cloud/") as visit:
        visit.wait("document.documentElement.dataset.ready === ''")
        visit.page.click("[data-steep]")
        visit.page.wait_for_selector("#timer progress")
        visit.page.wait_for_load_state("networkidle")
        log = server.log.read_text()
    visit.assert_clean(project.manifest().files)
    assert len(visit.assets()) >= 12
    assert "Traceback" not in log
    assert "Warning" not in log


# In development


@pytest.fixture
def development_project(tmp_path: Path) -> Project:
    """A project in development, without collected files."""
    project = Project.copied_to(tmp_path, DEBUG="1")
    project.manage("migrate", "-v0")
    return project


def test_in_development_names_are_unhashed_and_always_revalidated(
    browser: Browser, development_project: Project
) -> None:
    with (
        development_project.runserver() as server,
        Visit.to(browser, f"{server.url}/en/tea/iron-orchid/") as visit,
    ):
        visit.wait("document.documentElement.dataset.ready === ''")
        visit.page.click("[data-steep]")
        visit.page.wait_for_selector("#timer progress")
        visit.page.wait_for_load_state("networkidle")
    assert visit.problems == []
    assert {"shop/css/shop.css", "shop/css/cards.css", "fonts/inter/Inter-Regular.woff2"} <= set(
        visit.assets()
    )
    assert {path for path in visit.assets() if path.endswith(".js")} == {
        f"shop/js/{name}.js" for name in ("basket", "money", "shop", "store", "timer")
    }
    assert set(visit.assets().values()) == {"no-cache"}
    assert not development_project.static_root.exists()


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_in_development_a_reload_shows_edited_and_added_files(
    browser: Browser, development_project: Project
) -> None:
    with development_project.runserver() as server, Visit.to(browser, f"{server.url}/en/") as visit:
        visit.page.wait_for_load_state("networkidle")
        development_project.append("shop/css/cards.css", "body { background: rgb(1, 2, 3); }")
        development_project.append("shop/css/shop.css", "body { background: rgb(4, 5, 6); }")
        visit.page.reload()
        assert visit.page.evaluate(BACKGROUND) == "rgb(4, 5, 6)"
        visit.page.wait_for_load_state("networkidle")
        development_project.source("shop/css/added.css").write_text(
            "body { background: rgb(7, 8, 9) !important; }"
        )
        sheet = development_project.source("shop/css/shop.css")
        sheet.write_text('@import "added.css";' + sheet.read_text(encoding="utf-8"), encoding="utf-8")
        visit.page.reload()
        assert visit.page.evaluate(BACKGROUND) == "rgb(7, 8, 9)"
        visit.page.wait_for_load_state("networkidle")
    assert visit.problems == []


# Checks and translations


def test_djangos_checks_find_no_problem(project: Project) -> None:
    project.manage("check", "--fail-level=WARNING")
    project.manage("makemigrations", "--check", "--dry-run")


def test_the_compiled_translations_are_those_of_the_source() -> None:
    folder = EXAMPLE / "shop" / "locale" / "de" / "LC_MESSAGES"
    source = (folder / "django.po").read_text(encoding="utf-8")
    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', source, re.MULTILINE)
    assert len(pairs) > 40
    assert [(message, compiled.gettext(message)) for message, _ in pairs] == pairs


def test_every_text_of_the_templates_is_translated() -> None:
    source = (EXAMPLE / "shop" / "locale" / "de" / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    templates = "".join(
        path.read_text(encoding="utf-8") for path in EXAMPLE.glob("shop/templates/shop/*.html")
    )
    code = "".join(path.read_text(encoding="utf-8") for path in EXAMPLE.glob("*/*.py"))
    texts = {
        *re.findall(r"""{% translate ["'](.+?)["'] %}""", templates),
        *re.findall(r'\b_\("(.+?)"\)', code),
    }
    assert len(texts) > 40
    assert {text for text in texts if f'msgid "{text}"\n' not in source} == set()


# The README


def test_the_readme_lists_every_variable_that_the_settings_read() -> None:
    settings = (EXAMPLE / "teahouse" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'os\.environ\.get\(\s*"(\w+)"', settings))
    assert set(re.findall(r"^\| `(\w+)`", README, re.MULTILINE)) == read


def test_the_code_of_the_readme_is_that_of_the_project() -> None:
    settings = (EXAMPLE / "teahouse" / "settings.py").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert blocks
    assert all(block in settings for block in blocks)


def commands() -> list[str]:
    """Return the commands of the README."""
    blocks = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    project = Project.copied_to(tmp_path)
    ends = [line for line in commands() if not is_server(line)]
    assert len(ends) == 3
    for line in ends:
        subprocess.run(
            line,
            shell=True,
            check=True,
            cwd=project.folder,
            env=command_environment(project),
            timeout=300,
            capture_output=True,
        )
    servers = [line for line in commands() if is_server(line)]
    assert len(servers) == 2
    for line in servers:
        assert_serves(project, line)


def is_server(line: str) -> bool:
    return "gunicorn teahouse" in line or "runserver" in line


def command_environment(project: Project) -> dict[str, str]:
    """Return the environment of the commands, with this Python first in PATH and without a package index."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**project.variables, "PATH": path, "PIP_NO_INDEX": "1"}


def assert_serves(project: Project, line: str) -> None:
    """Start a server on a free port, and get a page and its style sheet."""
    port = free_port()
    at_port = f"{line} {port}" if "runserver" in line else line
    process = subprocess.Popen(
        at_port,
        shell=True,
        cwd=project.folder,
        env={
            **command_environment(project),
            "GUNICORN_CMD_ARGS": f"--bind=127.0.0.1:{port} --log-level=warning",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is None and answers(url))
        sheet = re.search(r'href="(/static/\S+\.css)"', fetch(f"{url}/en/").text)
        assert sheet is not None
        assert fetch(url + sheet[1]).status == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(TIMEOUT)


def answers(url: str) -> bool:
    try:
        return fetch(f"{url}/en/").status == 200
    except OSError:
        return False
