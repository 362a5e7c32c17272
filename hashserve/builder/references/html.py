"""What a page loads: the references in an HTML file, as exact bytes.

Invariant: what a page loads is found, and where it leads is not. An image, a style sheet or a script is
part of the page, and has to be of its release; what a link, a form or a frame leads to is a page of its
own, with an address that people keep, send to others and search engines know: it keeps its name.

Found are, of what the HTML standard lists as attributes that hold URLs, those that a browser loads
without being asked to: ``src`` (of ``<input>``, only an image's), ``srcset``, ``imagesrcset``, ``poster``,
``data``, ``href`` of ``<link>`` with one of `LOADING_LINKS`; of SVG, ``href`` and ``xlink:href`` of images,
scripts and ``<use>``; what the standard calls obsolete and browsers load, ``background``; style sheets in
``<style>``, in ``style`` and in the attributes of SVG that take ``url()``; scripts in ``<script>``: all
references of a module, ``import()`` of any other; and the URLs of an import map.

Not found are ``href`` of ``<a>``, ``<area>`` and of other links (canonical, alternate, next), ``action``,
``cite``, ``ping``; ``<meta>`` (what others fetch and keep for years, as ``og:image``, is to have a name that
stays); ``srcdoc``; URLs that a template language makes (``{{ url }}``); and of what is found, all that
names a page (`is_page`), in a frame or in an object. Comments hold nothing. What stands in ``<template>``
and ``<noscript>`` is found: it is loaded once a script or a browser without scripts makes use of it.

Pages are read as UTF-8, which is what HashServe tells browsers that they are in.
"""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from html.entities import html5

from hashserve.builder.references.finder import Reference, ReferenceKind, Within, find_references, language_of
from hashserve.builder.references.html_tokens import Tag, Text, tokens

__all__ = ["LOADING_LINKS", "FindReferences", "find_page_references", "finder_of", "is_page"]

FindReferences = Callable[[bytes], list[Reference]]
"""Finds the references in a file's content, in order."""

LOADING_LINKS = frozenset(
    {
        "apple-touch-icon",
        "apple-touch-icon-precomposed",
        "apple-touch-startup-image",
        "compression-dictionary",
        "icon",
        "manifest",
        "mask-icon",
        "modulepreload",
        "prefetch",
        "preload",
        "stylesheet",
    }
)
"""Relations of a ``<link>`` whose target is loaded for the page."""

_TABLE = ("table", "thead", "tbody", "tfoot", "tr", "td", "th")
_SRC = ("audio", "embed", "frame", "iframe", "img", "script", "source", "track", "video")
_URLS = {
    **dict.fromkeys(_SRC, ("src",)),
    **dict.fromkeys(("body", *_TABLE), ("background",)),
    "video": ("src", "poster"),
    "object": ("data",),
}
_SRCSETS = {"img": "srcset", "source": "srcset", "link": "imagesrcset"}
_SVG_LOADING = frozenset({"feimage", "image", "script", "use"})
_SVG_STYLING = (
    "clip-path",
    "cursor",
    "fill",
    "filter",
    "marker",
    "marker-end",
    "marker-mid",
    "marker-start",
    "mask",
    "stroke",
)

# JavaScript MIME types (MIME Sniffing standard, section 4.6).
_JAVASCRIPT = re.compile(
    r"(?:application|text)/(?:x-)?(?:ecma|java)script|text/javascript1\.[0-5]|text/(?:j|live)script"
)

_SPACES = b" \t\n\f\r"
_CHARACTER_REFERENCE = re.compile(rb"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[a-zA-Z][a-zA-Z0-9]*;?)")
# What Django, Jinja, Vue, ERB, EJS, PHP and scripts' own templates put an expression in.
_TEMPLATE_LANGUAGE = re.compile(r"\{\{|\{%|\{#|[$#]\{|<%|<\?")

_ELSEWHERE = "about:blank"
"""A base that makes every relative URL one of somebody else."""


def is_page(path: str) -> bool:
    """Whether a file is one that is navigated to, by its extension."""
    return os.path.splitext(path)[1].lower() in (".html", ".htm")


