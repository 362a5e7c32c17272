"""Who is compared: hashserve, its peers, and the application that is the limit.

Invariant: each is constructed as its own guide says, with the same root, prefix and notion of what is
fingerprinted; nobody is imported where another one is measured.
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
    "COUNTING",
    "DJANGO",
    "HASHSERVE",
    "MODULES",
    "PLAIN",
    "PLAIN_MANIFEST",
    "SERVESTATIC",
    "WHITENOISE",
    "maker",
    "page",
]

CONSTANT, HASHSERVE, WHITENOISE, SERVESTATIC = "constant", "hashserve", "WhiteNoise", "ServeStatic"
PLAIN, COUNTING, DJANGO = "hashserve, plain", "hashserve, counting", "Django"

CONTROL = "constant, again"
"""The constant application once more: what differs between these two is no subject's doing."""

MODULES = {HASHSERVE: "hashserve.gateways.wsgi", WHITENOISE: "whitenoise", SERVESTATIC: "servestatic"}
"""What to import for whom."""

PLAIN_MANIFEST = "django.json"
"""The name, below the root, of a manifest as Django itself writes it."""

PAGE = b"<!doctype html><title>Sign in</title>" + b"<p>A page.</p>" * 200
PAGE_FIELDS = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]

Maker = Callable[["WSGIApplication", str], "WSGIApplication"]
"""Makes a subject of the application that it wraps and the root that it serves under ``/static/``."""


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer everything with a page: the application that is wrapped."""
    start_response("200 OK", [*PAGE_FIELDS])
    return (PAGE,)


def maker(subject: str) -> Maker:
    """Import a subject and return what makes it."""
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
    """Django's own handler of static files, which its guide keeps for development."""
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
        made: WSGIApplication = StaticFilesHandler(application)
        return made

    return make


def _constant() -> Maker:
    """Return the same bytes and fields as hashserve for each file, from a dictionary."""
    from hashserve import HashServe

    def make(application: WSGIApplication, root: str) -> WSGIApplication:
        server = HashServe(application, root=root, prefix="/static/")
        answers = dict(_answers(server, Path(root)))

        def constant(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            headers, body = answers[environ["PATH_INFO"]]
            # A list of its own for each response: the server may change it.
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
"""What Chromium accepts over TLS."""

_MAKERS: dict[str, Callable[[], Maker]] = {
    CONSTANT: _constant,
    CONTROL: _constant,
    HASHSERVE: _hashserve,
    PLAIN: lambda: _hashserve(PLAIN_MANIFEST),
    COUNTING: lambda: _hashserve(counters=True),
    WHITENOISE: _whitenoise,
    SERVESTATIC: _servestatic,
    DJANGO: _django,
}


def from_environment() -> WSGIApplication:
    """Make the subject that BENCHMARK_SUBJECT names, of the root that BENCHMARK_ROOT names."""
    return maker(os.environ["BENCHMARK_SUBJECT"])(page, os.environ["BENCHMARK_ROOT"])
