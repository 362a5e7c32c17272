"""The pages about Django: every block runs, and the tables match the code."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.django.settings import KEYS
from tests.docs.test_readme import DJANGO_SETTINGS, PROJECT, blocks
from tests.support.client import request
from tests.support.services import Redis, running

PAGES = ("docs/django.md", "docs/from-whitenoise.md")
IMMUTABLE = "public, max-age=31536000, immutable"
SETTINGS = blocks("docs/django.md", "python")
(TEMPLATE,) = blocks("docs/django.md", "html")

SCRIPT = """
import json
from django.core.wsgi import get_wsgi_application
from django.core.management import call_command
application = get_wsgi_application()
call_command("collectstatic", interactive=False, verbosity=0)
call_command("check", fail_level="WARNING")
from django.contrib.staticfiles.storage import staticfiles_storage
from tests.support.client import request
print(request(application, staticfiles_storage.url("css/app.css"))["Cache-Control"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path, content in {"css/app.css": "body { margin: 0 }\n" * 20, "js/app.js": "export {};\n"}.items():
        location = tmp_path / "assets" / path
        location.parent.mkdir(parents=True, exist_ok=True)
        location.write_text(content, encoding="utf-8")
    return tmp_path


def run(project: Path, settings: str, script: str = SCRIPT) -> str:
    """Run a script in a project whose settings end with ``settings``, and return its output."""
    (project / "site_settings.py").write_text(DJANGO_SETTINGS + settings, encoding="utf-8")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "PYTHONPATH": f"{project}{os.pathsep}{PROJECT}",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_two_settings_are_enough(project: Path) -> None:
    assert run(project, SETTINGS[0]).splitlines()[-1] == IMMUTABLE


def test_a_previous_release_that_cannot_be_had_is_a_warning(project: Path) -> None:
    settings = SETTINGS[0] + SETTINGS[1].replace("https://www.example.com", "http://127.0.0.1:9")
    assert run(project, settings).splitlines()[-1] == IMMUTABLE


def test_tests_have_plain_urls_without_a_collected_release(project: Path) -> None:
    script = """
import sys
sys.argv.append("test")
from django.core.wsgi import get_wsgi_application
get_wsgi_application()
from django.templatetags.static import static
print(static("css/app.css"))
"""
    assert run(project, SETTINGS[0] + SETTINGS[2], script).splitlines()[-1] == "/static/css/app.css"


LIVE_TESTS = """
from urllib.error import HTTPError
from urllib.request import urlopen
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.templatetags.static import static
from django.test import LiveServerTestCase, SimpleTestCase

class Finders(StaticLiveServerTestCase):
    def test_it(self):
        assert urlopen(self.live_server_url + "/static/css/app.css").status == 200
        if IS_COLLECTED:
            with self.assertRaises(HTTPError):
                urlopen(self.live_server_url + static("css/app.css"))
        else:
            assert urlopen(self.live_server_url + static("css/app.css")).status == 200

class Root(LiveServerTestCase):
    def test_it(self):
        if IS_COLLECTED:
            response = urlopen(self.live_server_url + static("css/app.css"))
            assert response.status == 200 and "immutable" not in response.headers.get("Cache-Control", "")

class Client(SimpleTestCase):
    def test_it(self):
        if IS_COLLECTED:
            assert "immutable" in self.client.get(static("css/app.css")).headers["Cache-Control"]
"""


@pytest.mark.parametrize("is_collected", [True, False])
def test_live_servers_of_tests_do_what_the_page_says(project: Path, is_collected: bool) -> None:
    (project / "test_live.py").write_text(f"IS_COLLECTED = {is_collected}\n{LIVE_TESTS}", encoding="utf-8")
    database = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}\n'
    script = """
import sys
import django
from django.core.management import call_command, execute_from_command_line
if COLLECTED:
    django.setup()
    call_command("collectstatic", interactive=False, verbosity=0)
execute_from_command_line(["manage.py", "test", "-v0"])
"""
    settings = SETTINGS[0] + database + ("" if is_collected else "import sys\nsys.argv.append('test')\n")
    run(
        project,
        settings + ("" if is_collected else SETTINGS[2]),
        script.replace("COLLECTED", str(is_collected)),
    )


@pytest.mark.real
def test_names_in_redis_are_two_settings_more(project: Path) -> None:
    with running(Redis()) as server:
        settings = SETTINGS[0] + SETTINGS[3].replace("127.0.0.1:6379", server.address)
        assert run(project, settings).splitlines()[-1] == IMMUTABLE


def test_the_key_prefix_of_the_page_cache_ends_with_the_release(project: Path) -> None:
    script = f"""{SCRIPT}
from django.conf import settings
print(f"{{settings.CACHE_MIDDLEWARE_KEY_PREFIX}}" == "mysite." + staticfiles_storage.release)
"""
    assert run(project, SETTINGS[0] + SETTINGS[4], script).splitlines()[-1] == "True"


def test_the_template_renders_with_everything_it_loads(project: Path) -> None:
    more = """
INSTALLED_APPS = ["hashserve.django", *INSTALLED_APPS]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""
    script = f"""{SCRIPT}
from django.template import engines
print(engines.all()[0].from_string({TEMPLATE!r}).render())
"""
    page = run(project, SETTINGS[0] + more, script)
    assert re.search(r'href="/static/css/app\.[0-9a-f]{12}\.css" integrity="sha256-[^"]{44}"', page)
    assert '<script type="importmap">' in page
    assert re.search(r"cache_bust=\d{10}", page)


def test_the_wsgi_example_is_what_whitenoise_takes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    (project / "assets").rename(project / "static")
    names: dict[str, object] = {}
    block = blocks("docs/from-whitenoise.md", "python")[0]
    exec(compile(block, "docs/from-whitenoise.md", "exec"), names)
    application = names["application"]
    assert isinstance(application, HashServe)
    assert request(application, "/static/css/app.css")["Cache-Control"] == "public, max-age=300"


def first_column(page: str) -> list[str]:
    """Return the code in the first column of a page's tables, in order."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    return re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)


def test_the_table_of_settings_has_every_key_once() -> None:
    assert sorted(first_column("docs/django.md")) == sorted(KEYS)


OF_THE_PROJECT = {"PREFIX", "AUTOREFRESH", "USE_FINDERS", "MANIFEST_STRICT", "CACHE", "SITE", "WAIT"}
"""Keys whose default depends on other settings of the project, or is another in Django."""


def test_the_table_of_settings_has_the_defaults_of_the_code() -> None:
    text = (PROJECT / "docs/django.md").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", text, re.MULTILINE))
    for name in KEYS.keys() - OF_THE_PROJECT:
        stated = documented_value(defaults[name])
        assert stated == KEYS[name].setting.default, name


def documented_value(text: str) -> Any:
    """The value that a page writes as ``64 MiB``, ``10,000`` or `["br"]`."""
    number = re.fullmatch(r"([0-9,]+)( MiB)?", text)
    if number is not None:
        return int(number[1].replace(",", "")) << (20 if number[2] else 0)
    value = ast.literal_eval(text.strip("`"))
    return tuple(value) if isinstance(value, list) else value


def test_the_table_of_whitenoises_settings_says_which_key_each_is() -> None:
    text = (PROJECT / "docs/from-whitenoise.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(WHITENOISE_[A-Z_]+)` \| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert told == {key.white_noise: name for name, key in KEYS.items() if key.white_noise}


def test_no_block_is_left_without_a_test() -> None:
    counts = {page: len(blocks(page, "python")) + len(blocks(page, "html")) for page in PAGES}
    assert counts == {"docs/django.md": 6, "docs/from-whitenoise.md": 2}


@pytest.mark.parametrize("page", PAGES)
def test_every_extra_and_link_that_is_named_is_there(page: str) -> None:
    text = (PROJECT / page).read_text(encoding="utf-8")
    pyproject = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"hashserve\[(\w+)\]", text):
        assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PROJECT / page).parent.joinpath(target).is_file()
