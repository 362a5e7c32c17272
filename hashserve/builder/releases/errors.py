"""The errors of earlier releases whose files cannot be read, or are not what their manifest lists.

Invariant: neither error leaves the build: it becomes a finding, or a `BuildError` where the settings say so.
No text shows a password, or more than a line of what a previous release chose.
"""

from __future__ import annotations

import re

from hashserve.errors import HashserveError
from hashserve.visible_text import visible

__all__ = ["MismatchError", "UnreachableError", "shortened", "without_password"]

MAX_SHOWN_CHARACTERS = 200


class UnreachableError(HashserveError):
    """A previous release, or a file of it, cannot be read: from where, and why."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class MismatchError(HashserveError):
    """The content of ``path`` is not the one that its manifest lists."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def shortened(text: str) -> str:
    """Return text that a previous release chose as messages show it: visible, and not too long."""
    shown = visible(text[:MAX_SHOWN_CHARACTERS])
    return shown if len(text) <= MAX_SHOWN_CHARACTERS else f"{shown}..."


def without_password(where: str) -> str:
    """Return a folder or a URL as messages show it: a URL has no user and no password."""
    return re.sub("^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@", r"\1", where)
