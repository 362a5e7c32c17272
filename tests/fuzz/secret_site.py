"""A site whose root has secrets around and within it, and a check of its responses.

Invariant: `Exchange.check` knows all public content. Any other byte in a response that is not the
application's is a leak.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from functools import cache
from io import BytesIO
from typing import Any

import brotli

from hashserve import HashServe
from tests.support.client import APPLICATION_BODY
from tests.support.files import put
from tests.support.trees import POEM, STYLES, TEN, BuiltTree

__all__ = ["SECRET", "SITES", "Environ", "Exchange", "Site", "SiteWithSecrets", "ask", "environ_of"]

SECRET = b"SECRET-THAT-NO-CLIENT-MAY-SEE"
INDEX = b"<!doctype html><title>index</title>"
PUBLIC = frozenset({TEN, STYLES, POEM, INDEX, b""})
"""The content that clients may see."""

STATUSES = frozenset({200, 204, 206, 302, 304, 404, 405, 412, 416})

Environ = dict[str, Any]
Headers = list[tuple[str, str]]


def build_tree_with_secrets(folder: str) -> BuiltTree:
    """Make ``folder/root``, with secrets next to it, hidden in it, and behind links that leave it."""
    tree = BuiltTree(os.path.join(folder, "root"))
    tree.add("ten.txt", TEN)
    tree.add("css/styles.css", STYLES, variants=True)
    tree.add("tëxt/é.txt", POEM)
    tree.add("empty.txt", b"")
    tree.publish()
    put(tree.root, "index.html", INDEX)
    put(tree.root, "docs/index.html", INDEX)
    put(tree.root, "live.css", STYLES)
    for suffix, body in ((".gz", gzip.compress(STYLES, mtime=0)), (".br", brotli.compress(STYLES))):
        put(tree.root, f"live.css{suffix}", body)
    for name in (".env", ".git/config", "css/.hidden.css", ".hashserve/lock", "cache_manifest.json"):
        put(tree.root, name, SECRET)
    for name in ("secret.txt", "root-beside/secret.txt", "etc/passwd", "app/settings.py"):
        put(folder, name, SECRET)
    os.symlink("../secret.txt", os.path.join(tree.root, "link-out.txt"))
    os.symlink("..", os.path.join(tree.root, "folder-out"))
    os.symlink("nowhere", os.path.join(tree.root, "broken.txt"))
    os.symlink("loop", os.path.join(tree.root, "loop"))
    os.mkfifo(os.path.join(tree.root, "fifo"))
    return tree


def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer requests that are not static; 404 if the path says so."""
    status = "404 Not Found" if environ["PATH_INFO"].endswith("unknown") else "200 OK"
    headers = [("Content-Length", str(len(APPLICATION_BODY)))]
    start_response(status, headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else APPLICATION_BODY]


SITES: tuple[dict[str, Any], ...] = (
    {"prefix": "/static/"},
    {
        "prefix": "/static/",
        "index_file": True,
        "on_unknown": "redirect",
        "on_missing": "404",
        "spa_fallback": "index.html",
        "expires": True,
    },
    {"prefix": "/", "index_file": True, "on_unknown": "pass", "spa_fallback": "index.html", "body_budget": 0},
    {
        "prefix": "/static/",
        "index_file": True,
        "clean_urls": True,
        "on_missing": "404",
        "not_found_page": "docs/index.html",
    },
)
"""Settings that together cover every kind of response."""


@dataclass
class Site:
    """An application that serves the root, and its prefix."""

    application: Callable[..., Iterable[bytes]]
    prefix: str


