"""The WSGI gateway: `HashServe`, which wraps an application.

Invariant: a request that is not for a static file reaches the application unchanged, after two comparisons.
A hit on a fingerprinted URL costs two lookups and no I/O.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import lru_cache, partial
from operator import attrgetter
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hashserve.errors import SettingError
from hashserve.gateways.wsgi_bodies import STATUS_LINES, send
from hashserve.http.messages import Headers, Request
from hashserve.serve.asset_urls import AssetUrls
from hashserve.serve.memo import Choice, chosen
from hashserve.serve.policy import immutable_test
from hashserve.serve.service import Service
from hashserve.settings import SignatureWithSettings, help_lines
from hashserve.settings.serve import MountSettings, ServeSettings
from hashserve.url_paths import mount_point_of
from hashserve.whitenoise_names import (
    FOR_WRAPPER,
    SettingAttribute,
    check_overrides,
    is_overridden,
    overridable,
    refuse_names,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack

    from hashserve.serve.counters import Counters, Counts
    from hashserve.settings.serve import HeadersHook, ServeArguments

__all__ = ["HashServe"]

_ABOVE_ALL_PATHS = "\U0010ffff"
"""Greater than every path, because a path has only the code points 0 to 255."""

_NO_CHOICES: dict[str | None, Choice[Headers]] = {}

_OF_OWN_PAGES = frozenset({None, "same-origin"})
"""Values of Sec-Fetch-Site with which any response may be a delta (RFC 9842 section 9.3)."""

_mount_point = lru_cache(maxsize=64)(mount_point_of)
"""Remembers mount points: `HashServe.url` is called many times for a page."""

_copier: Callable[[Headers], Callable[[], Headers]] = attrgetter("copy")


def _argument(name: str) -> Any:
    instead = f"pass {name}= to the constructor"
    return SettingAttribute(name, instead, lambda application, name: application._setting(name))


class HashServe:
    """Serve the static files of ``application``, fingerprinted ones forever.

    ::

        application = HashServe(application, root="build/static", prefix="/static/")

    Raises `SettingError` for a wrong value, `TypeError` for an unknown setting, and `ManifestError` for a
    manifest that is broken from the start.
    """

    def __init__(
        self,
        application: WSGIApplication,
        root: str | os.PathLike[str] | None = None,
        prefix: str | None = None,
        *,
        manifest: str | os.PathLike[str] | None = None,
        **settings: Unpack[ServeArguments],
    ) -> None:
        values = ServeSettings(**settings)
        self._immutable_test = immutable_test(values.immutable_file_test)
        if type(self) is not HashServe:
            check_overrides(type(self), HashServe, FOR_WRAPPER)
            if self._immutable_test is None and is_overridden(type(self), HashServe, "immutable_file_test"):
                values = values.replace(immutable_file_test=self.immutable_file_test)
        self.application = application
        self._lowest, self._highest = "", ""
        self._script_name: ContextVar[str] = ContextVar("script_name", default="")
        self._is_mounted = False  # no request had a mount point yet
        self._counters = _new_counters() if values.counters else None
        self._service: Service[Headers] = Service(
            values, _copier, on_bounds=self._set_bounds, counters=self._counters
        )
        self._memo = self._service.memo
        self._site = self._service.site
        self._urls = AssetUrls(self._site)
        if root is not None:
            self.add_files(root, prefix, manifest=manifest)
        if values.preload:
            from hashserve.serve.preload import preload  # few servers need it

            preload(self._site)

    __signature__ = SignatureWithSettings(__init__, ServeSettings)

    # WhiteNoise has these attributes too. They can be read.
    add_headers_function: HeadersHook | None = _argument("add_headers_function")
    allow_all_origins: bool = _argument("allow_all_origins")
    autorefresh: bool = _argument("autorefresh")
    charset: str = _argument("charset")
    index_file: str | None = _argument("index_file")
    max_age: int | None = _argument("max_age")

    def add_files(
        self,
        root: str | os.PathLike[str],
        prefix: str | None = None,
        *,
        manifest: str | os.PathLike[str] | None = None,
    ) -> None:
        """Serve one more folder; if two have the same path, the one that was added last is served."""
        mount = MountSettings(root=root, prefix=prefix, manifest=manifest)
        origin, path = ("", None) if mount.prefix is None else _split_prefix(mount.prefix)
        name = None if mount.manifest is None else os.fspath(mount.manifest)
        self._site.add(mount.root, path, name, origin=origin)

    def _setting(self, name: str) -> Any:
        settings = self._site.settings
        return settings.index_name if name == "index_file" else getattr(settings, name)

    def _set_bounds(self, lowest: str, highest: str) -> None:
        """Set the bounds between which `__call__` looks for static files.

        After the first request with a mount point there are no bounds, so that every request reaches
        `_pass_on`, which sets its own mount point, even an empty one.
        """
        self._lowest, self._highest = ("", _ABOVE_ALL_PATHS) if self._is_mounted else (lowest, highest)

    @overridable
    def immutable_file_test(self, path: str, url: str) -> bool:
        """Whether a file that no manifest lists never changes; a subclass may override this.

        It does what the setting of this name says. ``path`` is on disk, ``url`` is the URL path.
        """
        return self._immutable_test is not None and self._immutable_test(path, url)

    def url(self, logical_path: str, environ: WSGIEnvironment | None = None) -> str:
        """Return the URL of a logical path, fingerprinted if the manifest lists it.

        ``url("css/app.css")`` is ``/static/css/app.55e7cbb9ba48.css``. The URL starts with the setting
        ``url_base`` or the origin of a ``prefix`` that is a whole URL. Without these it starts with the path
        that the application is mounted at (SCRIPT_NAME): that of ``environ``, or else that of the request
        that is being answered. Where no request is being answered, pass ``environ`` or set ``url_base``.
        Raises `UnknownAssetError`.
        """
        script_name = self._script_name.get() if environ is None else environ.get("SCRIPT_NAME", "")
        return self._urls.url(logical_path, _mount_point(script_name) if script_name else "")

    def integrity(self, logical_path: str) -> str:
        """Return the ``integrity`` attribute for what `url` names: ``sha256-`` and the digest.

        Raises `UnknownAssetError`.
        """
        return self._urls.integrity(logical_path)

    def counters(self) -> Counts:
        """Return what this process has answered, as a dictionary of plain integers.

        `hashserve.serve.counters.Counts` describes it. Raises `SettingError` unless the setting ``counters``
        is on.
        """
        if self._counters is None:
            raise SettingError("counters", False, "nothing is counted; make it True")
        return self._counters.counts([self._service.state()])

    def __call__(  # noqa: C901  # inline: a call takes 60 to 150 ns
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request for a static file, and pass any other to the application unchanged."""
        # Servers may leave out an empty variable (PEP 3333), but few do: get() would take 10 ns more.
        try:
            path = environ["PATH_INFO"]
        except KeyError:
            path = ""
        # This comes first, because most requests are the application's. Two comparisons take 20 ns, and
        # startswith() takes 52.
        if path < self._lowest or path >= self._highest:
            try:
                if environ["SCRIPT_NAME"]:  # this takes 10 ns; url() needs it
                    return self._pass_on(environ, start_response)
            except KeyError:
                pass
            return self.application(environ, start_response)
        # This is AnswerMemo.recall() for GET, inline, because a call takes 150 ns more. A test holds the
        # names of fields against `hashserve.serve.memo.BYPASSING_FIELDS`.
        memo = self._memo
        try:
            entry = memo.hot[path][environ.get("HTTP_ACCEPT_ENCODING")]
        except KeyError:
            entry = None
        if entry is None:  # nothing is remembered, or the client's dictionary decides, as in `chosen`
            choice = memo.choices.get(path, _NO_CHOICES).get(environ.get("HTTP_ACCEPT_ENCODING"))
            if choice is None:
                return self._answer(path, environ, start_response)
            entry = choice[0].get(environ.get("HTTP_AVAILABLE_DICTIONARY"))
            if entry is None or (
                environ.get("HTTP_SEC_FETCH_SITE") not in _OF_OWN_PAGES
                and (
                    choice[1] != "*"
                    or environ.get("HTTP_SEC_FETCH_MODE") != "cors"
                    or "HTTP_ORIGIN" not in environ
                )
            ):
                entry = chosen(choice, environ)
                if entry is None:
                    return self._answer(path, environ, start_response)
        if (
            environ["REQUEST_METHOD"] != "GET"
            or "HTTP_RANGE" in environ
            or "HTTP_IF_MATCH" in environ
            or "HTTP_IF_MODIFIED_SINCE" in environ
            or "HTTP_IF_UNMODIFIED_SINCE" in environ
            or monotonic() >= memo.due
        ):
            return self._answer(path, environ, start_response)
        # The headers are a copy, because servers and middleware add fields to the list that they get. The
        # body is a list, because granian and bjoern are faster with lists.
        copy_headers, body, etag, copy_not_modified_headers, _ = entry
        if "HTTP_IF_NONE_MATCH" not in environ:
            start_response("200 OK", copy_headers())
            return [body]
        if environ["HTTP_IF_NONE_MATCH"] == etag:
            start_response("304 Not Modified", copy_not_modified_headers())
            return []
        return self._answer(path, environ, start_response)

    def _answer(self, path: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request that is not a plain hit: environ, request, answer, response."""
        memo, method = self._memo, environ.get("REQUEST_METHOD", "")
        # GET was looked up in `__call__`.
        recalled = memo.recall(path, method, environ) if method == "HEAD" else None
        if recalled is None and path in memo.live:
            recalled = memo.recall_live(path, method, environ)
        if recalled is not None:
            start_response(STATUS_LINES[recalled[0]], recalled[1])
            return [*recalled[2]]
        service = self._service
        if not path.startswith(service.prefixes):
            return self._pass_on(environ, start_response)
        request = request_of(environ)
        answer = service.answer(request)
        if answer is not None:
            return send(answer, environ, start_response)
        if service.site.may_fall_back(request):
            from hashserve.gateways.wsgi_fallback import run_with_fallback  # few sites need it

            fallback = partial(service.fallback, request)
            return run_with_fallback(self._pass_on, environ, start_response, fallback)
        return self._pass_on(environ, start_response)

    def _pass_on(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass a request to the application; from here on `url` knows where that is mounted."""
        script_name = environ.get("SCRIPT_NAME", "")
        if script_name and self._highest != _ABOVE_ALL_PATHS:
            self._is_mounted = True
            self._set_bounds("", "")
        if self._is_mounted:
            self._script_name.set(script_name)
        return self.application(environ, start_response)


refuse_names(HashServe, FOR_WRAPPER)


def _new_counters() -> Counters:
    from hashserve.serve.counters import Counters  # most servers count nothing, and start 1 ms sooner

    return Counters()


def request_of(environ: WSGIEnvironment) -> Request:
    """Make the `Request` that an environ describes."""
    get = environ.get
    return Request(
        method=environ["REQUEST_METHOD"],
        path=get("PATH_INFO", ""),
        query=get("QUERY_STRING", ""),
        mount=get("SCRIPT_NAME", ""),
        accept=get("HTTP_ACCEPT"),
        accept_encoding=get("HTTP_ACCEPT_ENCODING"),
        range=get("HTTP_RANGE"),
        if_range=get("HTTP_IF_RANGE"),
        if_match=get("HTTP_IF_MATCH"),
        if_none_match=get("HTTP_IF_NONE_MATCH"),
        if_modified_since=get("HTTP_IF_MODIFIED_SINCE"),
        if_unmodified_since=get("HTTP_IF_UNMODIFIED_SINCE"),
        origin=get("HTTP_ORIGIN"),
        requested_method=get("HTTP_ACCESS_CONTROL_REQUEST_METHOD"),
        requested_fields=get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
        available_dictionary=get("HTTP_AVAILABLE_DICTIONARY"),
        fetch_site=get("HTTP_SEC_FETCH_SITE"),
        fetch_mode=get("HTTP_SEC_FETCH_MODE"),
    )


def _split_prefix(prefix: str) -> tuple[str, str]:
    """Split a prefix into origin and path; it is a whole URL for a CDN, as Django's STATIC_URL may be."""
    origin = ""
    if "://" in prefix or prefix.startswith("//"):
        parts = urlsplit(prefix)
        if parts.scheme or "." in parts.netloc:
            scheme = f"{parts.scheme}:" if parts.scheme else ""
            origin, prefix = f"{scheme}//{parts.netloc}", parts.path
    path = prefix.strip("/")
    return origin, f"/{path}/" if path else "/"


if HashServe.__doc__:  # it is None under python -OO
    HashServe.__doc__ += f"""
    The folder; `add_files` adds more folders:

{help_lines(MountSettings.table.values())}

    Settings that mean what they mean to WhiteNoise:

{help_lines(row for row in ServeSettings.table.values() if row.is_of_whitenoise)}

    Settings of hashserve's own:

{help_lines(row for row in ServeSettings.table.values() if not row.is_of_whitenoise)}
    """
