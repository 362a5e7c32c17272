"""Outcomes that carry nothing but which of several they are.

Invariant: two of one type are equal, and two of different types never are.
"""

from __future__ import annotations

__all__ = ["Outcome"]


class Outcome:
    """The base of such outcomes; each type of them is one."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
