"""WSGI: from an environ to a `Request`, from an `Answer` to ``start_response`` and a body.

Invariant: what is not static reaches the application untouched, for one dictionary lookup and one
prefix test; a hit on a fingerprinted URL costs two lookups and no I/O.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hashserve.errors import SettingError
from hashserve.gateways.wsgi_bodies import body_of
from hashserve.gateways.wsgi_fallback import run_with_fallback
from hashserve.http.messages import Headers, Request
from hashserve.paths import mount_point_of
from hashserve.serve.counted_service import CountingService
from hashserve.serve.counters import Counts
from hashserve.serve.service import Service
from hashserve.serve.site import Answer
from hashserve.settings import SignatureWithSettings, help_lines
from hashserve.settings.serve import MountSettings, ServeSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack

    from hashserve.settings.serve import ServeArguments

__all__ = ["HashServe"]

_STATUS_LINES = {int(status): f"{status.value} {status.phrase}" for status in HTTPStatus}


class HashServe:
    """Serve the static files of ``application``, fingerprinted ones forever.

    ::

        application = HashServe(application, root="build/static", prefix="/static/")

    ``root`` is a folder that ``hashserve build`` (or Django, or a bundler) filled, or any other folder;
    `add_files` adds more of them. ``prefix`` is the URL path that the folder is served under; None stands
    for the one that its manifest states, else ``/``. A prefix may be a whole URL, of a CDN that fetches
    from here: files are served under its path, and `url` returns whole URLs. ``manifest`` names the
    manifest below ``root``, if hashserve does not find it by itself.

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
        self.application = application
        self._mount_point: str | None = None  # not known before the first request
        self._lowest, self._highest = "", ""
        self._counting = CountingService(values, _copier, on_aim=self._aim) if values.counters else None
        self._service: Service[Headers] = self._counting or Service(values, _copier, on_aim=self._aim)
        self._site = self._service.site
        if root is not None:
            self.add_files(root, prefix, manifest=manifest)
        if values.preload:
            self._site.preload()

    __signature__ = SignatureWithSettings(__init__, ServeSettings)

    def add_files(
        self,
        root: str | os.PathLike[str],
        prefix: str | None = None,
        *,
        manifest: str | os.PathLike[str] | None = None,
    ) -> None:
        """Serve one more folder; where two have the same path, the one added last is served."""
        mount = MountSettings(root=root, prefix=prefix, manifest=manifest)
        origin, path = ("", None) if mount.prefix is None else _split_prefix(mount.prefix)
        name = None if mount.manifest is None else os.fspath(mount.manifest)
        self._site.add(mount.root, path, name, origin=origin)

    def _aim(self, lowest: str, highest: str) -> None:
        self._lowest, self._highest = lowest, highest

    def url(self, logical_path: str, environ: WSGIEnvironment | None = None) -> str:
        """Give the URL of a logical path, fingerprinted where the manifest lists it.

        ``url("css/app.css")`` is ``/static/css/app.55e7cbb9ba48.css``. The path at which the
        application is mounted (SCRIPT_NAME) comes first: that of the request's ``environ``, else of
        the first request there was; or the setting ``url_base``, or the origin of a ``prefix`` that
        is a whole URL. Raises `UnknownAssetError`.
        """
        mount_point = self._mount_point if environ is None else _mount_point(environ)
        return self._site.url(logical_path, mount_point or "")

    def integrity(self, logical_path: str) -> str:
        """Give the ``integrity`` attribute of what `url` names: ``sha256-`` and the digest.

        Raises `UnknownAssetError`.
        """
        return self._site.integrity(logical_path)

    def counters(self) -> Counts:
        """Give what this process answered up to now, as a dictionary of plain integers.

        `hashserve.serve.counters.Counts` says what is in it. Raises `SettingError` unless ``counters``
        was set.
        """
        if self._counting is None:
            raise SettingError("counters", False, "nothing is counted; make it True")
        return self._counting.counts()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer what is static, and hand everything else to the application as it came."""
        try:
            path = environ["PATH_INFO"]
        except KeyError:
            path = ""
        # Two comparisons stand in for startswith(), which takes 52 ns where they take 25; and they
        # come first, since most requests are the application's.
        if not self._lowest <= path < self._highest:
            if self._mount_point is None:
                self._mount_point = _mount_point(environ)
            return self.application(environ, start_response)
        service = self._service
        try:
            entry = service.hot[path][environ.get("HTTP_ACCEPT_ENCODING")]
        except KeyError:
            entry = None
        # What Service.recall() does, inline: a call of it takes 150 ns more.
        if (
            entry is None
            or environ["REQUEST_METHOD"] != "GET"
            or "HTTP_RANGE" in environ
            or "HTTP_IF_MATCH" in environ
            or "HTTP_IF_MODIFIED_SINCE" in environ
            or "HTTP_IF_UNMODIFIED_SINCE" in environ
            or monotonic() >= service.due
        ):
            return self._answer(environ, start_response)
        # Copies of the headers: servers and middleware above may add fields to the list they get. And a
        # list for the body: granian and bjoern have a shorter way for lists alone.
        copy_headers, body, etag, copy_not_modified_headers = entry
        if "HTTP_IF_NONE_MATCH" not in environ:
            start_response("200 OK", copy_headers())
            return [body]
        if environ["HTTP_IF_NONE_MATCH"] == etag:
            start_response("304 Not Modified", copy_not_modified_headers())
            return []
        return self._answer(environ, start_response)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer in full generality: everything that is not a plain hit."""
        path, service = environ.get("PATH_INFO", ""), self._service
        if not service.covers(path):
            return self.application(environ, start_response)
        if self._mount_point is None:
            self._mount_point = _mount_point(environ)
        method = environ["REQUEST_METHOD"]
        recalled = service.recall(path, method, environ) if method == "HEAD" else None
        if recalled is None:
            recalled = service.recall_live(path, method, environ)
        if recalled is not None:
            start_response(_STATUS_LINES[recalled[0]], recalled[1])
            return [*recalled[2]]
        request = request_of(environ)
        answer = service.answer(request)
        if answer is None:
            return self._pass_on(request, environ, start_response)
        return send(answer, environ, start_response)

    def _pass_on(
        self, request: Request, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if not self._site.is_navigation(request):
            return self.application(environ, start_response)
        return run_with_fallback(
            self.application,
            environ,
            start_response,
            lambda: self._fallback(request, environ, start_response),
        )

    def _fallback(
        self, request: Request, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        answer = self._service.fallback(request)
        return None if answer is None else send(answer, environ, start_response)


def request_of(environ: WSGIEnvironment) -> Request:
    """Take from an environ what `Request` holds."""
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
    )


def send(answer: Answer, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Start the response and give its body; the answer's descriptor is closed with the body."""
    body = body_of(answer, environ)
    try:
        start_response(_STATUS_LINES[answer.response.status], list(answer.response.headers))
    except BaseException:
        close = getattr(body, "close", None)
        if close is not None:
            close()
        raise
    return body


def _copier(headers: Headers) -> Callable[[], Headers]:
    return headers.copy().copy


def _mount_point(environ: WSGIEnvironment) -> str:
    return mount_point_of(environ.get("SCRIPT_NAME", ""))


def _split_prefix(prefix: str) -> tuple[str, str]:
    """Part the origin of a prefix that is a whole URL (Django's STATIC_URL on a CDN) from its path."""
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
    These settings mean what they mean to WhiteNoise:

{help_lines(ServeSettings.table, of_whitenoise=True)}

    These are hashserve's own:

{help_lines(ServeSettings.table, of_whitenoise=False)}
    """
