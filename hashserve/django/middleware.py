"""The middleware: static files, answered before anything else of Django is asked.

Invariant: the answers are those of the WSGI wrapper, since both ask the same service. What is in memory
is answered where the request arrives, without a thread and without the disk; under an event loop
everything else is found and read by threads of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.files.storage import storages

from hashserve.django.checks import STORAGE, is_a  # which registers the checks, without the app too
from hashserve.django.page_release import one_release
from hashserve.django.requests import method_of, native_path, request_of
from hashserve.django.responses import StaticContent, response_of
from hashserve.django.root_names import RootNames
from hashserve.django.serving import service_of
from hashserve.django.settings import load
from hashserve.gateways.asgi_bodies import answer_aside
from hashserve.http.messages import Request
from hashserve.paths import native_string
from hashserve.serve.site import Answer

__all__ = ["HashServeMiddleware"]


class HashServeMiddleware:
    """Serve STATIC_ROOT under STATIC_URL, and ``HASHSERVE["ROOT"]`` at the root of the site.

    It belongs directly after ``django.middleware.security.SecurityMiddleware``. The settings are
    read when the server starts. Under an event loop, a file that is new at the root of the site is
    found within ``HASHSERVE["CHECK_INTERVAL"]``. Raises `SettingError` and `ManifestError`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._is_async: bool = iscoroutinefunction(get_response)
        self.get_response = _of_one_release(get_response, is_async=self._is_async)
        settings = load()
        self._prefix = native_string(settings.prefix)
        self._service = service_of(settings)
        self._service.remembers_live = not self._is_async
        self._root_names: RootNames | None = None
        if settings.root is not None:
            interval = self._service.site.settings.check_interval
            self._root_names = RootNames(settings.root, settings.index_file, interval)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Give the response to a request: of a static file, or of whoever comes next."""
        service = self._service
        path = native_path(request)
        mount: str = request.META.get("SCRIPT_NAME", "")
        if mount:
            path, mount = self._as_written(path, mount)
        if not service.lowest <= path < service.highest:
            return self.get_response(request)
        recalled = service.recall(path, method_of(request), request.META)
        if recalled is not None:
            response = StaticContent(*recalled)
            return _given(response) if self._is_async else response
        if self._is_async:
            if self._is_plainly_not_static(path):
                return self.get_response(request)
            return self._respond_aside(request, request_of(request, path, mount))
        recalled = service.recall_live(path, method_of(request), request.META)
        if recalled is not None:
            return StaticContent(*recalled)
        answer = service.answer(request_of(request, path, mount))
        return self.get_response(request) if answer is None else response_of(answer, request)

    async def _respond_aside(self, request: Any, asked: Request) -> Any:
        answer = await answer_aside(self._answer, asked)
        return await self.get_response(request) if answer is None else response_of(answer, request)

    def _answer(self, asked: Request) -> Answer | None:
        if self._root_names is not None:
            self._root_names.look_if_due()
        return self._service.answer(asked)

    def _is_plainly_not_static(self, path: str) -> bool:
        names = self._root_names
        return names is not None and not path.startswith(self._prefix) and names.lacks(path)

    def _as_written(self, path: str, mount: str) -> tuple[str, str]:
        """Give path and mount point as STATIC_URL has them, which may be written with both in it."""
        start = native_string(mount).rstrip("/")
        is_whole = self._prefix.startswith(f"{start}/") and (start + path).startswith(self._prefix)
        return (start + path, "") if is_whole else (path, mount)


async def _given(response: Any) -> Any:
    return response


def _of_one_release(get_response: Callable[[Any], Any], *, is_async: bool) -> Callable[[Any], Any]:
    """Have every page rendered with the names of one release, where names can change while one is."""
    if not is_a(storages.backends.get("staticfiles", {}).get("BACKEND", ""), STORAGE):
        return get_response

    def respond(request: Any) -> Any:
        with one_release():
            return get_response(request)

    async def respond_async(request: Any) -> Any:
        with one_release():
            return await get_response(request)

    return respond_async if is_async else respond
