"""Scripts and style sheets of a bundler that writes no manifest, found from the pages that load them.

Invariant: the first file is proven by the page: the page's own name, or a name that the tool always uses,
stands before the token. Then a proven file proves another one that it names in quotes, that lies in the same
folder and has a token of the same form. Neither the look of a name nor a page alone is a proof.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from hashserve.builder.bundlers.name_tokens import NameToken
from hashserve.builder.references.html_tokens import Tag, tokens
from hashserve.manifest.importers.listed_urls import ListedUrl

__all__ = ["ByName", "Read", "entries_of", "mentioned_by"]

Read = Callable[[str], bytes]
"""Returns the content of the file at a path of the tree; nothing if it is too large, or cannot be read."""

ByName = Mapping[str, Sequence[str]]
"""The paths of ``names`` by the last part of each, for trees of many pages."""

_ANGULAR_NAMES = frozenset({"main", "polyfills", "scripts", "styles"})
_ANGULAR = b"ng-version"
_VITE = b"modulepreload"

# A name in quotes or in url(), with the path before it and a query after it.
_MENTION = re.compile(
    rb"""(?<![^"'`(])([^"'`()\s?#]{0,400}/)?([^"'`()\s?#/]{9,255}\.[a-z0-9]{2,5})(?=["'`)?#])"""
)


def entries_of(
    page: str, content: bytes, names: Mapping[str, NameToken], by_name: ByName, read: Read
) -> Iterator[str]:
    """Yield the paths of the entries that the page at a path loads, out of those in ``names``.

    An entry of Vite has the name of its page before the token, as ``index-C_rL51Fj.js`` in ``index.html``. If
    it has another name, Vite's own code must be in it, and its token must be random. One of the Angular CLI
    has one of four names, and the main one states Angular's version.
    """
    loaded = list(_loaded(page, content, names, by_name))
    scripts = {path: read(path) for path, _ in loaded if not path.endswith(".css")}
    is_vite = any(_VITE in script for script in scripts.values())
    stem = posixpath.splitext(posixpath.basename(page))[0]
    own = {stem, posixpath.basename(posixpath.dirname(page)) or stem}
    own.update(_name(names[path]) for path in scripts if is_vite and names[path].is_random)
    for path, is_crossorigin in loaded:
        token = names[path]
        is_sure = is_vite or token.has_both_cases
        if is_crossorigin and is_sure and _name(token) in own and _is_of_vite(token):
            yield path
    if any(_name(names[path]) == "main" and _ANGULAR in script for path, script in scripts.items()):
        for path, _ in loaded:
            if _name(names[path]) in _ANGULAR_NAMES and names[path].has_scheme_of_esbuild:
                yield path


def _name(token: NameToken) -> str:
    return token.start[len(token.folder) :]


def _is_of_vite(token: NameToken) -> bool:
    return token.has_scheme_of_rollup and token.separator == "-"


def _loaded(
    page: str, content: bytes, names: Mapping[str, NameToken], by_name: ByName
) -> Iterator[tuple[str, bool]]:
    """Yield each file of ``names`` that a page loads as a module or a style sheet, and whether with CORS."""
    folder = page[: page.rfind("/") + 1]
    for tag in tokens(content):
        if not isinstance(tag, Tag) or tag.name not in ("script", "link"):
            continue
        attributes = {
            name: content[start:end].decode("utf-8", "replace")
            for name, (start, end) in tag.attributes.items()
        }
        kind = attributes.get("type", "") if tag.name == "script" else attributes.get("rel", "")
        if kind.strip().lower() in ("module", "stylesheet", "modulepreload"):
            text = attributes.get("src" if tag.name == "script" else "href", "").strip()
            url = ListedUrl.read("", text, "")
            for path in by_name.get(posixpath.basename(url.path), ()):
                if path in names and _may_be(path, url, folder):
                    yield path, "crossorigin" in attributes


def _may_be(path: str, url: ListedUrl, folder: str) -> bool:
    """Whether a URL in a page of ``folder`` may name a path; where the bundle is served is not known."""
    rest = posixpath.normpath(url.path)
    if not url.origin and not rest.startswith("../"):
        return path == folder + rest
    while rest.startswith("../"):
        rest = rest[3:]
    return f"/{path}".endswith(f"/{rest}") or f"/{rest}".endswith(f"/{path}")


def mentioned_by(
    holder: NameToken, content: bytes, names: Mapping[str, NameToken], kept_scripts: int
) -> Iterator[str]:
    """Yield the paths of ``names`` that a proven file mentions, and that are of the same bundler.

    What may be a word must be named as modules and workers are: a script of the application may name any
    file by its whole path. ``kept_scripts`` counts the proven scripts in the folder: if there are several, so
    that all of its scripts have tokens, one whose token has no capital letters is accepted too.
    """
    for match in _MENTION.finditer(content):
        path = holder.folder + match[2].decode("utf-8", "replace")
        token = names.get(path)
        if token is None or token.is_hex or token.separator != holder.separator:
            continue
        if not (token.is_random or _is_of_module(match)):
            continue
        if (holder.has_scheme_of_esbuild and token.has_scheme_of_esbuild) or (
            holder.has_scheme_of_rollup
            and token.has_scheme_of_rollup
            and (token.has_both_cases or kept_scripts > 1)
        ):
            yield path


def _is_of_module(mention: re.Match[bytes]) -> bool:
    """Whether a URL is relative, as between chunks, or stands in ``new URL()``, as that of a worker."""
    start = mention.start()
    is_in_url = mention.string[max(0, start - 5) : start - 1] == b"URL("
    return is_in_url or not (mention[1] or b"").startswith(b"/")
