"""Scripts and style sheets of a bundler that writes no manifest, found from the pages that load them.

Invariant: the first file is proven by the page: the page's own name, or a name that the tool always uses,
stands before the token. Then a proven file proves another one that it names in quotes, that lies in the same
folder and has a token of the same form. Neither the look of a name nor a page alone is a proof.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from hashserve.builder.bundlers.name_tokens import NameToken
from hashserve.builder.references.html_tokens import Tag, tokens
from hashserve.manifest.importers.listed_urls import ListedUrl

__all__ = ["ByName", "Contains", "Loaded", "entries_of", "mentioned_by"]

Contains = Callable[[str, bytes], bool]
"""Whether the file at a path of the tree contains some bytes. Many pages ask for the same file."""

ByName = Mapping[str, Sequence[str]]
"""The paths of ``names`` by the last part of each, for trees of many pages."""

_ANGULAR_NAMES = frozenset({"main", "polyfills", "scripts", "styles"})
_ANGULAR = b"ng-version"
_VITE = b"modulepreload"

# A name in quotes or in url(), with the path before it and a query after it.
_MENTION = re.compile(
    rb"""(?<![^"'`(])([^"'`()\s?#]{0,400}/)?([^"'`()\s?#/]{9,255}\.[a-z0-9]{2,5})(?=["'`)?#])"""
)


class Loaded(NamedTuple):
    """A file that a page loads: its path, its token, whether with CORS, and whether as a script."""

    path: str
    token: NameToken
    is_crossorigin: bool
    is_entry: bool

    @property
    def name(self) -> str:
        """What stands before the token."""
        return self.token.start[len(self.token.folder) :]

    @property
    def is_of_vite(self) -> bool:
        """Whether the page loads it as Vite writes it, and the token has Vite's form."""
        return self.is_crossorigin and self.token.has_scheme_of_rollup and self.token.separator == "-"


def entries_of(
    page: str,
    content: bytes,
    names: Mapping[str, NameToken],
    by_name: ByName,
    contains: Contains,
    entry_folders: Container[str] = (),
) -> Iterator[Loaded]:
    """Yield the files that the page at a path loads and that are proven, out of those in ``names``.

    An entry of Vite has the name of its page before the token, as ``index-C_rL51Fj.js`` in ``index.html``. If
    no script of the page has Vite's own code, the token must not be words, as in ``index-HomePage.js``.

    An entry with another name needs that code, and one of three things that show where the name ends: the
    token is random; the style sheet of the same name has another one; or an entry of another page in the same
    folder is proven (``entry_folders``), as all entries have one form.

    An entry of the Angular CLI has one of four names, and the main one states Angular's version.
    """
    loaded = list(_loaded(page, content, names, by_name))
    scripts = {item.path for item in loaded if not item.path.endswith(".css")}
    if any(item.name == "main" and item.path in scripts and contains(item.path, _ANGULAR) for item in loaded):
        for item in loaded:
            if item.name in _ANGULAR_NAMES and item.token.has_scheme_of_esbuild:
                yield item
    is_vite = any(contains(path, _VITE) for path in scripts)
    own = _names_of(page)
    if is_vite:
        own |= {item.name for item in loaded if item.path in scripts and item.token.is_random}
        own |= {item.name for item in loaded if item.is_entry and item.token.folder in entry_folders}
        own |= _names_of_pairs(loaded)
    for item in loaded:
        if item.is_of_vite and item.name in own and (is_vite or not item.token.may_be_words):
            yield item


def _names_of(page: str) -> set[str]:
    """Return the names that Vite gives the entry of a page: that of its file, or of its folder."""
    folder, name = posixpath.split(page)
    return {posixpath.splitext(name)[0], posixpath.basename(folder)} - {""}


def _names_of_pairs(loaded: Sequence[Loaded]) -> set[str]:
    """Return the names that a script and a style sheet have in common, with different tokens."""
    tokens_of: dict[str, set[str]] = {}
    for item in loaded:
        tokens_of.setdefault(item.name, set()).add(item.token.text)
    return {name for name, texts in tokens_of.items() if len(texts) > 1}


def _loaded(page: str, content: bytes, names: Mapping[str, NameToken], by_name: ByName) -> Iterator[Loaded]:
    """Yield each file of ``names`` that a page loads as a module or a style sheet."""
    folder = page[: page.rfind("/") + 1]
    for tag in tokens(content):
        if not isinstance(tag, Tag) or tag.name not in ("script", "link"):
            continue
        attributes = {
            name: content[start:end].decode("utf-8", "replace")
            for name, (start, end) in tag.attributes.items()
        }
        is_script = tag.name == "script"
        kind = attributes.get("type" if is_script else "rel", "")
        if kind.strip().lower() in ("module", "stylesheet", "modulepreload"):
            url = ListedUrl.read("", attributes.get("src" if is_script else "href", "").strip(), "")
            for path in by_name.get(posixpath.basename(url.path), ()):
                if path in names and _may_be(path, url, folder):
                    yield Loaded(path, names[path], "crossorigin" in attributes, is_script)


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
    that all of its scripts have tokens, one whose token is a word in letters of one case is accepted too.
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
            and (token.has_both_cases or token.has_digit or kept_scripts > 1)
        ):
            yield path


def _is_of_module(mention: re.Match[bytes]) -> bool:
    """Whether a URL has a relative folder, as between chunks, or is in ``new URL()``, as that of a worker."""
    start = mention.start()
    is_in_url = mention.string[max(0, start - 5) : start - 1] == b"URL("
    return is_in_url or not (mention[1] or b"/").startswith(b"/")
