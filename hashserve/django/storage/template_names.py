"""Names of files as templates write them: a path, perhaps with a query and a fragment.

Invariant: the query and the fragment stay as they were written.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

__all__ = ["TemplateName"]


class TemplateName(NamedTuple):
    """A name, and the same name split into its parts."""

    text: str
    parts: SplitResult

    @classmethod
    def parse(cls, text: str) -> TemplateName:
        """Split a name as Django's storage does."""
        return cls(text, urlsplit(unquote(text)))

    @property
    def path(self) -> str:
        """The path alone."""
        return self.parts.path.strip()

    def with_path(self, path: str) -> str:
        """Return the name with another path."""
        if self.parts.path == self.text:  # as most names; joining the parts takes 1 us
            return path
        # Old style sheets write "?#" for old browsers; splitting the name drops that question mark.
        path += "?" if "?#" in self.text and not self.parts.query else ""
        return urlunsplit(self.parts._replace(path=path))
