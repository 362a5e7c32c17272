"""The tags of a page, and the text of its styles and scripts, each with where its bytes are.

Invariant: a tag is what a browser's tokenizer takes for one (HTML standard, section 13.2.5): a comment, the
text of a title or a script, an attribute that is never closed hold none. No content raises, and none
takes more time than in proportion to its length.

No library gives what a byte-exact edit needs. lexbor (selectolax) and html5lib read as browsers do
and keep no offsets; tree-sitter-html keeps them and reads otherwise: of 821 pages and templates, it missed or
made up tags in 43. So this is a tokenizer of our own, with as much of the tree as decides over tokens:
whether one is in SVG or MathML, where `<style>` and `<title>` are tags like others and `<![CDATA[` is
text. In all of the 821, html5lib finds the very same tags and attributes.
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
    """A start tag: its name, and of each attribute where its value is; names are in lower case.

    ``is_foreign`` tells of one in SVG or MathML.
    """

    name: str
    attributes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    is_foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The text of a style or a script, or a part of it, and the tag that opened that.

    One that ``has_references`` has character references in it, as attributes do: in SVG.
    """

    tag: Tag
    start: int
    end: int
    has_references: bool = False


def tokens(content: bytes) -> list[Tag | Text]:
    """Give the start tags of a page and the texts of its styles and scripts, in order.

    ``content`` is in UTF-8, or in another encoding in which an ASCII byte always means itself.
    """
    return _Tokenizer(content).tokens()


_SPACE = rb"\t\n\f\r "
_COMMENT = re.compile(rb"<!--(?:-?>|[\s\S]*?(?:--!?>|\Z))")
_TAG_NAME = re.compile(rb"[a-zA-Z][^%b/>]*" % _SPACE)
_BEFORE_NAME = re.compile(rb"[%b/]*" % _SPACE)
_ATTRIBUTE_NAME = re.compile(rb"=?[^%b/>=]*" % _SPACE)
_BEFORE_VALUE = re.compile(rb"[%b]*=[%b]*" % (_SPACE, _SPACE))
_UNQUOTED = re.compile(rb"[^%b>]*" % _SPACE)
_CDATA = b"<![CDATA["
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_RAW = frozenset({"style", "xmp", "iframe", "noembed", "noframes", "title", "textarea"})
"""Elements whose text holds no tags, beside scripts; noscript is read as a client without scripts does."""

_INTEGRATION = {
    "svg": frozenset({"foreignobject", "desc", "title"}),
    "math": frozenset({"mi", "mo", "mn", "ms", "mtext"}),
}
"""Elements in which tags are HTML's again, by the root of what they are of."""

_INTEGRATION_ENCODINGS = frozenset({b"text/html", b"application/xhtml+xml"})
"""The encodings of MathML's `<annotation-xml>` that make it one of them."""

_BREAKING_OUT = frozenset(
    {
        *("b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu", "meta"),
        *("nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong", "strike", "sub", "sup"),
        *("table", "tt", "u", "ul", "var"),
    }
)
"""Tags that end SVG and MathML wherever they are (section 13.2.6.5)."""

_FONT_ATTRIBUTES = frozenset({"color", "face", "size"})

