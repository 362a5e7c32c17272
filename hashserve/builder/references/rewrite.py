"""Rewriting: the content of a file with new URLs in its references.

Invariant: only the bytes of references change. In its language and its place, the new text means exactly the
new URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from hashserve.builder.references.reference import Reference, ReferenceKind

__all__ = ["Frame", "rewrite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A new spelling of the construct around a reference.

    ``content[start:end]`` becomes ``before``, the URL, ``after``. There the URL is in double quotes or in a
    comment.
    """

    start: int
    end: int
    before: bytes
    after: bytes


# Characters that are not URL code points (URL Standard, section 4.3). They are percent-encoded, as browsers
# do, so that they need no escape. Apostrophes, parentheses and asterisks are URL code points.
_NO_URL_CHARACTERS = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")

# Characters that would end the URL, by its delimiter. In CSS and JavaScript, a backslash makes them ordinary.
# Comments have no escapes, so an asterisk is percent-encoded there.
_ESCAPED = {"": re.compile(r"[()']"), "'": re.compile("'")}

# In a srcset, a comma at the start or the end of a URL would separate candidates.
_END_COMMA = re.compile(r"\A,|,\Z")

# Parts of a URL, and the characters that would change it if they were decoded: delimiters, what a string or
# a comment cannot hold, and bytes that are not UTF-8.
_SUFFIX = re.compile(r"[?#]")
_CHANGES_PATH = re.compile(r'[%#?"\\\x00-\x1f\x7f\ufffd]')
_CHANGES_SUFFIX = re.compile(r'[%#&+=;"\\\x00-\x1f\x7f\ufffd]')
_ESCAPED_OR_UNQUOTABLE = re.compile(r'(?:%[0-9A-Fa-f]{2})+|["\\\x00-\x1f\x7f]')
_ENDS_SOURCE_MAP = re.compile(r"[\s'\"*]")


def rewrite(
    content: bytes,
    replacements: Mapping[Reference, str] | Iterable[tuple[Reference, str]],
    frames: Mapping[Reference, Frame] | None = None,
) -> bytes:
    """Return ``content`` with a new URL in each reference, and in its frame if it has one.

    ``replacements`` are references of this ``content``, in any order, with their new URLs. A reference whose
    target is its new URL keeps its bytes. Raises `ValueError` if two overlap, or one is outside of it.
    """
    pairs = replacements.items() if isinstance(replacements, Mapping) else replacements
    parts, position = [], 0
    for reference, url in sorted(pairs, key=lambda pair: pair[0].start):
        frame = frames.get(reference) if frames else None
        start, end = (reference.start, reference.end) if frame is None else (frame.start, frame.end)
        if not position <= start <= end <= len(content):
            raise ValueError(f"{reference} overlaps another reference, or is not of this content")
        spelled = _spelled(reference, url) or content[reference.start : reference.end]
        parts.append(content[position:start])
        parts.append(spelled if frame is None else frame.before + _framed(reference, url) + frame.after)
        position = end
    return b"".join((*parts, content[position:]))


def _spelled(reference: Reference, url: str) -> bytes:
    """Return a URL with the escapes that its place needs; empty if nothing changes."""
    if url == reference.target:
        return b""
    url = _encoded(reference, url)
    if reference.kind is not ReferenceKind.SOURCE_MAP and reference.delimiter in _ESCAPED:
        url = _ESCAPED[reference.delimiter].sub(r"\\\g<0>", url)
    if reference.html_context == "srcset":
        url = _END_COMMA.sub("%2C", url)
    if reference.html_context:
        url = url.replace("&", "&amp;").replace("'", "&#39;")
    return url.encode("ascii")


def _framed(reference: Reference, url: str) -> bytes:
    """Return a URL for a frame: nothing in it can end double quotes or a comment.

    Percent-encoding is decoded, as frameworks write it, where the URL means the same without it.
    """
    decoded = unquote(url)
    suffix = _SUFFIX.search(url)
    end = len(url) if suffix is None else suffix.start()
    is_same = not (
        _CHANGES_PATH.search(unquote(url[:end])) or _CHANGES_SUFFIX.search(_escaped_characters(url[end:]))
    )
    if is_same and not (reference.kind is ReferenceKind.SOURCE_MAP and _ENDS_SOURCE_MAP.search(decoded)):
        return decoded.encode("utf-8")
    return _encoded(reference, url).encode("ascii")


def _escaped_characters(url: str) -> str:
    """Return the characters of a URL that are percent-encoded, decoded, and those that no quotes can hold."""
    return unquote("".join(_ESCAPED_OR_UNQUOTABLE.findall(url)))


def _encoded(reference: Reference, url: str) -> str:
    url = _NO_URL_CHARACTERS.sub(lambda match: quote(match[0], safe="", errors="replace"), url)
    if reference.kind is ReferenceKind.SOURCE_MAP:
        url = url.replace("*", "%2A").replace("'", "%27")
    return url
