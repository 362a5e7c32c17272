"""The limits of a manifest: how large one may be, so that to load it takes memory in proportion to its bytes.

Invariant: what is over a limit is refused before it is parsed. All limits are far above what a site of
100,000 files with 30 retained releases needs (about 90 MB).
"""

from __future__ import annotations

import re

from hashserve.errors import ManifestError

__all__ = [
    "LONGEST_PATH",
    "LONGEST_TEXT",
    "MOST_BYTES",
    "MOST_CONTAINERS",
    "MOST_DELTAS",
    "MOST_ENTRIES",
    "MOST_OLD_PATHS",
    "MOST_RELEASES",
    "check_amounts",
    "check_size",
]

MOST_BYTES = 256 * 1024 * 1024
"""The most bytes of a manifest."""

MOST_ENTRIES = 3_000_000
"""The most members of objects and items of lists together. In memory, each takes up to 200 bytes."""

MOST_CONTAINERS = 500_000
"""The most objects and lists. Ours has two for each release; Vite's has up to four for each file."""

MOST_RELEASES = 2_000
"""The most older releases: 60 deployments a day for a month."""

MOST_OLD_PATHS = 1_000_000
"""The most entries of all older releases together that a build writes."""

MOST_DELTAS = 16
"""The most deltas of one file."""

LONGEST_PATH = 4096
"""The most characters of a path; Linux opens none that has more bytes."""

LONGEST_TEXT = 1024
"""The most characters of an id, an extension, a media type or a query: some become fields of responses."""

_REMEDY = (
    "check that a build wrote this file; if one did, build with smaller values of keep and keep_days, or "
    "divide the site"
)


def check_size(size: int, source: str) -> None:
    """Check the number of bytes of the manifest ``source``. Raises `ManifestError`."""
    if size > MOST_BYTES:
        raise ManifestError(source, "", f"is longer than {MOST_BYTES:,} bytes; {_REMEDY}")


def check_amounts(text: str, source: str) -> None:
    """Check how many values the JSON ``text`` has, before it is parsed. Raises `ManifestError`."""
    containers, entries = text.count("{") + text.count("["), text.count(",") + text.count("{")
    if containers > MOST_CONTAINERS or entries > MOST_ENTRIES:
        _check_exactly(text, source)


_MARK = re.compile(r'\\.|[",{\[]', re.DOTALL)


def _check_exactly(text: str, source: str) -> None:
    """Count again without what is in strings: names of files may hold commas and braces."""
    is_in_string, containers, commas = False, 0, 0
    for match in _MARK.finditer(text):
        mark = match[0]
        if mark == '"':
            is_in_string = not is_in_string
        elif is_in_string:
            continue
        elif mark == ",":
            commas += 1
        else:
            containers += 1
        if containers > MOST_CONTAINERS:
            raise ManifestError(source, "", f"has over {MOST_CONTAINERS:,} objects and lists; {_REMEDY}")
        if commas + containers > MOST_ENTRIES:
            raise ManifestError(source, "", f"has over {MOST_ENTRIES:,} entries; {_REMEDY}")
