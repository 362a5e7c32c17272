"""Importers: the manifests of other tools as a `Manifest`, so that their fingerprints are served immutable.

Invariant: a path is immutable only if its name really carries a fingerprint. Tools that put one into
every name (Phoenix, Propshaft, Sprockets) are held to their own naming; of bundlers, which can be
configured without hashes, `looks_fingerprinted` has to agree. Size and digest are None where the
tool does not tell them.

What the paths mean:

* A path is relative to the folder that the manifest lies in (``.vite`` belongs to the folder
  above it). Where ``root`` is above that folder, logical paths and paths both start with the way down.
* A logical path is the tool's own key. A file that has no key of its own (a shared chunk, the CSS
  of an entry) gets its path without the fingerprint, unless two files would share that name: then
  neither has it, and both are immutable all the same.
* A key that is no path inside the root (``../shared/app.js``) names nothing; its file counts.
* A path that leaves the root raises `ManifestError`. From webpack's manifests it is left out and
  logged, as is the URL of another host: they list pages and seeds that nobody means to serve here.
"""

from __future__ import annotations

import json
import logging
import os
import posixpath
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import PurePath
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote

from hashserve.errors import ManifestError
from hashserve.fingerprint_patterns import fingerprint_of, looks_fingerprinted, without_fingerprint
from hashserve.manifest.model import (
    MANIFEST_NAME,
    AssetRecord,
    Manifest,
    Row,
    format_row,
    parse_json,
    release_id,
    unsafe_path,
)

__all__ = [
    "from_mix",
    "from_phoenix",
    "from_propshaft",
    "from_sprockets",
    "from_vite",
    "from_webpack",
    "load_manifest",
]

_Importer = Callable[[object, str], Manifest]

_logger = logging.getLogger(__name__)

_KNOWN = (
    "hashserve's or Django's staticfiles.json, or the manifest of Vite, webpack-manifest-plugin, "
    "webpack-assets-manifest, Phoenix, Propshaft, Sprockets or Laravel Mix"
)

_WEB_APP_MEMBERS = {
    "background_color",
    "display",
    "icons",
    "manifest_version",
    "short_name",
    "start_url",
    "theme_color",
}
"""What web app manifests and browser extensions have at top level, and no build's manifest."""


