"""The errors that hashserve raises, with one base.

Invariant: an error holds data, and ``__str__`` builds the text: what happened, where, and what to do.
Errors are for people who build, configure or deploy; no response contains their text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = [
    "BuildError",
    "HashserveError",
    "ManifestError",
    "PublishError",
    "SettingError",
    "SourceError",
    "TruncatedFileError",
    "UnknownAssetError",
    "spelt_text",
]


class HashserveError(Exception):
    """The base of every error that hashserve raises on purpose."""

    def spelt(self, names: Mapping[str, str]) -> HashserveError:
        """Return the error with its settings spelt as in ``names``; the same error if it mentions none."""
        return self

    @property
    def lines(self) -> Sequence[str]:
        """The message in lines; a line break within one comes from a name, and divides nothing."""
        return [str(self)]


def spelt_text(text: str, names: Mapping[str, str]) -> str:
    """Replace each ``{setting:name}`` in a text by the name that the user knows the setting by."""
    return re.sub(r"\{setting:([a-z_]+)\}", lambda mention: names.get(mention[1], mention[1]), text)


class SettingError(HashserveError, ValueError):
    """A setting or an argument whose ``value`` is wrong. ``name`` is how the user wrote it.

    ``problem`` may mention other settings in braces: ``needs {setting:previous} too``.
    """

    def __init__(self, name: str, value: object, problem: str) -> None:
        super().__init__(name, value, problem)
        self.name = name
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}: {spelt_text(self.problem, {})}"

    def spelt(self, names: Mapping[str, str]) -> SettingError:
        """Return the error with settings spelt as ``names`` has them: as options, or as keys."""
        return SettingError(names.get(self.name, self.name), self.value, spelt_text(self.problem, names))


class ManifestError(HashserveError, ValueError):
    """A manifest that cannot be used.

    ``path`` is the file, ``location`` the place in it (a line, or ``paths["css/app.css"]``), empty for
    the file as a whole.
    """

    def __init__(self, path: str, location: str, problem: str) -> None:
        super().__init__(path, location, problem)
        self.path = path
        self.location = location
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"

    @property
    def detail(self) -> str:
        """The place in the file, if there is one, and the problem; without the file's path."""
        return f"{self.location}: {self.problem}" if self.location else self.problem


class UnknownAssetError(HashserveError, LookupError):
    """A logical path that no manifest lists. ``places`` are the roots that were searched."""

    def __init__(self, logical_path: str, places: tuple[str, ...]) -> None:
        super().__init__(logical_path, places)
        self.logical_path = logical_path
        self.places = places

    def __str__(self) -> str:
        if not self.places:
            return f"{self.logical_path}: no folder of static files was added; add one with add_files()"
        searched = ", ".join(self.places)
        return f"{self.logical_path}: not found in {searched}; check the path, or build again"


class BuildError(HashserveError):
    """A build that published nothing. The release in force stays in force.

    ``path`` is the file, folder or setting, and ``remedy`` what to do about the ``problem``. The remedy may
    mention settings in braces: ``choose another {setting:cache}``. ``details`` are further lines.
    """

    def __init__(self, path: str, problem: str, remedy: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(path, problem, remedy, details)
        self.path = path
        self.problem = problem
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def lines(self) -> Sequence[str]:
        """The message in lines: place, problem and remedy, then each detail."""
        text = f"{self.path}: {self.problem}"
        return [f"{text}; {spelt_text(self.remedy, {})}" if self.remedy else text, *self.details]

    def spelt(self, names: Mapping[str, str]) -> BuildError:
        """Return the error with settings spelt as ``names`` has them: as options, or as keys."""
        return type(self)(self.path, self.problem, spelt_text(self.remedy, names), self.details)


class SourceError(BuildError):
    """A source file or folder that a build cannot read or use."""


class PublishError(BuildError):
    """The names of a release that could not be written to the cache that serving processes read."""


class TruncatedFileError(HashserveError, OSError):
    """A file that ended ``missing`` bytes before its Content-Length, while it was sent.

    The body iterator raises it, so that the server closes the connection. At that point, nothing else
    shows the client that the body is incomplete (RFC 9112 section 8).
    """

    def __init__(self, path: str, missing: int) -> None:
        super().__init__(path, missing)
        self.path = path
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"{self.path}: the file ended {self.missing} bytes early while it was sent; "
            "replace files with a rename, and do not write into them"
        )
