"""The middleware: it answers requests for static files before other parts of Django see them.

Invariant: the responses are those of the WSGI wrapper, because both use the same service. A response from
memory takes no thread and no disk. Under an event loop, threads of hashserve find and read everything else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings as django_settings

import hashserve.django.checks  # noqa: F401  # registers the checks, for projects without the app
from hashserve.django.class_names import STORAGE, is_a, static_storage
from hashserve.django.page_release import one_release
from hashserve.django.requests import method_of, native_path, request_of
from hashserve.django.responses import StaticContent, response_of
from hashserve.django.root_listing import RootListing
from hashserve.django.service import service_of
from hashserve.django.settings import load
from hashserve.django.static_location import static_root
from hashserve.gateways.asgi_bodies import answer_in_thread
from hashserve.http.messages import Request
from hashserve.serve.answers import Answer
from hashserve.serve.policy import immutable_test
from hashserve.settings.serve import HeadersHook, MountSettings
from hashserve.url_paths import native_string
from hashserve.whitenoise_names import (
    FOR_MIDDLEWARE,
    SettingAttribute,
    check_overrides,
    is_overridden,
    overridable,
    refuse_names,
)

__all__ = ["HashServeMiddleware"]


def _key(name: str) -> Any:
    instead = f'set HASHSERVE["{name.upper()}"]'
    return SettingAttribute(name, instead, lambda middleware, name: middleware._setting(name))


class HashServeMiddleware:
    """Serve STATIC_ROOT under STATIC_URL, and ``HASHSERVE["ROOT"]`` at the root of the site.

    It belongs directly after ``django.middleware.security.SecurityMiddleware``. It reads the settings
    when the server starts. Under an event loop, it finds a new file at the root of the site within
    ``HASHSERVE["CHECK_INTERVAL"]`` seconds. Raises `SettingError` and `ManifestError`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any], settings: Any = django_settings) -> None:
        if settings is not django_settings:
            raise TypeError("hashserve reads django.conf.settings only; remove the argument `settings`")
        self._is_async: bool = iscoroutinefunction(get_response)
        self.get_response = _with_one_release(get_response, is_async=self._is_async)
        loaded = load()
        self._immutable_test = immutable_test(loaded.serve.immutable_file_test)
        if type(self) is not HashServeMiddleware:
            check_overrides(type(self), HashServeMiddleware, FOR_MIDDLEWARE)
            if self._immutable_test is None and is_overridden(
                type(self), HashServeMiddleware, "immutable_file_test"
            ):
                serve = loaded.serve.replace(immutable_file_test=self.immutable_file_test)
                loaded = loaded._replace(serve=serve)
        self._settings = loaded
        own = loaded.own
        self._prefix = native_string(own.prefix)
        self._service = service_of(loaded)
        self._service.remembers_live = not self._is_async
        self._root_listing: RootListing | None = None
        if own.root is not None:
            serve = loaded.serve
            self._root_listing = RootListing(
                own.root, serve.index_name, serve.check_interval, has_clean_urls=serve.clean_urls
            )
        if self._is_async:
            markcoroutinefunction(self)

    # WhiteNoise has these attributes too. They can be read.
    add_headers_function: HeadersHook | None = _key("add_headers_function")
    allow_all_origins: bool = _key("allow_all_origins")
    autorefresh: bool = _key("autorefresh")
    charset: str = _key("charset")
    index_file: str | None = _key("index_file")
    max_age: int | None = _key("max_age")
    use_finders: bool = _key("use_finders")
    static_prefix: str = SettingAttribute(  # type: ignore[assignment]
        "static_prefix", 'set HASHSERVE["PREFIX"]', lambda self, name: self._settings.own.prefix
    )
    static_root: str | None = SettingAttribute(  # type: ignore[assignment]
        "static_root", "set STATIC_ROOT", lambda self, name: static_root()
    )

    def add_files(self, root: str | os.PathLike[str], prefix: str | None = None) -> None:
        """Serve one more folder; if two have the same path, the one that was added last is served."""
        mount = MountSettings(root=root, prefix=prefix)
        path = urlsplit(mount.prefix or "").path.strip("/")  # it may be the URL of a CDN
        self._service.site.add(mount.root, f"/{path}/" if path else "/", is_shared=True)
        self._root_listing = None  # it knows one folder only

    @overridable
    def immutable_file_test(self, path: str, url: str) -> bool:
        """Whether a file that no manifest lists never changes; a subclass may override this.

        It does what ``HASHSERVE["IMMUTABLE_FILE_TEST"]`` says. ``path`` is on disk, ``url`` the URL path.
        """
        return self._immutable_test is not None and self._immutable_test(path, url)

    def _setting(self, name: str) -> Any:
        settings = self._settings
        if name == "add_headers_function":
            return settings.headers_hook()
        if name == "index_file":
            return settings.serve.index_name
        return getattr(settings.own if name == "use_finders" else settings.serve, name)

    def __call__(self, request: Any) -> Any:
        """Return the response for a static file, or else that of the next middleware."""
        service = self._service
        path = native_path(request)
        mount: str = request.META.get("SCRIPT_NAME", "")
        if mount:
            path, mount = self._as_in_static_url(path, mount)
        if not service.lowest <= path < service.highest:
            return self.get_response(request)
        recalled = service.memo.recall(path, method_of(request), request.META)
        if recalled is not None:
            response = StaticContent(*recalled)
            return _awaitable(response) if self._is_async else response
        if self._is_async:
            if self._is_plainly_not_static(path):
                return self.get_response(request)
            return self._respond_in_thread(request, request_of(request, path, mount))
        recalled = service.memo.recall_live(path, method_of(request), request.META)
        if recalled is not None:
            return StaticContent(*recalled)
        answer = service.answer(request_of(request, path, mount))
        return self.get_response(request) if answer is None else response_of(answer, request)

    async def _respond_in_thread(self, request: Any, static_request: Request) -> Any:
        answer = await answer_in_thread(self._answer, static_request)
        return await self.get_response(request) if answer is None else response_of(answer, request)

    def _answer(self, static_request: Request) -> Answer | None:
        if self._root_listing is not None:
            self._root_listing.refresh_if_due()
        return self._service.answer(static_request)

    def _is_plainly_not_static(self, path: str) -> bool:
        listing = self._root_listing
        return listing is not None and not path.startswith(self._prefix) and listing.lacks(path)

    def _as_in_static_url(self, path: str, mount: str) -> tuple[str, str]:
        """Return path and mount point; STATIC_URL may contain the mount point, and the path then does."""
        start = native_string(mount).rstrip("/")
        contains_mount = self._prefix.startswith(f"{start}/") and (start + path).startswith(self._prefix)
        return (start + path, "") if contains_mount else (path, mount)


refuse_names(HashServeMiddleware, FOR_MIDDLEWARE)


async def _awaitable(response: Any) -> Any:
    return response


def _with_one_release(get_response: Callable[[Any], Any], *, is_async: bool) -> Callable[[Any], Any]:
    """Render each page with the names of one release, if the names can change in the meantime."""
    if not is_a(static_storage(), STORAGE):
        return get_response

    def respond(request: Any) -> Any:
        with one_release():
            return get_response(request)

    async def respond_async(request: Any) -> Any:
        with one_release():
            return await get_response(request)

    return respond_async if is_async else respond