def finder_of(path: str, *, html: bool) -> FindReferences | None:
    """Give what finds the references in a file with this path, None where none are sought.

    In pages they are only with ``html``.
    """
    if html and is_page(path):
        return find_page_references
    language = language_of(path)
    return None if language is None else partial(find_references, language=language)


def find_page_references(content: bytes) -> list[Reference]:
    """Find the references in a page, in order; they never overlap, and no content raises."""
    return sorted(_PageReferences(content).references(), key=lambda reference: reference.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passage:
    """A part of a page without its character references, and where each byte of it stands there.

    ``positions`` is empty where there are none: then all follow each other from ``start`` on.
    """

    content: bytes
    start: int
    positions: tuple[int, ...] = ()

    def position(self, offset: int) -> int:
        return self.positions[offset] if self.positions else self.start + offset

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class _PageReferences:
    """One pass over a page; ``base`` is what its first tag that tells it has said, so far."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.base = ""
        self.has_base = False

    def references(self) -> Iterator[Reference]:
        for token in tokens(self.content):
            for reference in self.of_tag(token) if isinstance(token, Tag) else self.of_text(token):
                if not _TEMPLATE_LANGUAGE.search(reference.target):
                    yield reference

    # Tags

    def of_tag(self, tag: Tag) -> Iterator[Reference]:
        if not tag.attributes:
            return
        kind = ReferenceKind.HTML_PROVEN if self.value(tag, "integrity") else ReferenceKind.HTML_ATTRIBUTE
        for name in self.loading(tag):
            yield from self.url(self.attribute(tag, name), kind)
        srcset = "" if tag.is_foreign else _SRCSETS.get(tag.name, "")
        if srcset in tag.attributes:
            yield from self.srcset(self.attribute(tag, srcset))
        for name in ("style", *(_SVG_STYLING if tag.is_foreign else ())):
            if name in tag.attributes:
                yield from self.styles(self.attribute(tag, name), "attribute")
        if tag.name == "base" and not (tag.is_foreign or self.has_base) and "href" in tag.attributes:
            base = self.attribute(tag, "href").text
            self.base, self.has_base = _ELSEWHERE if _TEMPLATE_LANGUAGE.search(base) else base, True

    def loading(self, tag: Tag) -> Iterator[str]:
        """Name the attributes of a tag that hold the URL of something that is loaded."""
        if tag.is_foreign:
            names: tuple[str, ...] = ("href", "xlink:href") if tag.name in _SVG_LOADING else ()
        elif tag.name == "link":
            names = ("href",) if LOADING_LINKS & set(self.value(tag, "rel").split()) else ()
        elif tag.name == "input":
            names = ("src",) if self.value(tag, "type") == "image" else ()
        else:
            names = _URLS.get(tag.name, ())
        return (name for name in names if name in tag.attributes)

    def attribute(self, tag: Tag, name: str) -> _Passage:
        return self.passage(*tag.attributes[name], in_attribute=True)

    def value(self, tag: Tag, name: str) -> str:
        """Give what an attribute that is one of a few words says; empty where it is not there."""
        return self.attribute(tag, name).text.strip().lower() if name in tag.attributes else ""

    def passage(self, start: int, end: int, *, in_attribute: bool) -> _Passage:
        raw = self.content[start:end]
        if b"&" not in raw:
            return _Passage(content=raw, start=start)
        parts, positions, at = [], [], 0
        for match in _CHARACTER_REFERENCE.finditer(raw):
            character = _character(match, in_attribute=in_attribute)
            if character is None:
                continue
            end_of_text = match.start()
            parts += [raw[at:end_of_text], character]
            positions += [*range(start + at, start + end_of_text), *[start + end_of_text] * len(character)]
            at = match.end()
        positions += range(start + at, end + 1)
        return _Passage(content=b"".join((*parts, raw[at:])), start=start, positions=tuple(positions))

    # URLs

    def url(self, passage: _Passage, kind: ReferenceKind) -> Iterator[Reference]:
        start = len(passage.content) - len(passage.content.lstrip(_SPACES))
        end = len(passage.content.rstrip(_SPACES))
        yield from self.reference(passage, start, end, kind, "attribute")

    def srcset(self, passage: _Passage) -> Iterator[Reference]:
        """Take the URL of each candidate (HTML standard, section 4.8.4.2.2)."""
        for start, end in _candidates(passage.content):
            yield from self.reference(passage, start, end, ReferenceKind.HTML_SRCSET, "srcset")

    def reference(
        self, passage: _Passage, start: int, end: int, kind: ReferenceKind, within: Within
    ) -> Iterator[Reference]:
        target = passage.content[start:end]
        if target and target[:5].lower() != b"data:":
            yield Reference(
                start=passage.position(start),
                end=passage.position(end),
                target=target.decode("utf-8", "replace"),
                kind=kind,
                delimiter="=",
                within=within,
                base=self.base,
            )

    # Style sheets and scripts

    def styles(self, passage: _Passage, within: Within) -> Iterator[Reference]:
        return self.moved(find_references(passage.content, language="css"), passage, within)

    def moved(
        self, references: list[Reference], passage: _Passage, within: Within = ""
    ) -> Iterator[Reference]:
        for reference in references:
            start, end = passage.position(reference.start), passage.position(reference.end)
            yield replace(reference, start=start, end=end, within=within, base=self.base)

    def of_text(self, text: Text) -> Iterator[Reference]:
        within: Within = "attribute" if text.has_references else ""
        if text.has_references:
            passage = self.passage(text.start, text.end, in_attribute=False)
        else:
            passage = _Passage(content=self.content[text.start : text.end], start=text.start)
        if text.tag.name == "style":
            is_css = self.value(text.tag, "type") in ("", "text/css")
            yield from self.styles(passage, within) if is_css else ()
        elif not {"src", "href", "xlink:href"} & text.tag.attributes.keys():
            yield from self.script(text.tag, passage, within)

    def script(self, tag: Tag, passage: _Passage, within: Within) -> Iterator[Reference]:
        kind = self.value(tag, "type")
        if kind == "importmap":
            yield from self.moved(list(_import_map(passage.content)), passage, within)
        elif kind in ("", "module") or _JAVASCRIPT.fullmatch(kind):
            found = find_references(passage.content, language="js", module=kind == "module")
            yield from self.moved(found, passage, within)


def _character(reference: re.Match[bytes], *, in_attribute: bool) -> bytes | None:
    """Give what a character reference stands for, None where it is none (HTML standard, 13.2.5.72 to 84)."""
    name = reference[0].decode("ascii")
    if in_attribute and name[1] != "#":
        following = reference.string[reference.end() : reference.end() + 1]
        if name[1:] not in html5 or (not name.endswith(";") and following == b"="):
            return None
    character = unescape(name)
    return None if character == name else character.encode("utf-8", "replace")


_CANDIDATE = re.compile(rb"[ \t\n\f\r,]*([^ \t\n\f\r]+)")
_DESCRIPTORS = re.compile(rb"(?:[^,(]+|\([^)]*\)?)*")


def _candidates(content: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    while (match := _CANDIDATE.match(content, position)) is not None:
        url = match[1].rstrip(b",")
        if url:
            yield match.start(1), match.start(1) + len(url)
        position = match.end()
        if len(url) == len(match[1]):
            descriptors = _DESCRIPTORS.match(content, position)
            position = position if descriptors is None else descriptors.end()


_JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}:,]')


def _import_map(content: bytes) -> Iterator[Reference]:
    """Find the URLs of an import map (HTML standard, 8.1.6.2): in its imports, and in those of its scopes."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return  # so does the browser leave it
    keys: list[str] = []
    key, is_key = "", True
    for token in _JSON_TOKEN.finditer(content):
        mark = token[0]
        if mark in (b"{", b"["):
            keys.append(key)
            key, is_key = "", mark == b"{"
        elif mark in (b"}", b"]"):
            keys.pop()
        elif mark in (b":", b","):
            is_key = mark == b","
        elif is_key:
            key = json.loads(mark)
        elif keys == ["", "imports"] or (len(keys) == 3 and keys[1] == "scopes"):
            yield Reference(
                start=token.start() + 1,
                end=token.end() - 1,
                target=json.loads(mark),
                kind=ReferenceKind.JS_IMPORT_MAP,
                delimiter='"',
            )
