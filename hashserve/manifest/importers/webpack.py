"""The manifests of webpack-manifest-plugin and webpack-assets-manifest.

They are flat, ``{"main.js": "/static/main.6b8b69adc2771fb8d69f.js"}``. A value may be an object,
``{"src": ..., "integrity": ...}``, and all of it may be under ``files``, as Create React App writes it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hashserve.fingerprint_patterns import fingerprint_of
from hashserve.manifest.importers.draft import ManifestDraft
from hashserve.manifest.importers.listed_urls import ListedUrl
from hashserve.manifest.importers.names import common_length
from hashserve.manifest.json_text import member
from hashserve.manifest.model import Manifest
from hashserve.manifest.schema import unsafe_path

__all__ = ["from_webpack"]


def from_webpack(document: object, source: str, *, folder: str | None = None) -> Manifest:
    """Import webpack's manifest. Raises `ManifestError`.

    Its URLs start with webpack's public path, which the manifest does not state. It is found on disk: the
    files are in ``folder`` once it is removed. If none is there, it is the start that all URLs share.
    """
    draft = ManifestDraft(source)
    urls = list(_listed_urls(draft, draft.members(document, "top level")))
    public_path = _public_path(urls, folder)
    for url in urls:
        if url.origin == public_path.origin:
            _add(draft, url, public_path.depth)
        elif url.origin == "":
            _add(draft, url, 0)
        else:
            draft.leave_out(url.location, "is on another host")
    return draft.manifest()


def _listed_urls(draft: ManifestDraft, document: dict[str, Any]) -> Iterator[ListedUrl]:
    start = ""
    if type(document.get("files")) is dict:
        document, start = document["files"], "files"
    for key, value in document.items():
        location = f"{start}{member(key)}"
        if key == "entrypoints" and type(value) is not str:
            continue
        if type(value) is dict:
            value, location = value.get("src"), f"{location}.src"
        yield ListedUrl.read(key, draft.text(value, location), location)


class _PublicPath(NamedTuple):
    """What webpack puts before each path: the start of the URL, and ``depth`` folders after it."""

    origin: str
    depth: int


def _public_path(urls: Sequence[ListedUrl], folder: str | None) -> _PublicPath:
    origins = Counter(url.origin for url in urls if url.is_safe)
    if not origins:
        return _PublicPath("", 0)
    origin = origins.most_common(1)[0][0]
    own = [url for url in urls if url.origin == origin and url.is_safe]
    depth = None if folder is None else _depth_on_disk([url.path for url in own], folder)
    return _PublicPath(origin, _common_depth(origin, own) if depth is None else depth)


def _depth_on_disk(paths: Sequence[str], folder: str) -> int | None:
    """Return how many leading folders to remove to find the most of the first ``paths`` in ``folder``.

    None if none of them is found.
    """
    sample = [path.split("/") for path in paths[:8]]
    deepest = min(8, *(len(segments) for segments in sample))
    found = [
        sum(os.path.isfile(os.path.join(folder, *segments[depth:])) for segments in sample)
        for depth in range(deepest)
    ]
    return found.index(max(found)) if any(found) else None


def _common_depth(origin: str, urls: Sequence[ListedUrl]) -> int:
    if origin:
        return min(common_length(urls[0].public_folders, url.public_folders) for url in urls)
    # A path without a start is relative to the output already, except after webpack's default "auto".
    return int(all(url.path.startswith("auto/") for url in urls))


def _add(draft: ManifestDraft, url: ListedUrl, depth: int) -> None:
    path = "/".join(url.path.split("/")[depth:])
    if unsafe_path([path]) is not None:
        draft.leave_out(url.location, "leads out of the root")
        return
    is_own_name = posixpath.basename(url.key) == posixpath.basename(path)
    is_immutable = _has_hash(path, is_own_name=is_own_name)
    if is_immutable:
        draft.keep(path)
    if is_immutable and is_own_name:
        draft.derive_name(path)
    else:
        draft.name(url.key, path, url.query)


_LETTER_AND_DIGIT = re.compile(r"[a-f]+[0-9][0-9a-f]*|[0-9]+[a-f][0-9a-f]*")


def _has_hash(path: str, *, is_own_name: bool) -> bool:
    """Whether webpack put a hash into the name of ``path``.

    If a key is its file's own name, the file is a chunk without a name, which has a hash, or was only copied.
    Then "480.28513651.css" counts as a name with a hash, but not "photo-28513651.jpg" or "page-HomePage.js".
    """
    token = fingerprint_of(path)
    if token is None or not is_own_name:
        return token is not None
    return f".{token}." in path or _LETTER_AND_DIGIT.fullmatch(token) is not None
