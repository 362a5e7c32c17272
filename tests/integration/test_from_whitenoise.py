"""A project for WhiteNoise is served as before after a change of two dotted names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_readme import PROJECT

KITS = {
    "theirs": (
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "whitenoise.storage.CompressedManifestStaticFilesStorage",
    ),
    "ours": (
        "hashserve.django.middleware.HashServeMiddleware",
        "hashserve.django.storage.ManifestStaticFilesStorage",
    ),
}

# The settings in WhiteNoise's documentation, each with a value that is not the default.
SETTINGS = """
import os
from django.http import HttpResponse
from django.urls import path


def add_headers(headers, path, url):
    if url.endswith(".pdf"):
        headers["Content-Disposition"] = "attachment"


SECRET_KEY = "test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                  "django.contrib.messages", "django.contrib.sessions", "django.contrib.staticfiles"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", os.environ["KIT_MIDDLEWARE"],
              "django.contrib.sessions.middleware.SessionMiddleware"]
STORAGES = {"staticfiles": {"BACKEND": os.environ["KIT_STORAGE"]}}
STATIC_URL = "/static/"
STATIC_ROOT = os.environ["KIT_ROOT"]
STATICFILES_DIRS = ["assets"]
WHITENOISE_ROOT = "public"
WHITENOISE_MAX_AGE = 300
WHITENOISE_INDEX_FILE = True
WHITENOISE_MIMETYPES = {".foo": "application/x-foo"}
WHITENOISE_CHARSET = "iso-8859-1"
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["svg"]
WHITENOISE_ADD_HEADERS_FUNCTION = add_headers
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/vendor/"
WHITENOISE_MANIFEST_STRICT = False
urlpatterns = [path("page", lambda request: HttpResponse("page"))]
"""

MORE_SETTINGS = {
    "usual": "",
    "read at each request": """
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
""",
}
"""Further settings of a project: none, and those with which WhiteNoise finds each file anew."""

FILES = {
    "assets/css/app.css": b"a { background: url(../img/a.svg) }\n" * 40,
    "assets/img/a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"<g/>" * 100 + b"</svg>",
    "assets/data.foo": b"foo",
    "assets/guide.pdf": b"%PDF-1.7 none",
    "assets/vendor/lib-1.2.3.js": b"void 0;\n" * 100,
    "assets/docs/index.html": b"<!doctype html><title>docs</title>",
    "public/robots.txt": b"User-agent: *\n",
    "public/index.html": b"<!doctype html><title>home</title>",
}

SCRIPT = """
import hashlib, json, sys
from django.core.wsgi import get_wsgi_application
from django.core.management import call_command
import django
django.setup()
call_command("collectstatic", interactive=False, verbosity=0)
application = get_wsgi_application()
from django.contrib.staticfiles.storage import staticfiles_storage as storage
from webob import Request  # and no client that checks: WhiteNoise's redirects have no media type
from hashserve.http.codings import CODINGS
def get(url, **fields):
    headers = {name.replace("_", "-").title(): value for name, value in fields.items()}
    return Request.blank(url, headers=headers).get_response(application)
names = ["css/app.css", "img/a.svg", "admin/css/base.css", "data.foo"]
found = {}
for url in [*map(storage.url, names), *sys.argv[1:]]:
    for coding in ("identity", "gzip", "br"):
        reply = get(url, accept_encoding=coding)
        fields = {name: reply.headers.get(name) for name in FIELDS}
        decode = CODINGS[fields["Content-Encoding"]].decode if fields["Content-Encoding"] else iter
        body = b"".join(decode([reply.body]))
        found[f"{url} {coding}"] = [reply.status_int, fields, hashlib.sha256(body).hexdigest()]
        if coding == "identity" and "ETag" in reply.headers:
            again = get(url, accept_encoding=coding, if_none_match=reply.headers["ETag"])
            found[f"{url} again"] = [again.status_int, {}, ""]
print(json.dumps(found))
"""

IMMUTABLE = frozenset({"public", "max-age=31536000", "immutable"})

FIELDS = (
    "Content-Type",
    "Content-Encoding",
    "Content-Disposition",
    "Access-Control-Allow-Origin",
    "Cache-Control",
    "Location",
)

PLAIN = (
    "/static/css/app.css",
    "/static/img/a.svg",
    "/static/data.foo",
    "/static/guide.pdf",
    "/static/vendor/lib-1.2.3.js",
    "/static/docs/",
    "/static/docs/index.html",
    "/static/docs",
    "/static/nothing.css",
    "/robots.txt",
    "/",
    "/index.html",
    "/page",
)


@pytest.fixture(scope="module", params=MORE_SETTINGS)
def replies(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The responses of both, by URL and accepted coding."""
    folder = tmp_path_factory.mktemp("project")
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "site_settings.py").write_text(SETTINGS + MORE_SETTINGS[request.param], encoding="utf-8")
    return {name: answers_of(folder, name, *kit) for name, kit in KITS.items()}


def answers_of(folder: Path, name: str, middleware: str, storage: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}",
        "KIT_MIDDLEWARE": middleware,
        "KIT_STORAGE": storage,
        "KIT_ROOT": str(folder / name),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"FIELDS = {FIELDS!r}\n{SCRIPT}", *PLAIN],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def comparable(status: int, fields: dict[str, str | None], digest: str) -> tuple[Any, ...]:
    """Normalise the order of directives and the quotes around a charset, and drop the body of a redirect."""
    directives = frozenset((fields["Cache-Control"] or "").split(", "))
    media_type = (fields["Content-Type"] or "").replace('"', "")
    others = tuple(fields[name] for name in FIELDS if name not in ("Cache-Control", "Content-Type"))
    return (
        (status, directives, *others) if status == 302 else (status, directives, media_type, digest, *others)
    )


def expected(key: str, answer: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the response that hashserve must send where WhiteNoise sends ``answer``."""
    status, directives, *others = answer
    # For WhiteNoise, a test names the immutable files; hashserve reads them in the manifest.
    if re.search(r"\.[0-9a-f]{12}\.|/vendor/", key):
        directives = IMMUTABLE
    # hashserve makes no variant of this file, because it would save less than 5 % or 64 bytes.
    if key == "/static/docs/ br":
        others[2] = None
    return (status, directives, *others)


def test_every_url_is_answered_with_the_same_bytes_and_fields(replies: dict[str, dict[str, Any]]) -> None:
    theirs, ours = replies["theirs"], replies["ours"]
    assert ours.keys() == theirs.keys()
    for key, answer in theirs.items():
        if key.endswith(" again"):
            assert ours[key] == answer
        else:
            assert comparable(*ours[key]) == expected(key, comparable(*answer)), key
