"""WSGI: from an environ to a `Request`, from an `Answer` to ``start_response`` and a body.

Invariant: what is not static reaches the application untouched, for one dictionary lookup and one
prefix test; a hit on a fingerprinted URL costs two lookups and no I/O.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from hashserve.errors import SettingError
from hashserve.gateways.wsgi_bodies import body_of
from hashserve.gateways.wsgi_fallback import run_with_fallback
from hashserve.http.media_types import MediaTypes
from hashserve.http.messages import Headers, Request
from hashserve.paths import mount_point_of
from hashserve.serve.bodies import DEFAULT_BUDGET, DEFAULT_LARGEST
from hashserve.serve.counted_service import CountingService
from hashserve.serve.counters import Counts
from hashserve.serve.policy import HeadersHook, ImmutableTest, Policy, immutable_test_of
from hashserve.serve.service import Service
from hashserve.serve.site import Answer, SiteSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["HashServe"]

_STATUS_LINES = {int(status): f"{status.value} {status.phrase}" for status in HTTPStatus}


class HashServe:
    """Serve the static files of ``application``, fingerprinted ones forever.

    ::

        application = HashServe(application, root="build/static", prefix="/static/")

    ``root`` is a folder that ``hashserve build`` (or Django, or a bundler) made with its
    manifest, or any plain folder; `add_files` adds more of them. ``prefix`` is the URL path it
    is served under; None means the one that the build wrote down, else ``/``. A whole URL (of a
    CDN that fetches from here) is served under its path, and `url` gives it back whole.

    These mean what they mean to WhiteNoise:

    * ``max_age``: lifetime in seconds of whatever has no fingerprint (60); None for no field;
    * ``allow_all_origins``: send ``Access-Control-Allow-Origin: *`` (True);
    * ``charset``: of every ``text/`` media type ("utf-8");
    * ``mimetypes``: media types by extension (``".foo"``) or file name, beside the built-in ones;
    * ``add_headers_function``: called once for each file with its ``wsgiref.headers.Headers``, its
      path on disk and its URL path, to change the fields;
    * ``index_file``: serve ``index.html`` (True) or another file at its folder's URL;
    * ``immutable_file_test``: a regular expression over URL paths, or a function of path and URL
      path, of what else never changes;
    * ``autorefresh``: look for a new manifest at every request (files are looked at anyway).

    And these are ours:

    * ``manifest``: the manifest's name below ``root``, where it is not one that is found by itself;
    * ``on_unknown``: what a path gets that looks fingerprinted but is in no retained release:
      ``"404"`` that no cache stores, ``"redirect"`` to today's name, or ``"pass"`` to the
      application;
    * ``on_missing``: what any other path under the prefix gets that names nothing: ``"pass"`` or
      ``"404"``;
    * ``spa_fallback``: a file below the root that answers navigations under the prefix (``/``, for a
      single-page application) which neither a file nor the application (it said 404) knows;
    * ``follow_symlinks``: serve links that leave the root (False);
    * ``publish_manifest``: serve the manifest at ``.well-known/hashserve.json`` below the prefix, so that
      the next ``hashserve build --previous URL`` can bring over what old pages still need (False);
    * ``nosniff``: send ``X-Content-Type-Options: nosniff`` (True);
    * ``url_base``: what `url` puts before each path: a CDN's origin, or a mount point;
    * ``expires``: send an Expires field beside each max-age, for caches older than that (False);
    * ``check_interval``: how often, in seconds, a new manifest is looked for (1.0);
    * ``body_budget``, ``largest_body``: bytes of bodies that each process keeps in memory (64 MiB),
      and the largest single one (1 MiB); larger ones are sent from their file;
    * ``memo_size``: how many answers, and how many live files, each process remembers (10,000);
    * ``preload``: read bodies into memory now, before the server forks (False);
    * ``counters``: count answers, for `counters` and `hashserve.prometheus` (False).

    Raises `SettingError` for a setting that cannot mean anything, and `ManifestError` for a
    manifest that is broken from the start.
    """

    def __init__(
        self,
        application: WSGIApplication,
        root: str | os.PathLike[str] | None = None,
        prefix: str | None = None,
        *,
        max_age: int | None = 60,
        allow_all_origins: bool = True,
        charset: str = "utf-8",
        mimetypes: Mapping[str, str] | None = None,
        add_headers_function: HeadersHook | None = None,
        index_file: str | bool | None = None,
        immutable_file_test: ImmutableTest | str | None = None,
        autorefresh: bool = False,
        manifest: str | os.PathLike[str] | None = None,
        on_unknown: Literal["404", "redirect", "pass"] = "404",
        on_missing: Literal["pass", "404"] = "pass",
        spa_fallback: str | None = None,
        follow_symlinks: bool = False,
        publish_manifest: bool = False,
        nosniff: bool = True,
        url_base: str = "",
        expires: bool = False,
        check_interval: float = 1.0,
        body_budget: int = DEFAULT_BUDGET,
        largest_body: int = DEFAULT_LARGEST,
        memo_size: int = 10_000,
        preload: bool = False,
        counters: bool = False,
    ) -> None:
        _check_choice("on_unknown", on_unknown, ("404", "redirect", "pass"))
        _check_choice("on_missing", on_missing, ("pass", "404"))
        for name, number in (
            ("max_age", max_age),
            ("body_budget", body_budget),
            ("largest_body", largest_body),
            ("memo_size", memo_size),
        ):
            _check_not_negative(name, number, optional=name == "max_age")
        _check_seconds("check_interval", check_interval)
        _check_media_types(charset, mimetypes)
        self.application = application
        self._mount_point: str | None = None  # not known before the first request
        policy = Policy(
            max_age=max_age,
            expires=expires,
            allow_all_origins=allow_all_origins,
            nosniff=nosniff,
            media_types=MediaTypes(mimetypes, charset=charset),
            add_headers=add_headers_function,
            is_immutable=immutable_test_of(immutable_file_test),
        )
        settings = SiteSettings(
            policy=policy,
            on_unknown=on_unknown,
            on_missing=on_missing,
            index_file="index.html" if index_file is True else index_file or None,
            spa_fallback=spa_fallback,
            follow_symlinks=follow_symlinks,
            publish_manifest=publish_manifest,
            check_interval=0.0 if autorefresh else check_interval,
            body_budget=body_budget,
            largest_body=largest_body,
            memo_size=memo_size,
            url_base=url_base.rstrip("/"),
        )
        self._lowest, self._highest = "", ""
        self._counting = CountingService(settings, _copier, on_aim=self._aim) if counters else None
        self._service: Service[Headers] = self._counting or Service(settings, _copier, on_aim=self._aim)
        self._site = self._service.site
        if root is not None:
            self.add_files(root, prefix, manifest=manifest)
        if preload:
            self._site.preload()

    def add_files(
        self,
        root: str | os.PathLike[str],
        prefix: str | None = None,
        *,
        manifest: str | os.PathLike[str] | None = None,
    ) -> None:
        """Serve one more folder; where two have the same path, the one added last is served."""
        _check_root(root)
        origin, path = ("", prefix) if prefix is None else _split_prefix(prefix)
        name = None if manifest is None else os.fspath(manifest)
        self._site.add(root, path, name, origin=origin)

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


def _check_root(root: str | os.PathLike[str]) -> None:
    if not os.fspath(root):
        raise SettingError("root", root, "must name a folder; is a variable not set?")
    if os.path.isfile(root):
        raise SettingError("root", os.fspath(root), "is a file; name the folder that it is in")


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


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingError(name, value, f"must be one of {', '.join(map(repr, choices))}")


def _check_media_types(charset: str, mimetypes: Mapping[str, str] | None) -> None:
    """They become header values: printable ASCII alone."""
    given: dict[str, Any] = {
        "charset": charset,
        **{f"mimetypes[{name!r}]": value for name, value in (mimetypes or {}).items()},
    }
    for name, value in given.items():
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
            raise SettingError(name, value, "must be printable ASCII text")


def _check_seconds(name: str, value: Any) -> None:
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise SettingError(name, value, "must be a number of seconds, 0 or more")


def _check_not_negative(name: str, value: Any, *, optional: bool) -> None:
    if not (optional and value is None) and (
        isinstance(value, bool) or not isinstance(value, int) or value < 0
    ):
        raise SettingError(name, value, "must be a whole number, 0 or more")
