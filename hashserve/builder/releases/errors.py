"""The errors of earlier releases whose files cannot be read, or are not what their manifest lists.

Invariant: neither error leaves the build: it becomes a finding, or a `BuildError` where the settings say so.
"""

from __future__ import annotations

from hashserve.errors import HashserveError

__all__ = ["MismatchError", "UnreachableError"]


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
