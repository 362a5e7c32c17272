"""The references in a style sheet.

Invariant: a reference is what a browser would fetch. Comments, strings and conditions hold none; no content
raises an error; every search is linear in the length of the content.

The tokens are those of CSS Syntax Level 3, section 4, but the search stops only at tokens that matter.
tree-sitter-css 0.25 reported errors in 17 of 50 real style sheets (Bootstrap, Font Awesome and Django's
admin among them) at 8 MB/s. tinycss2 returns no byte offsets and reads 1.4 MB/s. This code agrees with
tinycss2 on every reference in 143 style sheets, and reads 80 MB/s.
"""

from __future__ import annotations

import codecs
import re

from hashserve.builder.references.reference import Delimiter, Reference, ReferenceKind, names_a_file
from hashserve.builder.references.source_maps import SOURCE_MAP_MARK, source_map_in

__all__ = ["find_css_references"]


def find_css_references(content: bytes) -> list[Reference]:
    """Find the references in a style sheet, in order; they never overlap.

    The encoding is that of ``@charset``, else UTF-8; bytes that are not in it are read as U+FFFD. In UTF-16
    nothing is found.
    """
    return _Stylesheet(content).references()


# Tokens, named as in CSS Syntax Level 3, section 4. No pattern backtracks: nothing that can fail follows a
# repetition. What must follow one is matched separately.

# Section 4.3.2, comment. Without an end, it reaches to the end of the file.
_COMMENT = rb"/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)?"
# Section 4.3.7, escaped code point.
_HEX = rb"[0-9a-fA-F]{1,6}(?:\r\n|[ \t\n\r\f])?"
# Section 4.3.5, string-token; or bad-string-token, which ends before its line does.
_STRING_ESCAPE = rb"\\(?:%b|\r\n|[\s\S]|\Z)" % _HEX
_STRING = rb"\"(?:[^\"\\\n\r\f]+|%b)*\"?|'(?:[^'\\\n\r\f]+|%b)*'?" % (_STRING_ESCAPE, _STRING_ESCAPE)
# Section 4.3.8, escape outside of a string.
_ESCAPE = rb"\\(?:%b|[^\n\r\f0-9a-fA-F]|\Z)" % _HEX
# Section 4.3.11, ident sequence.
_LETTER = rb"[-\w\x80-\xff]"
# The rest of a name from its first escape on, and the parenthesis that makes it a function.
_ESCAPED_NAME = rb"%b(?:%b|%b)*(\()?" % (_ESCAPE, _LETTER, _ESCAPE)
# at-keyword-token, and the parenthesis that may follow, which does not make it a function.
_AT_KEYWORD = rb"@(?:%b|%b)+(\()?" % (_LETTER, _ESCAPE)
# The parenthesis of url(, src( and image-set(: only the three letters before it are compared.
_OPENING = rb"\((?<=[uU][rR][lL]\(|[sS][rR][cC]\(|[sS][eE][tT]\()"
# Each alternative starts with a literal byte, so that the search skips everything else at full speed.
_TOKENS = b"|".join((_COMMENT, _STRING, _ESCAPED_NAME, _AT_KEYWORD, _OPENING))
_TOKEN = re.compile(_TOKENS)
_TOKEN_OR_BRACKET = re.compile(_TOKENS + rb"|[][(){};,]")

_SPACE_BEFORE_STRING = re.compile(rb"[ \t\n\r\f]*(?=[\"'])")
_SPACE = re.compile(rb"[ \t\n\r\f]*")
_SPACE_AND_COMMENTS = re.compile(rb"(?:[ \t\n\r\f]+|%b)*" % _COMMENT)
_STRING_TOKEN = re.compile(_STRING)
_NAME = re.compile(rb"((?:%b|%b)*)(\()?" % (_LETTER, _ESCAPE))
# Section 4.3.6, the text of a url-token.
_URL_TEXT = re.compile(rb"(?:[^\"'()\\\x01-\x20\x7f]+|%b)*" % _ESCAPE)
# Section 4.3.14, the remnants of a bad url, with the parenthesis that ends them.
_BAD_URL = re.compile(rb"(?:[^)\\]+|\\[\s\S]?)*\)?")
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f]|\Z)|([\s\S]))")

# Section 3.2; only encodings in which an ASCII byte always means itself.
_CHARSET = re.compile(rb'@charset "((?:iso-?8859|windows|koi8)-\w{1,4})";', re.IGNORECASE)