def load_manifest(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> Manifest:
    """Read the manifest of any known tool at ``path``, its paths relative to the served ``root``.

    Without ``root``, or where the manifest lies outside of it, the tool's paths stay as they are;
    those of hashserve's and Django's own manifest always do. Raises `OSError` or `ManifestError`.
    """
    source = os.fspath(path)
    if os.path.basename(source) == MANIFEST_NAME:
        return Manifest.load(source)
    with open(source, "rb") as stream:
        document = parse_json(stream.read(), source)
    if type(document) is dict and "paths" in document and "version" in document:
        return Manifest.of(document, source=source)
    folder, way_down = _place(source, root)
    return _below(way_down, _import(document, source, folder))


def from_vite(document: object, source: str) -> Manifest:
    """Import Vite's manifest: ``{"src/main.ts": {"file": "assets/main-DiwrgTda.js", "css": [...]}}``.

    Source: https://vite.dev/guide/backend-integration
    """
    draft = _Draft(source)
    entries = [
        _ViteEntry.read(draft, key, entry) for key, entry in draft.members(document, "top level").items()
    ]
    for entry in entries:
        entry.add_to(draft)
    plain = {entry.path for entry in entries if not entry.immutable}
    for entry in entries:
        for path in entry.listed:
            if path not in plain and looks_fingerprinted(path):
                draft.keep(path)
                draft.derive_name(path)
    return draft.manifest()


def from_webpack(document: object, source: str, *, folder: str | None = None) -> Manifest:
    """Import the manifest of webpack-manifest-plugin or webpack-assets-manifest.

    Flat, ``{"main.js": "/static/main.6b8b69adc2771fb8d69f.js"}``, each value perhaps
    ``{"src": ..., "integrity": ...}``, or all of it under ``files`` as Create React App has it.
    The values start with webpack's public path, which the manifest does not tell: it is what has
    to be cut off so that the files are found in ``folder``, or, where none of them is there, the
    start that all have in common.
    """
    draft = _Draft(source)
    links = list(_links(draft, draft.members(document, "top level")))
    origin, depth = _public_path(links, folder)
    for link in links:
        if link.origin not in ("", origin):
            draft.leave_out(link.location, "is of another host")
        else:
            _add_link(draft, link, depth if link.origin == origin else 0)
    return draft.manifest()


def from_phoenix(document: object, source: str) -> Manifest:
    """Import Phoenix's ``cache_manifest.json``: ``latest`` is in force, older ``digests`` are retained.

    Source: https://hexdocs.pm/phoenix/Mix.Tasks.Phx.Digest.html
    """
    draft = _Draft(source)
    members = draft.members(document, "top level")
    if members.get("version") != 1:
        draft.fail("version", f"expected 1, found {reprlib.repr(members.get('version'))}; run mix phx.digest")
    for path, entry in draft.members(members.get("digests"), "digests").items():
        location = f"digests{_member(path)}"
        logical = draft.text(draft.members(entry, location).get("logical_path"), f"{location}.logical_path")
        draft.keep_digested(draft.path(path, location), logical)
    for logical, path in draft.members(members.get("latest"), "latest").items():
        draft.add_digested(logical, draft.path(path, f"latest{_member(logical)}"))
    return draft.manifest()


def from_propshaft(document: object, source: str) -> Manifest:
    """Import Propshaft's ``.manifest.json``.

    ``{"app.js": "app-0a1b2c3d.js"}``, or since version 1.2
    ``{"app.js": {"digested_path": "app-0a1b2c3d.js", "integrity": "sha384-..."}}``.
    """
    draft = _Draft(source)
    for logical, value in draft.members(document, "top level").items():
        location = _member(logical)
        if type(value) is dict:
            value, location = value.get("digested_path"), f"{location}.digested_path"
        draft.add_digested(logical, draft.path(value, location))
    return draft.manifest()


def from_sprockets(document: object, source: str) -> Manifest:
    """Import a manifest of Sprockets: ``assets`` are in force, the other ``files`` are retained.

    Sprockets tells sizes, and digests as ``integrity``; a file has them here if the digest is SHA-256.
    """
    draft = _Draft(source)
    members = draft.members(document, "top level")
    for path, value in draft.members(members.get("files"), "files").items():
        location = f"files{_member(path)}"
        entry = draft.members(value, location)
        logical = draft.text(entry.get("logical_path"), f"{location}.logical_path")
        draft.keep_digested(draft.path(path, location), logical, _sprockets_row(draft, path, entry))
    for logical, path in draft.members(members.get("assets"), "assets").items():
        draft.add_digested(logical, draft.path(path, f"assets{_member(logical)}"))
    return draft.manifest()


def from_mix(document: object, source: str) -> Manifest:
    """Import Laravel Mix's ``mix-manifest.json``: ``{"/js/app.js": "/js/app.js?id=<digest>"}``.

    The query goes into `Manifest.queries`; a name is immutable only if it is fingerprinted too.
    """
    draft = _Draft(source)
    for key, value in draft.members(document, "top level").items():
        link = _WebpackLink.read(key, draft.text(value, _member(key)), _member(key))
        if link.origin not in ("", "/"):
            draft.leave_out(link.location, "is of another host")
            continue
        path = draft.path(link.path, link.location)
        draft.name(key.removeprefix("/"), path, link.query)
        if looks_fingerprinted(path):
            draft.keep(path)
    return draft.manifest()


class _Draft:
    """A manifest in the making: what was read of it, and errors that name the place."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.paths: dict[str, str] = {}
        self.files: dict[str, Row | None] = {}
        self.queries: dict[str, str] = {}
        self.derived: dict[str, set[str]] = {}

    def fail(self, location: str, problem: str) -> NoReturn:
        raise ManifestError(self.source, location, problem)

    def leave_out(self, location: str, reason: str) -> None:
        _logger.debug("%s: %s: left out, since it %s", self.source, location, reason)

    def members(self, value: object, location: str) -> dict[str, Any]:
        if type(value) is not dict:
            self.fail(location, f"expected an object, found {reprlib.repr(value)}")
        return value

    def text(self, value: object, location: str) -> str:
        if type(value) is not str:
            self.fail(location, f"expected a string, found {reprlib.repr(value)}")
        return value

    def path(self, value: object, location: str) -> str:
        path = self.text(value, location)
        if unsafe_path([path]) is not None:
            self.fail(location, f"{path!r} is not a relative path inside the root; build it into the root")
        return path

    def paths_in(self, value: object, location: str) -> list[str]:
        if type(value) is not list:
            self.fail(location, f"expected a list, found {reprlib.repr(value)}")
        return [self.path(item, f"{location}[{number}]") for number, item in enumerate(value)]

    def name(self, logical: str, path: str, query: str = "") -> None:
        if unsafe_path([logical]) is not None:
            return
        self.paths[logical] = path
        if query:
            self.queries[logical] = _encoded_query(query)

    def derive_name(self, path: str) -> None:
        logical = without_fingerprint(path)
        if logical is not None:
            self.derived.setdefault(logical, set()).add(path)

    def keep(self, path: str, row: Row | None = None) -> None:
        self.files[path] = row

    def keep_digested(self, path: str, logical: str, row: Row | None = None) -> None:
        """Keep a file of a tool that fingerprints every name, if this name shows it."""
        if _ALREADY_DIGESTED.search(path) or _is_inserted(_DIGEST, path, logical):
            self.keep(path, row)

    def add_digested(self, logical: str, path: str) -> None:
        self.name(logical, path)
        if path not in self.files:
            self.keep_digested(path, logical)

    def manifest(self) -> Manifest:
        named = set(self.paths.values())
        for logical, paths in self.derived.items():
            if len(paths) == 1 and not paths <= named:
                self.paths.setdefault(logical, *paths)
        return Manifest(
            paths=self.paths, files=self.files, queries=self.queries, release=release_id(self.paths)
        )


_DIGEST = re.compile(r"-[0-9a-f]{7,128}")
_ROLLUP_HASH = re.compile(r"-[A-Za-z0-9_-]{8}")

# A file that some other tool has fingerprinted; Propshaft and Sprockets 4 keep its name.
_ALREADY_DIGESTED = re.compile(r"-[0-9a-zA-Z_-]{7,128}\.digested\.[^/]*\Z")


def _is_inserted(token: re.Pattern[str], path: str, plain: str) -> bool:
    """Tell whether ``path`` is ``plain`` with ``token`` before an extension, or at the end."""
    start = _common_length(plain, path)
    end = start + len(path) - len(plain)
    return (
        plain[start : start + 1] in ("", ".")
        and path[end:] == plain[start:]
        and token.fullmatch(path, start, max(end, start)) is not None
    )


def _common_length(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _member(key: str) -> str:
    return f"[{json.dumps(key, ensure_ascii=False)}]"


class _ViteEntry(NamedTuple):
    """One entry of Vite's manifest; ``listed`` are its ``css`` and ``assets``."""

    key: str
    path: str
    immutable: bool
    listed: Sequence[str]

    @classmethod
    def read(cls, draft: _Draft, key: str, value: object) -> _ViteEntry:
        location = _member(key)
        entry = draft.members(value, location)
        path = draft.path(entry.get("file"), f"{location}.file")
        names = [
            draft.text(entry.get("name", ""), f"{location}.name"),
            posixpath.splitext(draft.text(entry.get("src", key), f"{location}.src"))[0],
        ]
        listed = [
            item
            for member in ("css", "assets")
            for item in draft.paths_in(entry.get(member, []), f"{location}.{member}")
        ]
        return cls(key=key, path=path, immutable=_vite_fingerprinted(path, names), listed=listed)

    def add_to(self, draft: _Draft) -> None:
        if self.immutable:
            draft.keep(self.path)
        # A chunk that several entries share has no source, and its own name for a key.
        if self.key == "_" + posixpath.basename(self.path) and self.immutable:
            draft.derive_name(self.path)
        else:
            draft.name(self.key, self.path)


def _vite_fingerprinted(path: str, names: Sequence[str]) -> bool:
    """Tell whether Vite put a hash into the name of ``path``, which would be one of ``names`` without."""
    name = posixpath.basename(path)
    extension = posixpath.splitext(name)[1]
    plain = [posixpath.basename(each) + extension for each in names if each]
    if name in plain:
        return False
    return looks_fingerprinted(path) or any(_is_inserted(_ROLLUP_HASH, name, each) for each in plain)


_SHA256_INTEGRITY = re.compile(r"sha256-([A-Za-z0-9+/]{43}=)")


def _sprockets_row(draft: _Draft, path: str, entry: dict[str, Any]) -> Row | None:
    location = f"files{_member(path)}"
    size = entry.get("size")
    if size is not None and (type(size) is not int or not 0 <= size < 10**18):
        draft.fail(f"{location}.size", f"expected a size in bytes, found {reprlib.repr(size)}")
    integrity = draft.text(entry.get("integrity") or "", f"{location}.integrity")
    digest = _SHA256_INTEGRITY.fullmatch(integrity)
    if size is None or digest is None:
        return None
    return format_row(AssetRecord(path=path, size=size, sha256=digest[1]), ())


# What a URL starts with, its path, its query. A scheme alone ("data:") is a host of its own here.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?://[^/?#]*/?)?|//[^/?#]*/?|/|)([^?#]*)(?:\?([^#]*))?")


def _encoded_query(query: str) -> str:
    """Percent-encode what no query holds (RFC 3986 section 3.4): URLs are written into pages as they are."""
    whole = re.sub("%(?![0-9A-Fa-f]{2})", "%25", query)
    return quote(whole, safe="%!$&'()*+,;=:@/?-._~", errors="replace")


class _WebpackLink(NamedTuple):
    """One key and its URL; ``origin`` is what the URL starts with: "", "/" or "https://host/"."""

    key: str
    origin: str
    path: str
    query: str
    location: str

    @classmethod
    def read(cls, key: str, url: str, location: str) -> _WebpackLink:
        match = _URL.match(url)
        assert match is not None, "each part may be empty"
        origin, path, query = match.groups(default="")
        return cls(key=key.removeprefix("/"), origin=origin, path=path, query=query, location=location)

    @property
    def safe(self) -> bool:
        return unsafe_path([self.path]) is None

    @property
    def folders(self) -> list[str]:
        """The folders of the path without those that the key names too: they are no public path."""
        folders, of_key = self.path.split("/")[:-1], self.key.split("/")[:-1]
        if of_key and folders[-len(of_key) :] == of_key:
            del folders[-len(of_key) :]
        return folders


def _links(draft: _Draft, document: dict[str, Any]) -> Iterator[_WebpackLink]:
    within = ""
    if type(document.get("files")) is dict:
        document, within = document["files"], "files"
    for key, value in document.items():
        location = f"{within}{_member(key)}"
        if key == "entrypoints" and type(value) is not str:
            continue
        if type(value) is dict:
            value, location = value.get("src"), f"{location}.src"
        yield _WebpackLink.read(key, draft.text(value, location), location)


def _public_path(links: Sequence[_WebpackLink], folder: str | None) -> tuple[str, int]:
    """Find webpack's public path: how its URLs start, and how many folders follow that start."""
    origins = Counter(link.origin for link in links if link.safe)
    if not origins:
        return "", 0
    origin = origins.most_common(1)[0][0]
    local = [link for link in links if link.origin == origin and link.safe]
    depth = None if folder is None else _depth_on_disk([link.path for link in local], folder)
    return origin, _common_depth(origin, local) if depth is None else depth


def _depth_on_disk(paths: Sequence[str], folder: str) -> int | None:
    """Count the folders to cut off so that the most of a few ``paths`` are in ``folder``; None if none is."""
    sample = [path.split("/") for path in paths[:8]]
    deepest = min(8, *(len(segments) for segments in sample))
    found = [
        sum(os.path.isfile(os.path.join(folder, *segments[depth:])) for segments in sample)
        for depth in range(deepest)
    ]
    return found.index(max(found)) if any(found) else None


def _common_depth(origin: str, links: Sequence[_WebpackLink]) -> int:
    if origin:
        return min(_common_length(links[0].folders, link.folders) for link in links)
    # A path without a start is relative to the output already, but for the name of webpack's default.
    return int(all(link.path.startswith("auto/") for link in links))


def _add_link(draft: _Draft, link: _WebpackLink, depth: int) -> None:
    path = "/".join(link.path.split("/")[depth:])
    if unsafe_path([path]) is not None:
        draft.leave_out(link.location, "leads out of the root")
        return
    same_name = posixpath.basename(link.key) == posixpath.basename(path)
    immutable = _webpack_fingerprinted(path, same_name=same_name)
    if immutable:
        draft.keep(path)
    if immutable and same_name:
        draft.derive_name(path)
    else:
        draft.name(link.key, path, link.query)


_LETTER_AND_DIGIT = re.compile(r"[a-f]+[0-9][0-9a-f]*|[0-9]+[a-f][0-9a-f]*")


def _webpack_fingerprinted(path: str, *, same_name: bool) -> bool:
    """Tell whether webpack put a hash into the name of ``path``.

    The key of a chunk without a name is its file's name, hash and all, but so is the key of a
    file that was only copied. Of those, "480.28513651.css" is one that webpack named, and
    "photo-28513651.jpg" and "page-HomePage.js" may not be.
    """
    token = fingerprint_of(path)
    if token is None or not same_name:
        return token is not None
    return f".{token}." in path or _LETTER_AND_DIGIT.fullmatch(token) is not None


def _place(source: str, root: str | os.PathLike[str] | None) -> tuple[str, str]:
    """Give the folder that a manifest's paths start in, and the way there from ``root``: "" or "dist/"."""
    folder = PurePath(os.path.abspath(source)).parent
    if folder.name == ".vite":
        folder = folder.parent
    if root is None:
        return str(folder), ""
    top = PurePath(os.path.abspath(root))
    if not folder.is_relative_to(top):
        return str(top), ""
    return str(folder), "".join(f"{segment}/" for segment in folder.relative_to(top).parts)


def _below(way_down: str, manifest: Manifest) -> Manifest:
    if not way_down:
        return manifest
    paths = {way_down + logical: way_down + path for logical, path in manifest.paths.items()}
    return manifest._replace(
        paths=paths,
        files={way_down + path: row for path, row in manifest.files.items()},
        queries={way_down + logical: query for logical, query in manifest.queries.items()},
        release=release_id(paths),
    )


def _import(document: object, source: str, folder: str) -> Manifest:
    if type(document) is not dict:
        raise ManifestError(source, "top level", f"expected an object: {_KNOWN}")
    importer = _by_structure(document) or _by_name(source)
    if importer is None and document.keys() & _WEB_APP_MEMBERS:
        raise ManifestError(source, "top level", _web_app_problem(document))
    importer = importer or _by_values(document)
    if importer is None:
        raise ManifestError(source, "top level", f"is no manifest known here; expected {_KNOWN}")
    if importer is from_webpack:
        return from_webpack(document, source, folder=folder)
    return importer(document, source)


def _web_app_problem(members: dict[str, Any]) -> str:
    found = ", ".join(sorted(members.keys() & _WEB_APP_MEMBERS))
    return (
        f"is the manifest of a web app or a browser extension (it has {found}), which lists no fingerprinted "
        f"files; point to the build's own, as .vite/manifest.json is Vite's: {_KNOWN}"
    )


def _by_structure(document: dict[str, Any]) -> _Importer | None:
    if {"latest", "digests"} <= document.keys():
        return from_phoenix
    if {"assets", "files"} <= document.keys():
        return from_sprockets
    members = {member for entry in document.values() if type(entry) is dict for member in entry}
    if "digested_path" in members:
        return from_propshaft
    if "file" in members:
        return from_vite
    return None


def _by_name(source: str) -> _Importer | None:
    folder, name = os.path.split(source)
    if name.startswith(".sprockets-manifest-"):
        return from_sprockets
    if os.path.basename(folder) == ".vite":
        return from_vite
    return {
        "cache_manifest.json": from_phoenix,
        ".manifest.json": from_propshaft,
        "mix-manifest.json": from_mix,
    }.get(name)


def _by_values(document: dict[str, Any]) -> _Importer | None:
    """Tell the flat forms from any other JSON: they map names of files to names of files."""
    if document and all(_is_mix(key, value) for key, value in document.items()):
        return from_mix
    files = document.get("files")
    entries = files if type(files) is dict else document
    return from_webpack if any(_is_webpack(key, value) for key, value in entries.items()) else None


def _is_mix(key: str, value: object) -> bool:
    return key.startswith("/") and type(value) is str and value.partition("?")[0] == key


def _is_webpack(key: str, value: object) -> bool:
    url = value.get("src") if type(value) is dict else value
    if type(url) is not str:
        return False
    path = url.partition("?")[0]
    extension = posixpath.splitext(path)[1]
    return looks_fingerprinted(path) or (extension != "" and extension == posixpath.splitext(key)[1])
