"""What a file holds once its references name other URLs.

Law: only the bytes of the references change, and what stands there afterwards reads, in the
language and the place it stands in, as exactly the new URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from hashserve.build.references import Reference, ReferenceKind

__all__ = ["rewrite"]

# What is no URL code point (URL Standard, section 4.3) a browser would percent-encode itself: so do
# we, and need no escape for it. A quote, a parenthesis, an asterisk may stand in a URL: see _ESCAPED.
_FOREIGN = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")

# Characters of a URL that would end the place they stand in. Neither language gives a backslash
# before one of them another meaning; in a comment there are no escapes, so that `*/` is encoded.
_ESCAPED = {"": re.compile(r"[()']"), "'": re.compile("'")}


def rewrite(content: bytes, replacements: Mapping[Reference, str] | Iterable[tuple[Reference, str]]) -> bytes:
    """Put the new URL in the place of each reference.

    ``replacements`` are references of this very ``content``, in any order, with their new URL. One
    whose URL is its target already keeps its bytes. Raises `ValueError` where two overlap or one is
    outside of ``content``.
    """
    pairs = replacements.items() if isinstance(replacements, Mapping) else replacements
    parts, position = [], 0
    for reference, url in sorted(pairs, key=lambda pair: pair[0].start):
        if not position <= reference.start <= reference.end <= len(content):
            raise ValueError(f"{reference} overlaps another or is not of this content")
        parts.append(content[position : reference.start])
        parts.append(_spelled(reference, url) or content[reference.start : reference.end])
        position = reference.end
    return b"".join((*parts, content[position:]))


def _spelled(reference: Reference, url: str) -> bytes:
    """Spell a URL for the place that a reference stands in; empty where nothing changes."""
    if url == reference.target:
        return b""
    url = _FOREIGN.sub(lambda match: quote(match[0], safe="", errors="replace"), url)
    if reference.kind is ReferenceKind.SOURCE_MAP:
        url = url.replace("*", "%2A").replace("'", "%27")
    elif reference.delimiter in _ESCAPED:
        url = _ESCAPED[reference.delimiter].sub(r"\\\g<0>", url)
    return url.encode("ascii")