@dataclass
class SiteWithSecrets:
    """The root in ``folder``, served with each of `SITES`. Caches are small, so they fill up soon."""

    folder: str
    tree: BuiltTree = field(init=False)
    sites: tuple[Site, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.tree = build_tree_with_secrets(self.folder)
        small: dict[str, Any] = {"memo_size": 200, "body_budget": 1 << 16}
        self.sites = tuple(
            Site(HashServe(application, self.tree.root, **{**small, **settings}), settings["prefix"])
            for settings in SITES
        )

    @property
    def paths(self) -> list[str]:
        """All paths below the root, served or not."""
        served = [path for names in self.tree.names.items() for path in names]
        odd = [
            "index.html",
            "docs/",
            "docs",
            "index",
            "docs/index",
            "index/",
            "live.css",
            "live.css.gz",
            "link-out.txt",
            "folder-out/secret.txt",
        ]
        hidden = [".env", ".git/config", "css/.hidden.css", "staticfiles.json", "cache_manifest.json"]
        return [*served, *odd, *hidden, "broken.txt", "loop", "fifo", "css", "css/styles.0123456789ab.css"]


@dataclass
class Exchange:
    """A request and its response."""

    method: str
    status: int
    headers: Headers
    body: bytes

    def first(self, name: str) -> str | None:
        """Return the value of a field; None without one."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def is_the_applications(self) -> bool:
        """Whether the application answered: it sends no entity-tags, and its body has a known length."""
        length = str(len(APPLICATION_BODY))
        return self.first("etag") is None and self.first("content-length") == length

    def check(self) -> None:
        """Check that the response is allowed and contains only public bytes."""
        check_fields(self.headers)
        assert SECRET not in self.body
        if self.is_the_applications:
            return
        assert self.status in STATUSES, self.status
        length = self.first("content-length")
        if self.method == "HEAD" or self.status in (204, 304):
            assert self.body == b""
        else:
            assert length == str(len(self.body)), (length, len(self.body))
            self._check_body()

    def _check_body(self) -> None:
        if self.status == 200:
            assert decoded(self.body, self.first("content-encoding")) in PUBLIC
        elif self.status == 206:
            self._check_parts()
        elif self.status == 404 and (self.first("content-type") or "").startswith("text/html"):
            assert decoded(self.body, self.first("content-encoding")) in PUBLIC
            assert (self.first("cache-control"), self.first("etag")) == ("no-store", None)
        else:
            assert self.body.decode("ascii").startswith(f"{self.status} ")
            assert self.status == 302 or self.first("cache-control") == "no-store"
        if self.status == 302:
            location = self.first("location") or ""
            assert re.match(r"/(?![/\\])|[^/\\?:]+/", location), f"{location} may lead to another host"

    def _check_parts(self) -> None:
        whole = [encoded(content, self.first("content-encoding")) for content in PUBLIC]
        content_type = self.first("content-type") or ""
        for part in parts_of(self.body, content_type, self.first("content-range")):
            assert any(is_part(part, content) for content in whole), part


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")


def check_fields(headers: Headers) -> None:
    """Check that each field is valid and occurs once (RFC 9110 sections 5.1 and 5.5)."""
    assert len({name.lower() for name, _ in headers}) == len(headers), headers
    for name, value in headers:
        assert _NAME.fullmatch(name), name
        assert _VALUE.fullmatch(value), (name, value)


def decoded(body: bytes, coding: str | None) -> bytes:
    """Decode a body."""
    if coding == "br":
        return bytes(brotli.decompress(body))
    return gzip.decompress(body) if coding == "gzip" else body


@cache
def encoded(content: bytes, coding: str | None) -> bytes:
    """Encode a content as `tests.support.trees` does."""
    if coding == "br":
        return bytes(brotli.compress(content))
    return gzip.compress(content, 9, mtime=0) if coding == "gzip" else content


def parts_of(body: bytes, content_type: str, content_range: str | None) -> list[tuple[str, bytes]]:
    """Return each part of a 206: its Content-Range and its bytes."""
    if content_range is not None:
        return [(content_range, body)]
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode("latin-1")
    message = BytesParser().parsebytes(head + body)
    boundary = b"--" + str(message.get_boundary()).encode("latin-1")
    # The parser returns text, so the bytes of the parts are cut out here.
    pieces = body.split(b"\r\n" + boundary)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> tuple[str, bytes]:
    head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    fields: Message = BytesParser().parsebytes(head)
    return str(fields["Content-Range"]), content


def is_part(part: tuple[str, bytes], content: bytes) -> bool:
    """Return whether a part has the bytes of ``content`` that its Content-Range states."""
    match = re.fullmatch(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)", part[0])
    assert match is not None, part[0]
    first, last, size = map(int, match.groups())
    return size == len(content) and part[1] == content[first : last + 1] and len(part[1]) == last - first + 1


_SERVER: Environ = {
    "SCRIPT_NAME": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
    "wsgi.input": BytesIO(),
}


def environ_of(method: str, path: str, query: str = "", fields: Iterable[tuple[str, str]] = ()) -> Environ:
    """Return an environ with the keys that hashserve reads, as native strings; ``path`` is decoded."""
    environ = {**_SERVER, "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    environ.update((f"HTTP_{name.upper().replace('-', '_')}", value) for name, value in fields)
    return environ


def ask(site: Callable[..., Iterable[bytes]], environ: Environ) -> Exchange:
    """Send a request to an application without a validator: a million take a minute."""
    started: list[tuple[str, Headers]] = []
    body = site(environ, lambda *arguments: started.append(arguments[:2]))
    try:
        content = b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return Exchange(environ["REQUEST_METHOD"], int(status[:3]), headers, content)
