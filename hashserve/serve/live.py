"""Live files: whatever is on disk under a root now.

Invariant: an answer is always made from the bytes on disk at the time of the request. What is
remembered of a file is used only while its identity, and those of its variants, are unchanged.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from hashserve.file_identity import identify
from hashserve.http.codings import CODINGS, IDENTITY, coding_of_suffix
from hashserve.paths import is_servable
from hashserve.serve.assets import Asset, asset_of
from hashserve.serve.bodies import BodyCache
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.files import is_exhaustion
from hashserve.serve.inspection import Inspected, Root, Watched, inspect, variant_identities
from hashserve.serve.policy import Policy

__all__ = ["Directory", "LiveFiles", "Locate"]

Locate = Callable[[str], "str | None"]
"""Tells where the file of a path is looked for on disk, None where nowhere."""

SETTLED_AFTER = 2_000_000_000
"""How long ago, in nanoseconds, a file must have changed for its identity to be trusted.

Two changes within one tick of a file system's clock leave the same times; the coarsest clocks
still in use (FAT, some network file systems) tick every two seconds.
"""

EARLIEST_DATE = 315_619_200
"""1980-01-02 in seconds since the epoch: what hosts that normalise times use lies before it."""


class Directory(NamedTuple):
    """A folder, not a file, is at ``location``."""

    location: str


class _Remembered(NamedTuple):
    watched: Watched
    asset: Asset


class LiveFiles:
    """The files under ``root`` as they are at each moment, served below the URL path ``prefix``.

    ``hidden`` are paths relative to the root that are never served (the manifest). ``index_file`` is
    the name whose URL is its folder's. Files of at most ``bodies.largest`` bytes are answered from
    the very bytes that were inspected; ``memo_size`` is how many files are remembered. ``locate`` is
    for files that are gathered from several folders: then the root says nothing of where they are.
    """

    def __init__(
        self,
        root: Root,
        prefix: str,
        policy: Policy,
        bodies: BodyCache,
        *,
        hidden: Collection[str],
        index_file: str | None = None,
        memo_size: int,
        locate: Locate | None = None,
    ) -> None:
        self.root = root
        self.locate: Locate = locate or root.path.__add__
        self._is_gathered = locate is not None
        self._prefix = prefix
        self._policy = policy
        self._hidden = frozenset(hidden)
        self._hidden_names = frozenset(map(os.path.basename, hidden))
        self._index_file = index_file
        self._bodies = bodies
        self._remembered: BoundedCache[str, _Remembered] = BoundedCache(memo_size, lambda key, value: 1)

    def find(self, path: str) -> Asset | Directory | None:
        """Find what is at ``path`` (relative to the root) now.

        None where nothing is that may be served. Raises `OSError` where something is there and
        cannot be read, or changes faster than it can be read.
        """
        if not is_servable(path) or path in self._hidden:
            return None
        location = self.locate(path)
        if location is None:
            return None
        status = self._status(location)
        if status is None:
            return None
        if stat.S_ISDIR(status.st_mode):
            return Directory(location)
        if not stat.S_ISREG(status.st_mode) or self._is_variant(location) or self._is_hidden(path, status):
            return None
        return self._asset(path, location, status)

    def find_even_hidden(self, path: str) -> Asset | None:
        """Find a regular file at ``path`` whether or not it is hidden. Raises `OSError`."""
        location = self.root.path + path
        status = self._status(location)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        return self._asset(path, location, status)

    def _status(self, location: str) -> os.stat_result | None:
        """Look at what is at a location; None where that is nothing.

        Raises `OSError` where nobody can tell, but not of a prefix that is the application's too: a
        disk that fails is no reason to keep its pages from it.
        """
        try:
            return os.stat(location)
        except ValueError:
            return None
        except OSError as error:
            if is_exhaustion(error) and self._prefix != "/":
                raise
            return None

    def _asset(self, path: str, location: str, status: os.stat_result) -> Asset:
        # Signatures of before the inspection: whatever changes during it is seen at the next request.
        watched = Watched(location, identify(status), variant_identities(location))
        known = self._remembered.get(path)
        if known is not None and known.watched == watched:
            return known.asset
        now = time.time_ns()
        found = inspect(location, self.root, keep=self._bodies.largest)
        asset = self._make(path, found)
        if _is_settled(found, now) and _is_of(found, watched):
            self._remembered.put(path, _Remembered(watched, asset))
        return asset

    def watched(self, path: str, asset: Asset) -> Watched | None:
        """Give what ``asset``, found at ``path`` before, rests on: while that is unchanged, so is the asset.

        None where more than that decides it: where files are gathered from several folders, where a
        source may come to a variant, where a link may lead to what is hidden; and where the file
        changed so lately that its identity says little.
        """
        known = self._remembered.get(path)
        if known is None or known.asset is not asset or self._is_gathered:
            return None
        may_be_refused = coding_of_suffix(path) is not None or path.rpartition("/")[2] in self._hidden_names
        return None if may_be_refused else known.watched

    def _make(self, path: str, found: Inspected) -> Asset:
        fields = self._policy.fields(found.path, self._prefix + self._url_path(path), immutable=False)
        forms = found.representations()
        if found.content is not None:
            self._bodies.keep(forms[IDENTITY].content, found.content)
        return asset_of(
            forms,
            fields,
            sha256=found.sha256,
            last_modified=_date_of(found.status),
            varies=bool(found.variants),
        )

    def _url_path(self, path: str) -> str:
        """Give what hooks are told of a path: an index file's URL is its folder's, as to WhiteNoise."""
        folder, slash, name = path.rpartition("/")
        return folder + slash if name == self._index_file else path

    def _is_hidden(self, path: str, status: os.stat_result) -> bool:
        """Whether a path leads to a hidden file by way of a link to its folder."""
        if path.rpartition("/")[2] not in self._hidden_names:
            return False
        return any(_is_same(self.root.path + hidden, status) for hidden in self._hidden)

    @staticmethod
    def _is_variant(location: str) -> bool:
        """Return whether a file is a variant: it has no URL while its source exists."""
        coding = coding_of_suffix(location)
        return coding is not None and os.path.isfile(location[: -len(coding.suffix)])


def _is_same(location: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(location), status)
    except OSError:
        return False


def _date_of(status: os.stat_result) -> int | None:
    """Give the modification date, unless it means nothing or lies ahead (RFC 9110 section 8.8.2.1)."""
    return int(status.st_mtime) if EARLIEST_DATE <= status.st_mtime <= time.time() else None


def _is_of(found: Inspected, watched: Watched) -> bool:
    """Whether what was inspected is what was looked at before.

    A link that leads to another release meanwhile would have that one's bytes remembered as this one's.
    """
    variants = (found.variants.get(coding) for coding in CODINGS)
    return identify(found.status) == watched.file_identity and all(
        status is None or identify(status) == seen
        for status, seen in zip(variants, watched.variants, strict=True)
    )


def _is_settled(found: Inspected, now: int) -> bool:
    """Whether nothing of a file can have changed at ``now``, when it was looked at, and not show it."""
    statuses = (found.status, *found.variants.values())
    return all(abs(now - status.st_ctime_ns) > SETTLED_AFTER for status in statuses)
