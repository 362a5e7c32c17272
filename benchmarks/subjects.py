"""The subjects of the benchmarks: hashserve, its peers, and the constant application.

Invariant: each is constructed as its own guide recommends, with the same root, prefix and rule for
fingerprinted names. A subject is imported only when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.corpus import FINGERPRINT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = [
    "CONSTANT",
    "CONTROL",
    "DJANGO",
    "DJANGO_MANIFEST",
    "HASHSERVE",
    "MODULES",
    "SERVESTATIC",
    "WHITENOISE",
    "WITH_COUNTERS",
    "WITH_DJANGO_MANIFEST",
    "maker",
    "page",
]

CONSTANT, HASHSERVE, WHITENOISE, SERVESTATIC = "constant", "hashserve", "WhiteNoise", "ServeStatic"
WITH_DJANGO_MANIFEST, WITH_COUNTERS, DJANGO = "hashserve, plain", "hashserve, counting", "Django"

CONTROL = "constant, again"
"""The constant application in a second process: the difference between the two is noise."""

MODULES = {HASHSERVE: "hashserve.gateways.wsgi", WHITENOISE: "whitenoise", SERVESTATIC: "servestatic"}
"""The module of each subject that a project imports."""

DJANGO_MANIFEST = "django.json"
"""The path, below the root, of the manifest in Django's own format."""

PAGE = b"<!doctype html><title>Sign in</title>" + b"<p>A page.</p>" * 200
PAGE_FIELDS = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]

Maker = Callable[["WSGIApplication", str], "WSGIApplication"]
"""Constructs a subject that wraps an application and serves a root under ``/static/``."""


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request with a page. This is the wrapped application."""
    start_response("200 OK", [*PAGE_FIELDS])
    return (PAGE,)


def maker(subject: str) -> Maker:
    """Import a subject, and return the function that constructs it."""
    return _MAKERS[subject]()


def _hashserve(manifest: str | None = None, *, counters: bool = False) -> Maker:
    from hashserve import HashServe

    return lambda application, root: HashServe(
        application, root=root, prefix="/static/", manifest=manifest, counters=counters
    )


def _whitenoise() -> Maker:
    from whitenoise import WhiteNoise

    return lambda application, root: WhiteNoise(
        application, root=root, prefix="static/", immutable_file_test=FINGERPRINT
    )


def _servestatic() -> Maker:
    from servestatic import ServeStatic

    return lambda application, root: ServeStatic(
        application, root=root, prefix="static/", immutable_file_test=FINGERPRINT
    )


def _django() -> Maker:
    """Return Django's own handler of static files, which is for development."""
    from django.conf import settings

    def make(application: WSGIApplication, root: str) -> WSGIApplication:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            DEBUG=True,
            INSTALLED_APPS=["django.contrib.staticfiles"],
            SECRET_KEY="only measured",
            STATICFILES_DIRS=[root],
            STATIC_URL="/static/",
        )
        import django
        from django.contrib.staticfiles.handlers import StaticFilesHandler

        django.setup()
        handler: WSGIApplication = StaticFilesHandler(application)
        return handler

    return make


def _constant() -> Maker:
    """Return an application that has hashserve's body and fields for each file in a dictionary."""
    from hashserve import HashServe

    def make(application: WSGIApplication, root: str) -> WSGIApplication:
        server = HashServe(application, root=root, prefix="/static/")
        answers = dict(_answers(server, Path(root)))

        def constant(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            headers, body = answers[environ["PATH_INFO"]]
            # A new list for each response, because the server may change it.
            start_response("200 OK", [*headers])
            return body

        return constant

    return make


Answers = tuple[list[tuple[str, str]], list[bytes]]


def _answers(server: WSGIApplication, root: Path) -> Iterable[tuple[str, Answers]]:
    for location in sorted(root.rglob("*")):
        if location.is_file():
            path = f"/static/{location.relative_to(root).as_posix()}"
            kept: list[list[tuple[str, str]]] = []
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_ACCEPT_ENCODING": ACCEPTED}
            body = server(environ, lambda status, headers, exc_info=None, kept=kept: kept.append(headers))
            content = b"".join(body)
            if hasattr(body, "close"):
                body.close()
            yield path, (kept[0], [content])


ACCEPTED = "gzip, deflate, br, zstd"
"""The Accept-Encoding that Chromium sends over TLS."""

_MAKERS: dict[str, Callable[[], Maker]] = {
    CONSTANT: _constant,
    CONTROL: _constant,
    HASHSERVE: _hashserve,
    WITH_DJANGO_MANIFEST: lambda: _hashserve(DJANGO_MANIFEST),
    WITH_COUNTERS: lambda: _hashserve(counters=True),
    WHITENOISE: _whitenoise,
    SERVESTATIC: _servestatic,
    DJANGO: _django,
}


def from_environment() -> WSGIApplication:
    """Construct the subject named by BENCHMARK_SUBJECT, with the root BENCHMARK_ROOT."""
    return maker(os.environ["BENCHMARK_SUBJECT"])(page, os.environ["BENCHMARK_ROOT"])
