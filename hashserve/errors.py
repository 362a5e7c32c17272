"""Every error that hashserve raises, under one base.

Invariant: an error holds data; ``__str__`` builds the text, which names the place and the remedy.
No client ever sees one: they are for whoever builds, configures or deploys.
"""

from __future__ import annotations

__all__ = [
    "BuildError",
    "HashserveError",
    "ManifestError",
    "PublishError",
    "SettingError",
    "SourceError",
    "TruncatedFileError",
    "UnknownAssetError",
]


class HashserveError(Exception):
    """Stand at the root of every error that hashserve raises on purpose."""


class SettingError(HashserveError, ValueError):
    """Tell of an argument or a setting that cannot mean anything."""

    def __init__(self, name: str, value: object, problem: str) -> None:
        super().__init__(name, value, problem)
        self.name = name
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}: {self.problem}"


class ManifestError(HashserveError, ValueError):
    """Tell of a manifest that cannot be used: which file, where in it, what is wrong."""

    def __init__(self, path: str, location: str, problem: str) -> None:
        super().__init__(path, location, problem)
        self.path = path
        self.location = location
        self.problem = problem

    def __str__(self) -> str:
        place = f"{self.path}: {self.location}" if self.location else self.path
        return f"{place}: {self.problem}"


class UnknownAssetError(HashserveError, LookupError):
    """Tell of a logical path that no manifest lists."""

    def __init__(self, logical_path: str, places: tuple[str, ...]) -> None:
        super().__init__(logical_path, places)
        self.logical_path = logical_path
        self.places = places

    def __str__(self) -> str:
        searched = ", ".join(self.places) or "no root was added"
        return f"no asset named {self.logical_path!r} (searched: {searched}); was it there at the last build?"


class BuildError(HashserveError):
    """Tell why a build published nothing; the release that was in force still is."""

    def __init__(self, path: str, problem: str, remedy: str = "") -> None:
        super().__init__(path, problem, remedy)
        self.path = path
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.path}: {self.problem}"
        return f"{text}; {self.remedy}" if self.remedy else text


class SourceError(BuildError):
    """Tell of a source file or folder that a build could not take in."""


class PublishError(BuildError):
    """Tell why the names of a release could not be put where processes look for them."""


class TruncatedFileError(HashserveError, OSError):
    """Tell a server, in the middle of a body, that the file ended before its Content-Length.

    Raised out of the body iterator so that the server closes the connection: the only way left
    to tell the client that what it has is not whole (RFC 9112 section 8).
    """

    def __init__(self, path: str, missing: int) -> None:
        super().__init__(path, missing)
        self.path = path
        self.missing = missing

    def __str__(self) -> str:
        return f"{self.path}: ended {self.missing} bytes early while it was being sent"
