"""The tokens of a page: its start tags, and the text of its styles and scripts, each with its position.

Invariant: a tag is what a browser's tokenizer takes for one (HTML standard, section 13.2.5). Comments, the
text of a title or a script, and attributes that are never closed hold none. No content raises an error,
and the work is linear in the length of the page.

No library has what an edit of single bytes needs. lexbor (selectolax) and html5lib read like browsers but
keep no offsets. tree-sitter-html keeps offsets but reads differently: in 43 of 821 pages and templates it
missed or invented tags. This tokenizer tracks only the part of the tree that changes tokens: in SVG and
MathML, `<style>` and `<title>` are ordinary tags and `<![CDATA[` is text. In all 821 files, html5lib finds
the same tags and attributes.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Tag", "Text", "tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A start tag, with the start and end of each attribute's value. Names are in lower case.

    ``is_foreign`` is true in SVG and MathML.
    """

    name: str
    attributes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    is_foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The text of a style or a script, or a part of it, and the tag that opened the element.

    ``has_character_references`` is true in SVG, where they are resolved as in attributes.
    """

    tag: Tag
    start: int
    end: int
    has_character_references: bool = False


def tokens(content: bytes) -> list[Tag | Text]:
    """Return the start tags of a page and the texts of its styles and scripts, in order.

    ``content`` must be in UTF-8, or in another encoding in which an ASCII byte always means itself.
    """
    return _Tokenizer(content).tokens()


_SPACE = rb"\t\n\f\r "
# Sections 13.2.5.43 to 52: comments.
_COMMENT = re.compile(rb"<!--(?:-?>|[\s\S]*?(?:--!?>|\Z))")
# Sections 13.2.5.8 and 13.2.5.32 to 40: tag names, attribute names and values.
_TAG_NAME = re.compile(rb"[a-zA-Z][^%b/>]*" % _SPACE)
_BEFORE_NAME = re.compile(rb"[%b/]*" % _SPACE)
_ATTRIBUTE_NAME = re.compile(rb"=?[^%b/>=]*" % _SPACE)
_BEFORE_VALUE = re.compile(rb"[%b]*=[%b]*" % (_SPACE, _SPACE))
_UNQUOTED = re.compile(rb"[^%b>]*" % _SPACE)
_CDATA = b"<![CDATA["
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_RAW_TEXT = frozenset({"style", "xmp", "iframe", "noembed", "noframes", "title", "textarea"})
"""Elements whose text holds no tags, in addition to scripts (section 13.2.6.2).

``<noscript>`` is not among them: it is read as by a browser without scripts.
"""

_INTEGRATION_POINTS = {
    "svg": frozenset({"foreignobject", "desc", "title"}),
    "math": frozenset({"mi", "mo", "mn", "ms", "mtext"}),
}
"""Elements of SVG and MathML, by their root, in which tags are HTML again (section 13.2.6)."""

_INTEGRATION_ENCODINGS = frozenset({b"text/html", b"application/xhtml+xml"})
"""The encodings that make MathML's `<annotation-xml>` an integration point."""

_ENDING_FOREIGN = frozenset(
    {
        *("b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu", "meta"),
        *("nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong", "strike", "sub", "sup"),
        *("table", "tt", "u", "ul", "var"),
    }
)
"""Tags that end SVG and MathML wherever they stand (section 13.2.6.5)."""

_FONT_ATTRIBUTES = frozenset({"color", "face", "size"})
"""Attributes with which `<font>` is such a tag."""

