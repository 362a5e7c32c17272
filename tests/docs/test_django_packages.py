"""The recipes for packages of Django: each block runs with the real package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_readme import PROJECT, blocks
from tests.support.browser import Site, Visit, launch, serve
from tests.support.files import put

PAGE = "docs/django-packages.md"
COMPRESSOR, SASS, PIPELINE, PIPELINE_STORAGE, VITE, TINYMCE, CSP = blocks(PAGE, "python")
IMMUTABLE = "public, max-age=31536000, immutable"

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "test"
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = ["hashserve.django", "django.contrib.staticfiles"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "hashserve.django.middleware.HashServeMiddleware",
]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "assets"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "hashserve.django.storage.ManifestStaticFilesStorage"},
}
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "DIRS": [BASE_DIR / "templates"],
    "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
}]
ROOT_URLCONF = "urls_of_site"
"""

URLS = """
from django.shortcuts import render
from django.urls import path
urlpatterns = [path("", lambda request: render(request, "page.html"))]
"""

FETCH = """
import json, re
from django.core.wsgi import get_wsgi_application
from django.test import Client
application = get_wsgi_application()
client = Client()
page = client.get("/")
found = {}
for url in re.findall('(?:href|src)="([^"]+)"', page.content.decode()):
    response = client.get(url, headers={"accept-encoding": "br"})
    found[url] = [response.status_code, response.headers.get("cache-control"),
                  response.headers.get("content-encoding")]
print(json.dumps([page.content.decode(), dict(page.headers), found]))
"""

STYLES = "a { background: url(../img/x.svg) }\n" * 30


class Project:
    """A project with the settings of one recipe."""

    def __init__(self, folder: Path, recipe: str, template: str, **files: str) -> None:
        self.folder = folder
        for path, content in {
            "site_settings.py": SETTINGS + recipe,
            "urls_of_site.py": URLS,
            "templates/page.html": template,
            "assets/css/app.css": STYLES,
            "assets/css/print.css": "b { color: red }\n",
            "assets/img/x.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
            **files,
        }.items():
            put(folder, path, content.encode())

    def run(self, *arguments: str) -> str:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": f"{self.folder}{os.pathsep}{PROJECT}",
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def manage(self, *arguments: str) -> str:
        return self.run("-m", "django", *arguments)

    def collect(self, *options: str) -> None:
        self.manage("collectstatic", "--noinput", "-v0", *options)

    def fetch(self) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
        """Return the page, its fields, and the status, lifetime and coding of each URL in it."""
        page, fields, found = json.loads(self.run("-c", FETCH).splitlines()[-1])
        assert found
        return page, fields, found

    def only_url(self) -> tuple[str, Any]:
        """Return the only URL of the page, and what `fetch` found there."""
        ((url, response),) = self.fetch()[2].items()
        return url, response


def test_files_of_django_compressor_are_immutable_and_compressed(tmp_path: Path) -> None:
    template = """{% load compress static %}{% compress css %}
    <link rel="stylesheet" href="{% static 'css/app.css' %}">
    <link rel="stylesheet" href="{% static 'css/print.css' %}">{% endcompress %}"""
    project = Project(tmp_path, COMPRESSOR, template)
    project.collect()
    project.manage("compress", "-v0")
    url, response = project.only_url()
    assert re.fullmatch(r"/static/CACHE/css/output\.[0-9a-f]{12}\.css", url)
    assert response == [200, IMMUTABLE, "br"]
    packed = (tmp_path / "static" / url.removeprefix("/static/")).read_text(encoding="utf-8")
    assert re.search(r"/static/img/x\.[0-9a-f]{12}\.svg", packed)
    put(tmp_path, "assets/css/print.css", b"b { color: blue }\n")
    project.collect()
    project.manage("compress", "-v0")
    assert project.only_url()[0] != url
    project.collect("--clear")
    assert not (tmp_path / "static/CACHE").exists()
    project.manage("compress", "-v0")
    assert project.only_url()[1] == [200, IMMUTABLE, "br"]


def test_style_sheets_of_django_sass_processor_are_fingerprinted(tmp_path: Path) -> None:
    template = "{% load sass_tags %}<link rel='stylesheet' href=\"{% sass_src 'css/site.scss' %}\">"
    source = "$c: red;\na { color: $c; b { background: url('../img/x.svg') } }\n"
    project = Project(tmp_path, SASS, template, **{"assets/css/site.scss": source})
    (tmp_path / "compiled").mkdir()
    project.manage("compilescss", "-v0")
    project.collect("--ignore", "*.scss")
    url, response = project.only_url()
    assert re.fullmatch(r"/static/css/site\.[0-9a-f]{12}\.css", url)
    assert response[:2] == [200, IMMUTABLE]
    compiled = (tmp_path / "static" / url.removeprefix("/static/")).read_text(encoding="utf-8")
    assert re.search(r"\.\./img/x\.[0-9a-f]{12}\.svg", compiled)


