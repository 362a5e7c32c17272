"""The settings of serving, as `HashServe` and Django's middleware take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from hashserve.settings import Settings, setting
from hashserve.settings.value_checks import (
    flag,
    folder,
    header_text,
    headers_hook,
    index_file,
    media_types,
    one_of,
    optional,
    path,
    seconds,
    servable_path,
    url,
    url_test,
    whole_number,
)

if TYPE_CHECKING:
    import os
    from wsgiref.headers import Headers as HeaderFields

__all__ = ["HeadersHook", "ImmutableTest", "MountSettings", "ServeSettings"]

HeadersHook = Callable[["HeaderFields", str, str], None]
"""Called with the fields of one file, its path on disk and its URL path; changes the fields."""

ImmutableTest = Callable[[str, str], bool]
"""Called with a file's path on disk and its URL path; returns whether the file never changes."""

MIB = 1024 * 1024


class ServeSettings(Settings, keys=True):
    """How a server answers; the same for each folder that it serves."""

    max_age: int | None = setting(
        default=60,
        check=optional(whole_number),
        help="Seconds that files without a fingerprint are cached; None sends no Cache-Control.",
        is_of_whitenoise=True,
    )
    allow_all_origins: bool = setting(
        default=True,
        check=flag,
        help="Send `Access-Control-Allow-Origin: *`.",
        is_of_whitenoise=True,
    )
    charset: str = setting(
        default="utf-8",
        check=header_text,
        help="Charset of every `text/` media type.",
        is_of_whitenoise=True,
    )
    mimetypes: Mapping[str, str] | None = setting(
        default=None,
        check=optional(media_types),
        help="Media types by extension (`.foo`) or file name, before the built-in ones.",
        is_of_whitenoise=True,
    )
    add_headers_function: HeadersHook | None = setting(
        default=None,
        check=optional(headers_hook),
        help="Changes the fields of a file; takes `wsgiref.headers.Headers`, path and URL path.",
        is_of_whitenoise=True,
    )
    index_file: str | bool | None = setting(
        default=None,
        check=index_file,
        help="Name of the file that is served for its folder's URL; True is `index.html`.",
        is_of_whitenoise=True,
    )
    immutable_file_test: ImmutableTest | str | None = setting(
        default=None,
        check=optional(url_test),
        help="Other immutable files: a regular expression over URLs, or a function of path and URL.",
        is_of_whitenoise=True,
    )
    autorefresh: bool = setting(
        default=False,
        check=flag,
        help="Check for a new manifest at every request.",
        is_of_whitenoise=True,
    )
    on_unknown: Literal["404", "redirect", "pass"] = setting(
        default="404",
        check=one_of("404", "redirect", "pass"),
        help="For a fingerprint that no release has: `404`, `redirect` to today's name, or `pass`.",
    )
    on_missing: Literal["pass", "404"] = setting(
        default="pass",
        check=one_of("pass", "404"),
        help="For other missing files: `pass` to the application, or `404`.",
    )
    spa_fallback: str | None = setting(
        default=None,
        check=optional(servable_path),
        help="Page of a single-page application, for navigations that nothing else answers.",
        key="",
    )
    not_found_page: str | None = setting(
        default=None,
        check=optional(servable_path),
        help="Page below the root that is sent with a 404, such as `404.html`.",
        key="",
    )
    clean_urls: bool = setting(
        default=False,
        check=flag,
        help="Serve `blog.html` for `/blog` too, and redirect `/blog/` there.",
    )
    follow_symlinks: bool = setting(
        default=False,
        check=flag,
        help="Serve links that lead out of the root.",
    )
    publish_manifest: bool = setting(
        default=False,
        check=flag,
        help="Serve the manifest at `.well-known/hashserve.json`, for the next build's `previous`.",
    )
    serve_deltas: bool = setting(
        default=True,
        check=flag,
        help="Send deltas (RFC 9842) to clients that have an earlier release of a file.",
    )
    public_deltas: bool = setting(
        default=False,
        check=flag,
        help="Let shared caches keep deltas; only for caches that store responses by all of Vary.",
    )
    nosniff: bool = setting(
        default=True,
        check=flag,
        help="Send `X-Content-Type-Options: nosniff`.",
    )
    url_base: str = setting(
        default="",
        check=lambda value: url(value).rstrip("/"),
        help="What `url()` puts before each path: the origin of a CDN, or a mount point.",
        key="",
    )
    expires: bool = setting(
        default=False,
        check=flag,
        help="Also send Expires, for HTTP/1.0 caches.",
    )
    check_interval: float = setting(
        default=1.0,
        check=seconds,
        help="Seconds between checks for a new manifest.",
    )
    body_budget: int = setting(
        default=64 * MIB,
        check=whole_number,
        help="Bytes of files that each process keeps in memory.",
    )
    largest_body: int = setting(
        default=MIB,
        check=whole_number,
        help="Bytes of the largest such file; larger ones are sent from disk.",
    )
    largest_digested: int = setting(
        default=8 * MIB,
        check=whole_number,
        help="Bytes of the largest unhashed file whose ETag is made of its content; see docs/http.md.",
    )
    memo_size: int = setting(
        default=10_000,
        check=whole_number,
        help="Number of answers, and of unhashed files, that each process remembers.",
    )
    preload: bool = setting(
        default=False,
        check=flag,
        help="Read files into memory at the start, before the server forks.",
    )
    counters: bool = setting(
        default=False,
        check=flag,
        help="Count answers, for `counters()` and `hashserve.prometheus`.",
    )

    def _reconciled(self) -> Mapping[str, Any]:
        return {"check_interval": 0.0} if self.autorefresh else {}

    @property
    def index_name(self) -> str | None:
        """The name of the file that is served for its folder's URL, if there is one."""
        return "index.html" if self.index_file is True else self.index_file or None


class MountSettings(Settings):
    """Which folder is served, and under which URL."""

    root: str | os.PathLike[str] = setting(
        default=None,  # nothing is served
        check=folder,
        help="A folder that a build, Django or a bundler filled, or any other folder.",
    )
    prefix: str | None = setting(
        default=None,
        check=optional(url),
        help="URL path of the folder, or a CDN's URL; None is the manifest's, else `/`.",
    )
    manifest: str | os.PathLike[str] | None = setting(
        default=None,
        check=optional(path),
        help="Name of the manifest below the root, if hashserve does not find it by itself.",
    )


if TYPE_CHECKING:

    class ServeArguments(TypedDict, total=False):
        """The keyword arguments of `HashServe`: the fields of `ServeSettings`."""

        max_age: int | None
        allow_all_origins: bool
        charset: str
        mimetypes: Mapping[str, str] | None
        add_headers_function: HeadersHook | None
        index_file: str | bool | None
        immutable_file_test: ImmutableTest | str | None
        autorefresh: bool
        on_unknown: Literal["404", "redirect", "pass"]
        on_missing: Literal["pass", "404"]
        spa_fallback: str | None
        not_found_page: str | None
        clean_urls: bool
        follow_symlinks: bool
        publish_manifest: bool
        serve_deltas: bool
        public_deltas: bool
        nosniff: bool
        url_base: str
        expires: bool
        check_interval: float
        body_budget: int
        largest_body: int
        largest_digested: int
        memo_size: int
        preload: bool
        counters: bool
