"""The comment that names the source map of a style sheet or a script.

Invariant: the grammar is that of MatchSourceMapURL in ECMA-426.
"""

from __future__ import annotations

import re

from hashserve.builder.references.reference import Delimiter, Reference, ReferenceKind, names_a_file

__all__ = ["SOURCE_MAP_MARK", "source_map_in"]

SOURCE_MAP_MARK = b"sourceMappingURL="
"""The bytes that every such comment holds: content without them names no source map."""

_COMMENT = re.compile(rb"(?://|/\*)[#@]\s*sourceMappingURL=([^\s\"'`]*?)\s*(?:\*/)?")


def source_map_in(content: bytes, start: int, end: int) -> Reference | None:
    """Return the source map that the comment ``content[start:end]`` names, None if it names none."""
    match = _COMMENT.fullmatch(content, start, end)
    if match is None:
        return None
    target = match[1].decode("utf-8", "replace")
    if not names_a_file(target):
        return None
    delimiter: Delimiter = "/*" if content.startswith(b"/*", start) else "//"
    return Reference(
        start=match.start(1),
        end=match.end(1),
        target=target,
        kind=ReferenceKind.SOURCE_MAP,
        delimiter=delimiter,
    )
