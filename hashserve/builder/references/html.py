"""The references in a page: the URLs of what a browser loads for it.

Invariant: what a page loads is found; where it leads is not. An image, a style sheet or a script is part of
the page and must be of the same release. A link, a form or a frame leads to another page, whose address
people keep and search engines know: that page keeps its name.

Found:
* attributes that the HTML standard lists as URLs and that a browser loads by itself: ``src`` (of ``<input>``
  only with ``type=image``), ``srcset``, ``imagesrcset``, ``poster``, ``data``, and ``href`` of a ``<link>``
  with one of `LOADING_LINKS`;
* ``href`` and ``xlink:href`` of SVG's images, scripts and ``<use>``;
* ``background``, which is obsolete and which browsers still load;
* style sheets in ``<style>``, in ``style``, and in attributes of SVG that take ``url()``;
* scripts in ``<script>`` (all references of a module, ``import()`` of a classic script) and import maps;
* all of that in ``<template>`` and ``<noscript>`` too, which scripts or browsers without scripts use.

Not found:
* ``href`` of ``<a>``, ``<area>`` and links such as canonical or alternate; ``action``, ``cite``, ``ping``;
* ``<meta>``, because others fetch what it names (``og:image``) and keep that address for years;
* ``srcdoc``, comments, and URLs that a template language makes (``{{ url }}``).

A URL that names a page is found in a frame or an object, but `hashserve.builder.references.resolver` leaves
it as it is. Pages are read as UTF-8, which is the encoding that HashServe sends them with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from html.entities import html5

from hashserve.builder.references.css import find_css_references
from hashserve.builder.references.html_tokens import Tag, Text, tokens
from hashserve.builder.references.javascript import find_javascript_references
from hashserve.builder.references.reference import HtmlContext, Reference, ReferenceKind

__all__ = ["LOADING_LINKS", "find_page_references"]

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
"""The relations of a ``<link>`` whose target is loaded for the page (HTML standard, section 4.6.7)."""

# HTML standard, index of attributes; ``background`` is obsolete (section 16.2).
_TABLE = ("table", "thead", "tbody", "tfoot", "tr", "td", "th")
_WITH_SRC = ("audio", "embed", "frame", "iframe", "img", "script", "source", "track", "video")
_URL_ATTRIBUTES = {
    **dict.fromkeys(_WITH_SRC, ("src",)),
    **dict.fromkeys(("body", *_TABLE), ("background",)),
    "video": ("src", "poster"),
    "object": ("data",),
}
_SRCSET_ATTRIBUTES = {"img": "srcset", "source": "srcset", "link": "imagesrcset"}
_SVG_LOADING = frozenset({"feimage", "image", "script", "use"})
# Presentation attributes that take ``url()`` (SVG 2, section 6.6).
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
_JAVASCRIPT_TYPE = re.compile(
    r"(?:application|text)/(?:x-)?(?:ecma|java)script|text/javascript1\.[0-5]|text/(?:j|live)script"
)

_SPACES = b" \t\n\f\r"
_CHARACTER_REFERENCE = re.compile(rb"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[a-zA-Z][a-zA-Z0-9]*;?)")
# The brackets of expressions in Django, Jinja, Vue, ERB, EJS, PHP and JavaScript templates.
_TEMPLATE_EXPRESSION = re.compile(r"\{\{|\{%|\{#|[$#]\{|<%|<\?")

_UNKNOWN_BASE = "about:blank"
"""A base against which every relative URL is outside of the tree."""


def find_page_references(content: bytes) -> list[Reference]:
    """Find the references in a page, in order; they never overlap. No content raises an error."""
    return sorted(_PageReferences(content).references(), key=lambda reference: reference.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passage:
    """A part of a page with its character references resolved, and the position of each byte in the page.

    ``positions`` is empty if there are no character references: then the bytes are those from ``start`` on.
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
    """One pass over a page; ``base`` is that of its first ``<base href>``, "" before that tag."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.base = ""
        self.has_base = False

    def references(self) -> Iterator[Reference]:
        for token in tokens(self.content):
            for reference in self.in_tag(token) if isinstance(token, Tag) else self.in_text(token):
                if not _TEMPLATE_EXPRESSION.search(reference.target):
                    yield reference

    # Tags

    def in_tag(self, tag: Tag) -> Iterator[Reference]:
        if not tag.attributes:
            return
        has_integrity = bool(self.words(tag, "integrity"))
        kind = ReferenceKind.HTML_WITH_INTEGRITY if has_integrity else ReferenceKind.HTML_ATTRIBUTE
        for name in self.loaded_attributes(tag):
            yield from self.in_url_attribute(self.attribute(tag, name), kind)
        srcset = "" if tag.is_foreign else _SRCSET_ATTRIBUTES.get(tag.name, "")
        if srcset in tag.attributes:
            yield from self.in_srcset(self.attribute(tag, srcset))
        for name in ("style", *(_SVG_STYLING if tag.is_foreign else ())):
            if name in tag.attributes:
                yield from self.in_style_sheet(self.attribute(tag, name), "attribute")
        if tag.name == "base" and not (tag.is_foreign or self.has_base) and "href" in tag.attributes:
            base = self.attribute(tag, "href").text
            self.base, self.has_base = _UNKNOWN_BASE if _TEMPLATE_EXPRESSION.search(base) else base, True

    def loaded_attributes(self, tag: Tag) -> Iterator[str]:
        """Return the names of the attributes whose URL is loaded."""
        if tag.is_foreign:
            names: tuple[str, ...] = ("href", "xlink:href") if tag.name in _SVG_LOADING else ()
        elif tag.name == "link":
            names = ("href",) if LOADING_LINKS & set(self.words(tag, "rel").split()) else ()
        elif tag.name == "input":
            names = ("src",) if self.words(tag, "type") == "image" else ()
        else:
            names = _URL_ATTRIBUTES.get(tag.name, ())
        return (name for name in names if name in tag.attributes)

    def attribute(self, tag: Tag, name: str) -> _Passage:
        return self.passage(*tag.attributes[name], in_attribute=True)

    def words(self, tag: Tag, name: str) -> str:
        """Return the value of an attribute as lower-case words; "" if the tag does not have it."""
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

    def in_url_attribute(self, passage: _Passage, kind: ReferenceKind) -> Iterator[Reference]:
        start = len(passage.content) - len(passage.content.lstrip(_SPACES))
        end = len(passage.content.rstrip(_SPACES))
        yield from self.reference(passage, start, end, kind, "attribute")

    def in_srcset(self, passage: _Passage) -> Iterator[Reference]:
        """Yield the URL of each candidate (HTML standard, section 4.8.4.2.2)."""
        for start, end in _candidates(passage.content):
            yield from self.reference(passage, start, end, ReferenceKind.HTML_SRCSET, "srcset")

    def reference(
        self, passage: _Passage, start: int, end: int, kind: ReferenceKind, context: HtmlContext
    ) -> Iterator[Reference]:
        target = passage.content[start:end]
        if target and target[:5].lower() != b"data:":
            yield Reference(
                start=passage.position(start),
                end=passage.position(end),
                target=target.decode("utf-8", "replace"),
                kind=kind,
                delimiter="=",
                html_context=context,
                base=self.base,
            )

    # Style sheets and scripts

    def in_style_sheet(self, passage: _Passage, context: HtmlContext) -> Iterator[Reference]:
        return self.placed_in_page(find_css_references(passage.content), passage, context)

    def placed_in_page(
        self, references: list[Reference], passage: _Passage, context: HtmlContext = ""
    ) -> Iterator[Reference]:
        for reference in references:
            start, end = passage.position(reference.start), passage.position(reference.end)
            yield replace(reference, start=start, end=end, html_context=context, base=self.base)

    def in_text(self, text: Text) -> Iterator[Reference]:
        context: HtmlContext = "attribute" if text.has_character_references else ""
        if text.has_character_references:
            passage = self.passage(text.start, text.end, in_attribute=False)
        else:
            passage = _Passage(content=self.content[text.start : text.end], start=text.start)
        if text.tag.name == "style":
            is_css = self.words(text.tag, "type") in ("", "text/css")
            yield from self.in_style_sheet(passage, context) if is_css else ()
        elif not {"src", "href", "xlink:href"} & text.tag.attributes.keys():
            yield from self.in_script(text.tag, passage, context)

    def in_script(self, tag: Tag, passage: _Passage, context: HtmlContext) -> Iterator[Reference]:
        kind = self.words(tag, "type")
        if kind == "importmap":
            yield from self.placed_in_page(list(_import_map(passage.content)), passage, context)
        elif kind in ("", "module") or _JAVASCRIPT_TYPE.fullmatch(kind):
            found = find_javascript_references(passage.content, module=kind == "module")
            yield from self.placed_in_page(found, passage, context)


def _character(reference: re.Match[bytes], *, in_attribute: bool) -> bytes | None:
    """Return the character of a character reference, None if the text is not one.

    See the HTML standard, sections 13.2.5.72 to 13.2.5.84.
    """
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
    """Find the URLs in the imports and the scopes of an import map (HTML standard, section 8.1.6.2)."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return  # browsers ignore such a map too
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
