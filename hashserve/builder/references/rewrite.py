"""What a file holds once its references name other URLs.

Invariant: only the bytes of the references change, and what stands there afterwards reads, in the
language and the place it stands in, as exactly the new URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from hashserve.builder.references.reference import Reference, ReferenceKind

__all__ = ["Frame", "rewrite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How the construct around a reference is to be spelt, where that is not left as it is.

    ``content[start:end]`` becomes ``before``, the URL, ``after``; the URL stands in double quotes or
    in a comment there.
    """

    start: int
    end: int
    before: bytes
    after: bytes


# What is no URL code point (URL Standard, section 4.3) a browser would percent-encode itself: so do
# we, and need no escape for it. A quote, a parenthesis, an asterisk may stand in a URL: see _ESCAPED.
_FOREIGN = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")

# Characters of a URL that would end the place they stand in. Neither language gives a backslash
# before one of them another meaning; in a comment there are no escapes, so that `*/` is encoded.
_ESCAPED = {"": re.compile(r"[()']"), "'": re.compile("'")}

# In a srcset, commas around a URL are none of its own.
_END_COMMA = re.compile(r"\A,|,\Z")


def rewrite(
    content: bytes,
    replacements: Mapping[Reference, str] | Iterable[tuple[Reference, str]],
    frames: Mapping[Reference, Frame] | None = None,
) -> bytes:
    """Put the new URL in the place of each reference, and in its frame if it has one.

    ``replacements`` are references of this very ``content``, in any order, with their new URL. One
    whose URL is its target already keeps its bytes. Raises `ValueError` where two overlap or one is
    outside of ``content``.
    """
    pairs = replacements.items() if isinstance(replacements, Mapping) else replacements
    parts, position = [], 0
    for reference, url in sorted(pairs, key=lambda pair: pair[0].start):
        frame = frames.get(reference) if frames else None
        start, end = (reference.start, reference.end) if frame is None else (frame.start, frame.end)
        if not position <= start <= end <= len(content):
            raise ValueError(f"{reference} overlaps another or is not of this content")
        spelled = _spelled(reference, url) or content[reference.start : reference.end]
        parts.append(content[position:start])
        parts.append(spelled if frame is None else frame.before + _framed(reference, url) + frame.after)
        position = end
    return b"".join((*parts, content[position:]))


def _spelled(reference: Reference, url: str) -> bytes:
    """Spell a URL for the place that a reference stands in; empty where nothing changes."""
    if url == reference.target:
        return b""
    url = _encoded(reference, url)
    if reference.kind is not ReferenceKind.SOURCE_MAP and reference.delimiter in _ESCAPED:
        url = _ESCAPED[reference.delimiter].sub(r"\\\g<0>", url)
    if reference.within == "srcset":
        url = _END_COMMA.sub("%2C", url)
    if reference.within:
        url = url.replace("&", "&amp;").replace("'", "&#39;")
    return url.encode("ascii")


def _framed(reference: Reference, url: str) -> bytes:
    """Spell a URL for a frame: nothing in it could end double quotes or a comment."""
    return _encoded(reference, url).encode("ascii")


def _encoded(reference: Reference, url: str) -> str:
    url = _FOREIGN.sub(lambda match: quote(match[0], safe="", errors="replace"), url)
    if reference.kind is ReferenceKind.SOURCE_MAP:
        url = url.replace("*", "%2A").replace("'", "%27")
    return url
