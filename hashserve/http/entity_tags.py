"""Entity-tags, parsed and compared (RFC 9110 section 8.8.3).

Invariant: parsing never raises, and takes time linear in the length of the field. Text that does not
follow the grammar is not a tag; it is never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["EntityTag", "parse_entity_tag", "parse_entity_tags"]


class EntityTag(NamedTuple):
    """An entity-tag: its opaque part without the quotes, and whether it is weak."""

    opaque: str
    weak: bool = False

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.weak else f'"{self.opaque}"'

    def matches_strongly(self, other: EntityTag) -> bool:
        """Compare strongly: both strong, and equal (section 8.8.3.2)."""
        return not self.weak and not other.weak and self.opaque == other.opaque

    def matches_weakly(self, other: EntityTag) -> bool:
        """Compare weakly: equal, whether or not either is weak (section 8.8.3.2)."""
        return self.opaque == other.opaque


# entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE (section 8.8.3); W is case-sensitive.
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)*")


def parse_entity_tag(value: str) -> EntityTag | None:
    """Parse a field that holds one entity-tag (If-Range); None where it does not."""
    match = _ENTITY_TAG.fullmatch(value.strip(" \t"))
    return EntityTag(match[2], match[1] is not None) if match else None


def parse_entity_tags(value: str) -> Iterator[EntityTag]:
    """Yield the entity-tags of a list (If-Match, If-None-Match), up to the first member that is not one."""
    position = _SEPARATOR.match(value).end()  # type: ignore[union-attr]  # it matches the empty string
    while match := _ENTITY_TAG.match(value, position):
        yield EntityTag(match[2], match[1] is not None)
        separator = _SEPARATOR.match(value, match.end())
        assert separator is not None
        if "," not in separator[0]:
            return
        position = separator.end()
