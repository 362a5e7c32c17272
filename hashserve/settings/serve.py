"""The settings of serving, as `HashServe` and Django's middleware take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from wsgiref.headers import Headers as HeaderFields

from hashserve.settings import Settings, setting
from hashserve.settings.readers import (
    flag,
    folder,
    function,
    header_text,
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

__all__ = ["HeadersHook", "ImmutableTest", "MountSettings", "ServeSettings"]

HeadersHook = Callable[[HeaderFields, str, str], None]
"""Called with the fields of one file, its path on disk and its URL path; changes the fields."""

ImmutableTest = Callable[[str, str], bool]
"""Called with a file's path on disk and its URL path; returns whether the file never changes."""

MIB = 1024 * 1024


class ServeSettings(Settings, keys=True):
    """How a server answers; the same for each folder that it serves."""

    max_age: int | None = setting(
        default=60,
        read=optional(whole_number),
        help="Lifetime in seconds of files without a fingerprint; None sends no Cache-Control.",
        is_of_whitenoise=True,
    )
    allow_all_origins: bool = setting(
        default=True,
        read=flag,
        help="Send `Access-Control-Allow-Origin: *`.",
        is_of_whitenoise=True,
    )
    charset: str = setting(
        default="utf-8",
        read=header_text,
        help="The charset of every `text/` media type.",
        is_of_whitenoise=True,
    )
    mimetypes: Mapping[str, str] | None = setting(
        default=None,
        read=optional(media_types),
        help="Media types by extension (`.foo`) or file name; they come before the built-in ones.",
        is_of_whitenoise=True,
    )
    add_headers_function: HeadersHook | None = setting(
        default=None,
        read=optional(function),
        help="A function that changes the fields of a file: it takes `wsgiref.headers.Headers`,"
        " the path and the URL path.",
        is_of_whitenoise=True,
    )
    index_file: str | bool | None = setting(
        default=None,
        read=index_file,
        help="The file that is served for its folder's URL; True stands for `index.html`.",
        is_of_whitenoise=True,
    )
    immutable_file_test: ImmutableTest | str | None = setting(
        default=None,
        read=optional(url_test),
        help="Which other files never change: a regular expression over URL paths, or a function of path and "
        "URL path.",
        is_of_whitenoise=True,
    )
    autorefresh: bool = setting(
        default=False,
        read=flag,
        help="Look for a new manifest at every request.",
        is_of_whitenoise=True,
    )
    on_unknown: Literal["404", "redirect", "pass"] = setting(
        default="404",
        read=one_of("404", "redirect", "pass"),
        help="Response to a fingerprint that no release has: `404`, `redirect` to today's name, or `pass` to"
        " the application.",
    )
    on_missing: Literal["pass", "404"] = setting(
        default="pass",
        read=one_of("pass", "404"),
        help="Response to any other missing file: `pass` to the application, or `404`.",
    )
    spa_fallback: str | None = setting(
        default=None,
        read=optional(servable_path),
        help="The page of a single-page application; it answers navigations that nothing else answers.",
        key="",
    )
    follow_symlinks: bool = setting(
        default=False,
        read=flag,
        help="Serve links that lead out of the root.",
    )
    publish_manifest: bool = setting(
        default=False,
        read=flag,
        help="Serve the manifest at `.well-known/hashserve.json`, for the next build's `previous`.",
    )
    nosniff: bool = setting(
        default=True,
        read=flag,
        help="Send `X-Content-Type-Options: nosniff`.",
    )
    url_base: str = setting(
        default="",
        read=lambda value: url(value).rstrip("/"),
        help="What `url()` puts before each path: the origin of a CDN, or a mount point.",
        key="",
    )
    expires: bool = setting(
        default=False,
        read=flag,
        help="Send an Expires field with each max-age, for old caches.",
    )
    check_interval: float = setting(
        default=1.0,
        read=seconds,
        help="Seconds between two looks for a new manifest.",
    )
    body_budget: int = setting(
        default=64 * MIB,
        read=whole_number,
        help="Bytes of bodies that each process keeps in memory.",
    )
    largest_body: int = setting(
        default=MIB,
        read=whole_number,
        help="Bytes of the largest body that is kept in memory; larger ones are sent from their file.",
    )
    memo_size: int = setting(
        default=10_000,
        read=whole_number,
        help="Number of answers, and of unhashed files, that each process remembers.",
    )
    preload: bool = setting(
        default=False,
        read=flag,
        help="Read bodies into memory at the start, before the server forks.",
    )
    counters: bool = setting(
        default=False,
        read=flag,
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
        default="",
        read=folder,
        help="A folder that a build, Django or a bundler filled, or any other folder.",
    )
    prefix: str | None = setting(
        default=None,
        read=optional(url),
        help="The URL path of the folder; None stands for the one in its manifest, else `/`.",
    )
    manifest: str | os.PathLike[str] | None = setting(
        default=None,
        read=optional(path),
        help="The name of the manifest below the root, if hashserve does not find it by itself.",
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
        follow_symlinks: bool
        publish_manifest: bool
        nosniff: bool
        url_base: str
        expires: bool
        check_interval: float
        body_budget: int
        largest_body: int
        memo_size: int
        preload: bool
        counters: bool