# What a script's text ends at, or begins and ends to be like a comment (sections 13.2.5.15 to 31).
_IN_SCRIPT = re.compile(rb"<!--|-->|<(/?)script(?=[%b/>])" % _SPACE, re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """An open element of SVG or MathML, the root of what it is of, and whether tags in it are HTML's."""

    tag: Tag
    root: str
    holds_html: bool


class _Tokenizer:
    """One pass over a page; a method takes the position it starts at and gives where it ends."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)
        # Of SVG and MathML alone. Of HTML's, it is enough to know how many there are of a name.
        self.open: list[_Open] = []
        self.names: Counter[str] = Counter()
        self.html_names: Counter[str] = Counter()
        self.found: list[Tag | Text] = []

    def tokens(self) -> list[Tag | Text]:
        position = 0
        while position < self.length:
            start = self.before(b"<", position)
            self.foreign_text(position, start, has_references=True)
            position = self.markup(start)
        return self.found

    @property
    def is_foreign(self) -> bool:
        """Tell whether a tag is one of SVG or MathML here."""
        return bool(self.open) and not self.open[-1].holds_html

    def foreign_text(self, start: int, end: int, *, has_references: bool) -> None:
        if end > start and self.open and self.open[-1].tag.name in ("style", "script"):
            tag = self.open[-1].tag
            self.found.append(Text(tag=tag, start=start, end=end, has_references=has_references))

    def markup(self, start: int) -> int:
        following = self.content[start + 1 : start + 3]
        if following[:1] in _LETTERS and following:
            return self.start_tag(start + 1)
        if following[:1] == b"/" and following[1:] and following[1:] in _LETTERS:
            return self.end_tag(start + 2)
        if following[:1] not in (b"!", b"?", b"/"):
            return start + 1
        if self.is_foreign and self.content.startswith(_CDATA, start):
            end = self.before(b"]]>", start)
            self.foreign_text(start + len(_CDATA), end, has_references=False)
            return end + len(b"]]>")
        comment = _COMMENT.match(self.content, start)
        return comment.end() if comment is not None else self.before(b">", start) + 1

    def before(self, mark: bytes, start: int) -> int:
        """Find where a mark is; the end of the page where there is none."""
        position = self.content.find(mark, start)
        return self.length if position < 0 else position

    # Tags

    def start_tag(self, start: int) -> int:
        name, position = self.tag_name(start)
        attributes: dict[str, tuple[int, int]] = {}
        end, is_closed = self.attributes(position, attributes)
        if end is None:
            return self.length
        if self.is_foreign and _breaks_out(name, attributes):
            self.leave_foreign()
        is_foreign = self.is_foreign or name in _INTEGRATION
        tag = Tag(name=name, attributes=attributes, is_foreign=is_foreign)
        self.found.append(tag)
        if not is_foreign:
            self.html_names[name] += 1
            return self.text(tag, end)
        if not is_closed:
            self.enter(tag)
        return end

    def tag_name(self, start: int) -> tuple[str, int]:
        end = _end(_TAG_NAME, self.content, start)
        return self.content[start:end].decode("utf-8", "replace").lower(), end

    def attributes(self, start: int, found: dict[str, tuple[int, int]]) -> tuple[int | None, bool]:
        """Read attributes up to the end of the tag: of one name, the first counts.

        Gives where the tag ends, None where it never does, and whether it closes itself.
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
            value, position = self.value(name_end)
            if value is None:
                return None, False
            found.setdefault(name, value)

    def value(self, start: int) -> tuple[tuple[int, int] | None, int]:
        """Read the value that may follow a name: where it is, and where what follows it is."""
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

    def end_tag(self, start: int) -> int:
        name, position = self.tag_name(start)
        end, _ = self.attributes(position, {})
        if end is None:
            return self.length
        if self.names[name]:
            while self.leave() != name:
                pass
        elif self.html_names[name] or name in ("p", "br"):
            self.html_names[name] -= 1
            self.leave_foreign()
        return end

    # SVG and MathML

    def enter(self, tag: Tag) -> None:
        root = self.open[-1].root if self.is_foreign else tag.name
        holds_html = tag.name in _INTEGRATION[root] or self.is_html_annotation(tag)
        self.open.append(_Open(tag=tag, root=root, holds_html=holds_html))
        self.names[tag.name] += 1

    def is_html_annotation(self, tag: Tag) -> bool:
        start, end = tag.attributes.get("encoding", (0, 0))
        return tag.name == "annotation-xml" and self.content[start:end].lower() in _INTEGRATION_ENCODINGS

    def leave(self) -> str:
        name = self.open.pop().tag.name
        self.names[name] -= 1
        return name

    def leave_foreign(self) -> None:
        while self.is_foreign:
            self.leave()

    # Texts

    def text(self, tag: Tag, start: int) -> int:
        """Pass over the text of an element that holds no tags."""
        if tag.name == "plaintext":
            return self.length
        if tag.name != "script" and tag.name not in _RAW:
            return start
        end = self.script_end(start) if tag.name == "script" else self.raw_end(tag.name, start)
        if tag.name == "style" or (tag.name == "script" and end < self.length):
            self.found.append(Text(tag=tag, start=start, end=end))
        return end

    def raw_end(self, name: str, start: int) -> int:
        match = _end_tag(name).search(self.content, start)
        return self.length if match is None else match.start()

    def script_end(self, start: int) -> int:
        """Find where a script ends: not at a `</script>` that has a `<script>` before it in a comment."""
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
    assert match is not None, "it matches nothing at all too, or was looked at before"
    return match.end()


@functools.cache
def _end_tag(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"</%b(?=[%b/>])" % (name.encode(), _SPACE), re.IGNORECASE)


def _breaks_out(name: str, attributes: Mapping[str, tuple[int, int]]) -> bool:
    return name in _BREAKING_OUT or (name == "font" and not _FONT_ATTRIBUTES.isdisjoint(attributes))
