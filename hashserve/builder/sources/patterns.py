"""References that a framework's own patterns match, combined with those that our lexers find.

Invariant: a pattern adds references and says how they are spelt; it never removes one, and no two overlap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hashserve.builder.naming.graph import Link
from hashserve.builder.references.reference import Reference
from hashserve.builder.references.rewrite import Frame

__all__ = ["Matched", "Patterns", "framed", "merged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A reference that a framework's pattern matches, and the frame that it is spelt in.

    ``is_new``: only the pattern finds it, and not our lexers.
    """

    reference: Reference
    frame: Frame
    is_new: bool


Patterns = Callable[[str], Callable[[bytes, Sequence[Reference]], Sequence[Matched]] | None]
"""For a logical path, returns the function that matches a framework's patterns there; None if none apply.

That function takes the content and the references that our lexers found in it.
"""


def merged(references: Sequence[Reference], matched: Sequence[Matched]) -> Sequence[Reference]:
    """Add the new references of ``matched`` that overlap none of ``references``."""
    result = sorted(references, key=_start)
    starts = [reference.start for reference in result]
    for new in (item.reference for item in matched if item.is_new):
        place = bisect_left(starts, new.end)
        # References do not overlap, so that only the last one before the end of the new one can overlap it.
        if place == 0 or result[place - 1].end <= new.start:
            starts.insert(place, new.start)
            result.insert(place, new)
    return result


def _start(reference: Reference) -> int:
    return reference.start


def framed(links: Sequence[Link], matched: Sequence[Matched]) -> list[Link]:
    """Add its frame to each link that was matched, unless the frame overlaps the link before or after it."""
    frames = {(item.reference.start, item.reference.end): item.frame for item in matched}
    ends = [0, *(link.reference.end for link in links)]
    starts = [*(link.reference.start for link in links[1:]), None]
    result: list[Link] = []
    for link, end, start in zip(links, ends, starts, strict=False):
        frame = frames.get((link.reference.start, link.reference.end))
        before = result[-1].frame.end if result and result[-1].frame is not None else end
        if frame is None or frame.start < before or (start is not None and frame.end > start):
            result.append(link)
        else:
            result.append(replace(link, frame=frame))
    return result