def test_packages_of_django_pipeline_are_in_the_release(tmp_path: Path) -> None:
    template = "{% load pipeline %}{% stylesheet 'all' %}"
    project = Project(tmp_path, PIPELINE, template, **{"storages_of_site.py": PIPELINE_STORAGE})
    urls = []
    for options in ((), ("--clear",)):
        project.collect(*options)
        url, response = project.only_url()
        assert re.fullmatch(r"/static/css/all\.[0-9a-f]{12}\.css", url)
        assert response == [200, IMMUTABLE, "br"]
        urls.append(url)
        put(tmp_path, "assets/css/print.css", b"b { color: blue }\n")
    assert urls[0] != urls[1]
    for url in urls:  # the earlier package stays served
        assert (tmp_path / "static" / url.removeprefix("/static/")).is_file()


CHUNKS = {
    "src/main.js": {
        "file": "assets/main-DiwrgTda.js",
        "name": "main",
        "src": "src/main.js",
        "isEntry": True,
        "imports": ["_shared-B7PI925R.js"],
        "css": ["assets/main-BRBmoGS9.css"],
    },
    "_shared-B7PI925R.js": {"file": "assets/shared-B7PI925R.js", "name": "shared"},
}


def test_files_of_django_vite_keep_their_names_and_are_immutable(tmp_path: Path) -> None:
    dist = {
        "frontend/dist/.vite/manifest.json": json.dumps(CHUNKS),
        "frontend/dist/assets/main-DiwrgTda.js": "import{a}from'./shared-B7PI925R.js';console.log(a);",
        "frontend/dist/assets/shared-B7PI925R.js": "export const a=1;",
        "frontend/dist/assets/main-BRBmoGS9.css": "body{margin:0}",
        "frontend/dist/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    }
    template = """{% load django_vite static %}{% vite_asset 'src/main.js' %}
    <img src="{% static 'bundle/logo.svg' %}">"""
    project = Project(tmp_path, VITE, template, **dist)
    project.collect()
    found = project.fetch()[2]
    assert {url: response[:2] for url, response in found.items() if "logo" not in url} == {
        f"/static/bundle/{file}": [200, IMMUTABLE]
        for file in ("assets/main-DiwrgTda.js", "assets/shared-B7PI925R.js", "assets/main-BRBmoGS9.css")
    }
    (logo,) = (url for url in found if "logo" in url)
    assert re.fullmatch(r"/static/bundle/logo\.[0-9a-f]{12}\.svg", logo)
    assert found[logo][:2] == [200, IMMUTABLE]


@pytest.mark.real
@pytest.mark.timeout(600)
def test_django_tinymce_finds_its_plugins_in_chromium(tmp_path: Path) -> None:
    fast = 'HASHSERVE = {"CODINGS": []}\n'  # to compress all of TinyMCE takes half a minute
    project = Project(tmp_path, TINYMCE + fast, "")
    project.collect()
    script = """
import django
django.setup()
from tinymce.widgets import TinyMCE
widget = TinyMCE()
print(widget.media, widget.render("text", "<p>words</p>", {"id": "text"}))
"""
    page = project.run("-c", script)
    for script in ("django_tinymce/init_tinymce", r"tinymce/tinymce\.min"):
        assert re.search(rf"/static/{script}\.[0-9a-f]{{12}}\.js", page)
    site = Site(tmp_path / "static", {"/": f"<!DOCTYPE html><link rel=icon href=data:,><form>{page}</form>"})
    with launch() as browser, serve(site) as url, Visit.to(browser, f"{url}/") as visit:
        assert visit.wait("window.tinymce?.activeEditor?.initialized && tinymce.activeEditor.getContent()")
        assert visit.problems == []
        assert {"tinymce/plugins/lists/plugin.min.js", "tinymce/themes/silver/theme.min.js"} <= {
            *visit.assets()
        }


def test_the_import_map_has_the_nonce_of_django_csp(tmp_path: Path) -> None:
    template = '{% load hashserve %}{% import_map "js/app.js" %}<link href="/static/css/app.css">'
    project = Project(tmp_path, CSP, template, **{"assets/js/app.js": "export {};\n"})
    project.collect()
    page, fields, _ = project.fetch()
    (nonce,) = re.findall('<script type="importmap" nonce="([^"]{10,})">', page)
    policy = {name.lower(): value for name, value in fields.items()}["content-security-policy"]
    assert f"'nonce-{nonce}'" in policy
