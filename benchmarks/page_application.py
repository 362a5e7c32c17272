"""The application that the browser visits: a page with a real site's assets, one subject, and a request log.

::

    BENCHMARK_SUBJECT=hashserve BENCHMARK_ROOT=out BENCHMARK_LOG=log \
        gunicorn benchmarks.page_application:application

With the paths of a script and a style sheet in BENCHMARK_BUNDLE, the page is that of a bundled application.

Invariant: the page is the same for every subject, except for the names from the root's manifest. The log has
one line, status and path, for each request that reaches the server.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.subjects import maker
from hashserve.manifest.discovery import MANIFEST_NAME

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Fields = list[tuple[str, str]]

__all__ = ["FONTS", "LIFETIME", "SCRIPTS", "STYLES", "bundled_page", "page_for", "with_log"]

FONTS = ("unfold/fonts/inter/Inter-Regular.woff2", "unfold/fonts/inter/Inter-SemiBold.woff2")
STYLES = (
    "unfold/fonts/inter/styles.css",
    "admin/css/base.css",
    "admin/css/nav_sidebar.css",
    "admin/css/responsive.css",
    "admin/css/vendor/select2/select2.min.css",
    "site/site.css",
)
SCRIPTS = (
    "admin/js/vendor/jquery/jquery.min.js",
    "admin/js/vendor/select2/select2.full.min.js",
    "admin/js/theme.js",
)
MODULE, PICTURES = "site/visit.js", ("site/logo.svg", "admin/img/icon-yes.svg", "admin/img/icon-no.svg")

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A page</title>
<link rel="icon" href="data:,">
{head}
<body>
<h1>A page</h1>
<p><b>With</b> pictures, fonts, style sheets, scripts and modules.</p>
{pictures}
<select id="choice"><option>One<option>Two</select>
</html>
"""


def page_for(root: Path) -> bytes:
    """Return the page with the names in the root's manifest."""
    paths = json.loads((root / MANIFEST_NAME).read_text(encoding="utf-8"))["paths"]

    def lines(form: str, names: Iterable[str]) -> list[str]:
        return [form.format(f"/static/{paths[name]}") for name in names]

    head = [
        *lines('<link rel="preload" as="font" type="font/woff2" crossorigin href="{}">', FONTS),
        *lines('<link rel="stylesheet" href="{}">', STYLES),
        *lines('<script defer src="{}"></script>', SCRIPTS),
        *lines('<script type="module" src="{}"></script>', [MODULE]),
    ]
    pictures = lines('<img src="{}" alt="" width="20" height="20">', PICTURES)
    return _PAGE.format(head="\n".join(head), pictures="\n".join(pictures)).encode()


_BUNDLED_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>An application</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
<script type="module" src="{script}"></script>
</html>
"""


def bundled_page(root: Path, script: str, style: str) -> bytes:
    """Return the page of a bundled application; the paths are those that the bundler wrote."""
    paths = json.loads((root / MANIFEST_NAME).read_text(encoding="utf-8"))["paths"]
    script, style = (f"/static/{paths.get(path, path)}" for path in (script, style))
    return _BUNDLED_PAGE.format(script=script, style=style).encode()


def page_only(content: bytes) -> WSGIApplication:
    """Return an application that answers ``/`` with the page, which is never cached."""
    fields = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(content))),
        ("Cache-Control", "no-cache"),
    ]

    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/":
            start_response("404 Not Found", [("Content-Length", "0")])
            return []
        start_response("200 OK", [*fields])
        return [content]

    return page


LIFETIME = 5
"""The lifetime of unhashed files in seconds; the subjects' default is a minute."""


def with_log(application: WSGIApplication, log: Path) -> WSGIApplication:
    """Log status and path of each response, and replace a lifetime of a minute by `LIFETIME`."""

    def logging(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def log_and_start(status: str, headers: Fields, exc_info: Any = None) -> Callable[[bytes], object]:
            with log.open("a", encoding="utf-8") as stream:
                stream.write(f"{status[:3]} {environ['PATH_INFO']}\n")
            fields = [(name, _with_short_lifetime(value)) for name, value in headers]
            return start_response(status, fields, exc_info)

        return application(environ, log_and_start)

    return logging


def _with_short_lifetime(value: str) -> str:
    return re.sub(r"\bmax-age=60\b", f"max-age={LIFETIME}", value)


def _from_environment() -> WSGIApplication:
    root, bundle = os.environ["BENCHMARK_ROOT"], os.environ.get("BENCHMARK_BUNDLE", "").split()
    page = bundled_page(Path(root), *bundle) if bundle else page_for(Path(root))
    subject = maker(os.environ["BENCHMARK_SUBJECT"])(page_only(page), root)
    return with_log(subject, Path(os.environ["BENCHMARK_LOG"]))


def __getattr__(name: str) -> WSGIApplication:
    if name != "application":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _from_environment()
