"""Django's handlers around the middleware, as WSGI applications for `tests.support.client.request`."""

# Django has no types.
# mypy: disable-error-code="import-untyped, misc, untyped-decorator, no-any-return"
from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_from_bytes

from asgiref.sync import iscoroutinefunction
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.utils.decorators import sync_and_async_middleware

from tests.support.client import APPLICATION_BODY
from tests.support.django_settings import configure

__all__ = ["MIDDLEWARE", "django_application", "over_asgi", "project"]

MIDDLEWARE = "hashserve.django.middleware.HashServeMiddleware"

Application = Callable[..., Iterable[bytes]]


urlpatterns: list[object] = []


@sync_and_async_middleware
def application(get_response: Any) -> Any:
    """Answer every request as `tests.support.client.wrapped_application` does."""

    def answer(request: HttpRequest) -> HttpResponse:
        body = b"" if request.method == "HEAD" else APPLICATION_BODY
        fields = {"Content-Type": "text/plain", "Content-Length": str(len(APPLICATION_BODY))}
        return HttpResponse(body, headers=fields)

    async def answer_async(request: HttpRequest) -> HttpResponse:
        return answer(request)

    return answer_async if iscoroutinefunction(get_response) else answer


def project(**settings: Any) -> Any:
    """Return a context with the settings of a project whose static files the middleware serves."""
    configure()
    ours = {
        "MIDDLEWARE": [MIDDLEWARE, f"{__name__}.application"],
        "ROOT_URLCONF": __name__,
        "STATIC_URL": "/static/",
        "DEBUG": False,
        **settings,
    }
    return override_settings(**ours)


def django_application(gateway: str, **settings: Any) -> Application:
    """Start a project under ``"wsgi"`` or ``"asgi"``; its settings are read now."""
    with project(**settings):
        return WSGIHandler() if gateway == "wsgi" else over_asgi(ASGIHandler())


def over_asgi(application: Any) -> Application:
    """Wrap an ASGI application as a WSGI application that drives it as a server does."""

    def ask(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, headers, body = asyncio.run(_exchange(application, _scope(environ)))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    return ask


def _scope(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the ASGI scope of a request; servers decode its path as UTF-8."""
    path = (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).encode("latin-1")
    fields = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": quote_from_bytes(path).encode(),
        "root_path": environ["SCRIPT_NAME"],
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "headers": [
            (name.lower().replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in fields.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def _exchange(application: Any, scope: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Send one request and return its response; assert that the messages are in the order of ASGI."""
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])
    is_over = asyncio.Event()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        for message in received:
            return message
        await is_over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            is_over.set()

    await application(scope, receive, send)
    start, *parts = sent
    assert start["type"] == "http.response.start"
    assert all(part["type"] == "http.response.body" for part in parts)
    assert [bool(part.get("more_body")) for part in parts] == [True] * (len(parts) - 1) + [False]
    headers = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    return start["status"], headers, b"".join(part.get("body", b"") for part in parts)