# What ends the text of a script, and what starts and ends a comment in it (sections 13.2.5.15 to 31).
_IN_SCRIPT = re.compile(rb"<!--|-->|<(/?)script(?=[%b/>])" % _SPACE, re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenElement:
    """An open element of SVG or MathML, its root, and whether the tags in it are HTML."""

    tag: Tag
    root: str
    holds_html: bool


class _Tokenizer:
    """One pass over a page. A method takes a position and returns where it stops."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)
        # Open elements of SVG and MathML. For HTML, the number of open elements by name is enough.
        self.open: list[_OpenElement] = []
        self.open_names: Counter[str] = Counter()
        self.open_html_names: Counter[str] = Counter()
        self.found: list[Tag | Text] = []

    def tokens(self) -> list[Tag | Text]:
        position = 0
        while position < self.length:
            start = self.find(b"<", position)
            self.add_foreign_text(position, start, has_character_references=True)
            position = self.consume_markup(start)
        return self.found

    @property
    def is_foreign(self) -> bool:
        """Whether a tag at this position is one of SVG or MathML."""
        return bool(self.open) and not self.open[-1].holds_html

    def add_foreign_text(self, start: int, end: int, *, has_character_references: bool) -> None:
        if end > start and self.open and self.open[-1].tag.name in ("style", "script"):
            tag = self.open[-1].tag
            self.found.append(
                Text(tag=tag, start=start, end=end, has_character_references=has_character_references)
            )

    def consume_markup(self, start: int) -> int:
        following = self.content[start + 1 : start + 3]
        if following[:1] in _LETTERS and following:
            return self.consume_start_tag(start + 1)
        if following[:1] == b"/" and following[1:] and following[1:] in _LETTERS:
            return self.consume_end_tag(start + 2)
        if following[:1] not in (b"!", b"?", b"/"):
            return start + 1
        if self.is_foreign and self.content.startswith(_CDATA, start):
            end = self.find(b"]]>", start)
            self.add_foreign_text(start + len(_CDATA), end, has_character_references=False)
            return end + len(b"]]>")
        comment = _COMMENT.match(self.content, start)
        return comment.end() if comment is not None else self.find(b">", start) + 1

    def find(self, mark: bytes, start: int) -> int:
        """Return the position of the next mark, or the end of the page if there is none."""
        position = self.content.find(mark, start)
        return self.length if position < 0 else position

    # Tags

    def consume_start_tag(self, start: int) -> int:
        name, position = self.consume_tag_name(start)
        attributes: dict[str, tuple[int, int]] = {}
        end, is_closed = self.consume_attributes(position, attributes)
        if end is None:
            return self.length
        if self.is_foreign and _ends_foreign(name, attributes):
            self.leave_foreign_elements()
        is_foreign = self.is_foreign or name in _INTEGRATION_POINTS
        tag = Tag(name=name, attributes=attributes, is_foreign=is_foreign)
        self.found.append(tag)
        if not is_foreign:
            self.open_html_names[name] += 1
            return self.consume_text(tag, end)
        if not is_closed:
            self.enter(tag)
        return end

    def consume_tag_name(self, start: int) -> tuple[str, int]:
        end = _end(_TAG_NAME, self.content, start)
        return self.content[start:end].decode("utf-8", "replace").lower(), end

    def consume_attributes(self, start: int, found: dict[str, tuple[int, int]]) -> tuple[int | None, bool]:
        """Read attributes up to the end of the tag; of two with one name, the first counts.

        Return where the tag ends, None if it never ends, and whether it closes itself.
        """
        position = start
        while True:
            before, position = position, _end(_BEFORE_NAME, self.content, position)
            if position == self.length:
                return None, False
            if self.content[position] == ord(">"):
                return position + 1, position > before and self.content[position - 1] == ord("/")
            name_end = _end(_ATTRIBUTE_NAME, self.content, position)
            name = self.content[position:name_end].decode("utf-8", "replace").lower()
            value, position = self.consume_value(name_end)
            if value is None:
                return None, False
            found.setdefault(name, value)

    def consume_value(self, start: int) -> tuple[tuple[int, int] | None, int]:
        """Read the value that may follow a name; return its start and end, and where to go on."""
        equals = _BEFORE_VALUE.match(self.content, start)
        if equals is None:
            return (start, start), start
        position = equals.end()
        quote = self.content[position : position + 1]
        if quote in (b'"', b"'"):
            end = self.content.find(quote, position + 1)
            return ((position + 1, end), end + 1) if end >= 0 else (None, self.length)
        end = _end(_UNQUOTED, self.content, position)
        return (position, end), end

    def consume_end_tag(self, start: int) -> int:
        name, position = self.consume_tag_name(start)
        end, _ = self.consume_attributes(position, {})
        if end is None:
            return self.length
        if self.open_names[name]:
            while self.leave() != name:
                pass
        elif self.open_html_names[name] or name in ("p", "br"):
            self.open_html_names[name] -= 1
            self.leave_foreign_elements()
        return end

    # SVG and MathML

    def enter(self, tag: Tag) -> None:
        root = self.open[-1].root if self.is_foreign else tag.name
        holds_html = tag.name in _INTEGRATION_POINTS[root] or self.is_html_annotation(tag)
        self.open.append(_OpenElement(tag=tag, root=root, holds_html=holds_html))
        self.open_names[tag.name] += 1

    def is_html_annotation(self, tag: Tag) -> bool:
        start, end = tag.attributes.get("encoding", (0, 0))
        return tag.name == "annotation-xml" and self.content[start:end].lower() in _INTEGRATION_ENCODINGS

    def leave(self) -> str:
        name = self.open.pop().tag.name
        self.open_names[name] -= 1
        return name

    def leave_foreign_elements(self) -> None:
        while self.is_foreign:
            self.leave()

    # Texts

    def consume_text(self, tag: Tag, start: int) -> int:
        """Skip the text of an element that holds no tags."""
        if tag.name == "plaintext":
            return self.length
        if tag.name != "script" and tag.name not in _RAW_TEXT:
            return start
        end = self.script_end(start) if tag.name == "script" else self.raw_text_end(tag.name, start)
        if tag.name == "style" or (tag.name == "script" and end < self.length):
            self.found.append(Text(tag=tag, start=start, end=end))
        return end

    def raw_text_end(self, name: str, start: int) -> int:
        match = _end_tag(name).search(self.content, start)
        return self.length if match is None else match.start()

    def script_end(self, start: int) -> int:
        """Return where a script ends: not at a `</script>` after a `<script>` in the same comment."""
        position, in_comment, in_script = start, False, False
        while (match := _IN_SCRIPT.search(self.content, position)) is not None:
            position = match.end()
            if match[0] == b"<!--":
                in_comment, position = True, match.start() + len(b"<!")
            elif match[0] == b"-->":
                in_comment = in_script = False
            elif match[1] and not in_script:
                return match.start()
            else:
                in_script = in_comment and not match[1]
        return self.length


def _end(pattern: re.Pattern[bytes], content: bytes, start: int) -> int:
    match = pattern.match(content, start)
    assert match is not None, "the pattern can match nothing, or the caller has looked at the first byte"
    return match.end()


@functools.cache
def _end_tag(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"</%b(?=[%b/>])" % (name.encode(), _SPACE), re.IGNORECASE)


def _ends_foreign(name: str, attributes: Mapping[str, tuple[int, int]]) -> bool:
    return name in _ENDING_FOREIGN or (name == "font" and not _FONT_ATTRIBUTES.isdisjoint(attributes))