_SLASH, _AT = b"/@"
_QUOTES = b"\"'"
_FUNCTION_STARTS = b"(\\"
_LETTERS = bytes(byte for byte in range(256) if re.match(_LETTER, bytes((byte,))))
_DEPTH_CHANGES = {b"(": 1, b"[": 1, b"{": 1, b")": -1, b"]": -1, b"}": -1}
_PRELUDE_ENDS = frozenset({b";", b"{", b"}", b")", b"]"})

# CSS Values Level 4, section 4.5.
_URL_FUNCTIONS = {"url": ReferenceKind.CSS_URL, "src": ReferenceKind.CSS_SRC}
# CSS Images Level 4, and the prefixed name that browsers keep.
_IMAGE_SETS = frozenset({"image-set", "-webkit-image-set"})
_LONGEST_FUNCTION_NAME = len("-webkit-image-set")
_AT_RULES_THAT_FETCH_NOTHING = frozenset({"container", "document", "-moz-document", "namespace", "supports"})
"""At-rules whose prelude (the text before the block or semicolon) may hold URLs that no browser fetches."""


class _Stylesheet:
    """One pass over a style sheet. A ``consume_`` method takes a position and returns where it stops.

    No method calls itself, however deeply brackets nest; a depth is the number of open brackets.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.first = 3 if content.startswith(codecs.BOM_UTF8) else 0
        self.encoding = _encoding(content)
        self.has_source_map = SOURCE_MAP_MARK in content
        self.found: list[Reference] = []

    def references(self) -> list[Reference]:
        position = self.first
        while (token := _TOKEN.search(self.content, position)) is not None:
            position = self.consume_token(token)
        return self.found

    def consume_token(self, token: re.Match[bytes]) -> int:
        """Consume a token that is neither in ``image-set()`` nor in the prelude of an at-rule."""
        if self.content[token.start()] == _AT:
            return self.consume_at_rule(token)
        name = self.function_name(token)
        if name in _IMAGE_SETS:
            return self.consume_image_set(token.end())
        return self.consume_plain(token, name)[0]

    def consume_plain(self, token: re.Match[bytes], name: str) -> tuple[int, int]:
        """Consume a token that means the same everywhere; return also how it changes the depth."""
        start, end = token.span()
        if name in _URL_FUNCTIONS:
            return self.consume_url_function(name, end, _URL_FUNCTIONS[name])
        if self.content[start] == _SLASH and self.has_source_map:
            source_map = source_map_in(self.content, start, end)
            self.found += [] if source_map is None else [source_map]
        return end, 1 if token.lastindex else _DEPTH_CHANGES.get(token[0], 0)

    def function_name(self, token: re.Match[bytes]) -> str:
        """Return the name of the function that a token opens, in lower case; "" if it opens none.

        The token starts at the first escape of the name or at its parenthesis: letters may precede it.
        """
        start, end = token.span()
        if self.content[start] not in _FUNCTION_STARTS or (token.lastindex is None and token[0] != b"("):
            return ""
        first = max(self.first, start - _LONGEST_FUNCTION_NAME - 5)
        window = self.content[first:start]
        letters = len(window.rstrip(_LETTERS))
        before = window[:letters]
        if before.endswith((b"#", b"@")):
            return ""
        if before.endswith(b"<!") and not before.endswith(b"\\<!") and window.startswith(b"--", letters):
            letters += 2  # CDO-token
        return self.unescaped(first + letters, end - 1).lower()

    def consume_url_function(self, name: str, start: int, kind: ReferenceKind) -> tuple[int, int]:
        """Consume the argument of ``url(`` or ``src(``; return also how it changes the depth.

        Only ``url`` takes an argument without quotes.
        """
        if name == "src":
            return self.consume_string(_end(_SPACE_AND_COMMENTS, self.content, start), kind), 1
        quoted = _SPACE_BEFORE_STRING.match(self.content, start)
        if quoted is not None:
            return self.consume_string(quoted.end(), kind), 1
        return self.consume_unquoted_url(_end(_SPACE, self.content, start), kind), 0

    def consume_unquoted_url(self, start: int, kind: ReferenceKind) -> int:
        """Consume a url-token (section 4.3.6), or the remnants of a bad url (section 4.3.14)."""
        end = _end(_URL_TEXT, self.content, start)
        after = _end(_SPACE, self.content, end)
        if after < len(self.content) and self.content[after : after + 1] != b")":
            return _end(_BAD_URL, self.content, end)
        self.add(start, end, kind, "")
        return after + 1

    def consume_string(self, start: int, kind: ReferenceKind) -> int:
        """Consume the string at a position, if there is one: a reference, unless its line ends first."""
        token = _STRING_TOKEN.match(self.content, start)
        if token is None:
            return start
        quote, end = self.content[start : start + 1], token.end()
        closed = _is_closed(token[0])
        if closed or end == len(self.content):
            self.add(start + 1, end - closed, kind, '"' if quote == b'"' else "'")
        return end

    def consume_image_set(self, start: int) -> int:
        """Consume ``image-set()``: a string that starts an option is an image.

        A deeper string, as in ``type("image/avif")``, is not.
        """
        position, depth, starts_option = start, 1, True
        while depth and (token := _TOKEN_OR_BRACKET.search(self.content, position)) is not None:
            starts_option = starts_option and _end(_SPACE, self.content, position) >= token.start()
            if starts_option and token[0][0] in _QUOTES:
                position = self.consume_string(token.start(), ReferenceKind.CSS_IMAGE_SET)
            else:
                position, change = self.consume_plain(token, self.function_name(token))
                depth += change
            is_comment = token[0][0] == _SLASH
            starts_option = depth == 1 and (token[0] == b"," or (starts_option and is_comment))
        return len(self.content) if depth else position

    def consume_at_rule(self, token: re.Match[bytes]) -> int:
        end = token.end() if token.lastindex is None else token.start(token.lastindex)
        name = self.unescaped(token.start() + 1, end).lower()
        if name == "import":
            return self.consume_prelude(*self.consume_import(_end(_SPACE_AND_COMMENTS, self.content, end)))
        return self.consume_prelude(end, 0) if name in _AT_RULES_THAT_FETCH_NOTHING else token.end()

    def consume_import(self, start: int) -> tuple[int, int]:
        """Consume the string or the ``url()`` after ``@import``; return also how it changes the depth.

        See CSS Cascading and Inheritance Level 5, section 2.
        """
        function = _NAME.match(self.content, start)
        if function is None or function[2] is None:
            return self.consume_string(start, ReferenceKind.CSS_IMPORT), 0
        name = self.unescaped(*function.span(1)).lower()
        if name not in _URL_FUNCTIONS:
            return start, 0
        return self.consume_url_function(name, function.end(), ReferenceKind.CSS_IMPORT)

    def consume_prelude(self, start: int, depth: int) -> int:
        """Consume the rest of an at-rule before its block or semicolon; drop the references in it."""
        position, found = start, len(self.found)
        while (token := _TOKEN_OR_BRACKET.search(self.content, position)) is not None:
            if not depth and token[0] in _PRELUDE_ENDS:
                break
            position, change = self.consume_plain(token, self.function_name(token))
            depth += change
        del self.found[found:]
        return position

    def unescaped(self, start: int, end: int) -> str:
        return _ESCAPED.sub(_character, self.content[start:end].decode(self.encoding, "replace"))

    def add(self, start: int, end: int, kind: ReferenceKind, delimiter: Delimiter) -> None:
        if self.content[start : start + 5].lower() == b"data:":
            return  # compared before decoding, because such URLs are long
        target = self.unescaped(start, end)
        if names_a_file(target):
            self.found.append(Reference(start=start, end=end, target=target, kind=kind, delimiter=delimiter))


def _end(pattern: re.Pattern[bytes], content: bytes, start: int) -> int:
    match = pattern.match(content, start)
    return start if match is None else match.end()


def _is_closed(string: bytes) -> bool:
    """Whether a string token ends with its own quote, and that quote is not escaped."""
    body = string[1:-1]
    return len(string) > 1 and string[-1] == string[0] and not (len(body) - len(body.rstrip(b"\\"))) % 2


def _encoding(content: bytes) -> str:
    match = _CHARSET.match(content)
    label = match[1].decode().lower() if match else "utf-8"
    try:
        "".encode(label)
    except LookupError:
        return "utf-8"
    return label


def _character(escape: re.Match[str]) -> str:
    """Return what an escape stands for (section 4.3.7): "" for an escaped line break."""
    digits, _, character = escape.groups()
    if not digits:
        return character or ""
    code = int(digits, 16)
    is_scalar = 0 < code <= 0x10FFFF and not 0xD800 <= code < 0xE000
    return chr(code) if is_scalar else "\ufffd"
