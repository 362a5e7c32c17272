"""Live files: what is on disk under a root now.

Invariant: an answer is always made from the bytes on disk at the time of the request. What is
remembered of a file is used only while the identities of the file and of its variants are unchanged.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from hashserve.file_identity import identify
from hashserve.hidden_paths import is_hidden_file
from hashserve.http.codings import CODINGS, coding_of_suffix
from hashserve.serve.assets import Asset, asset_of
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.files import is_machine_error
from hashserve.serve.inspection import Inspected, Root, Watched, inspect, variant_identities
from hashserve.serve.policy import Policy
from hashserve.url_paths import is_servable

__all__ = ["Directory", "LiveFiles", "Locate"]

Locate = Callable[[str], "str | None"]
"""A function that returns the location of a path's file on disk, or None."""

SETTLED_AFTER = 2_000_000_000
"""How long ago, in nanoseconds, a file must have changed for its identity to be trusted.

Two changes within one tick of a file system's clock leave the same times. The slowest clocks in use (FAT,
some network file systems) tick every two seconds.
"""

EARLIEST_DATE = 315_619_200
"""1980-01-02 in seconds since the epoch. Hosts that normalise modification times use earlier ones."""


class Directory(NamedTuple):
    """A folder was found at ``location``, in place of a file."""

    location: str


class _Remembered(NamedTuple):
    watched: Watched
    asset: Asset


class LiveFiles:
    """The files under ``root`` as they are now, served below the URL path ``prefix``.

    ``hidden`` are paths relative to the root that are never served (manifests). ``index_file`` is the
    name of the file that is served at its folder's URL. Files of at most ``bodies.largest`` bytes are
    answered from the bytes that were inspected. ``most_remembered`` is how many files are remembered.
    ``locate`` finds files in several folders; without it, files are below the root.
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
        most_remembered: int,
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
        self._remembered: BoundedCache[str, _Remembered] = BoundedCache(most_remembered)

    def find(self, path: str) -> Asset | Directory | None:
        """Find what is at ``path`` (relative to the root) now; None where nothing may be served.

        Raises `OSError` where a file cannot be read, or changes faster than it can be read.
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
        if (
            not stat.S_ISREG(status.st_mode)
            or self._is_variant(location)
            or is_hidden_file(self.root.path, self._hidden, path, status)
        ):
            return None
        return self._asset(path, location, status)

    def find_even_hidden(self, path: str) -> Asset | None:
        """Find a regular file at ``path``, even a hidden one. Raises `OSError`."""
        location = self.root.path + path
        status = self._status(location)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        return self._asset(path, location, status)

    def _status(self, location: str) -> os.stat_result | None:
        """Return the status of what is at a location; None where there is nothing.

        Raises `OSError` for an error of the machine. Below the prefix ``/`` the result is None instead,
        because the path may be the application's, whose pages a failing disk must not block.
        """
        try:
            return os.stat(location)
        except ValueError:
            return None
        except OSError as error:
            if is_machine_error(error) and self._prefix != "/":
                raise
            return None

    def _asset(self, path: str, location: str, status: os.stat_result) -> Asset:
        # These identities are from before the inspection: a change during it shows at the next request.
        watched = Watched(location, identify(status), variant_identities(location))
        known = self._remembered.get(path)
        if known is not None and known.watched == watched:
            return known.asset
        now = time.time_ns()
        found = inspect(location, self.root, keep=self._bodies.largest)
        asset = self._make(path, found)
        if _is_settled(found, now) and _matches(found, watched):
            self._remembered.put(path, _Remembered(watched, asset))
        return asset

    def watched(self, path: str, asset: Asset) -> Watched | None:
        """Return the files that ``asset``, which was found at ``path``, was made from.

        As long as they are unchanged, ``path`` has this asset. The result is None where more decides it:

        * files are gathered from several folders;
        * the file may become a variant of a new file;
        * a link may lead to a hidden file;
        * the file changed too recently for its identity to be trusted.
        """
        known = self._remembered.get(path)
        if known is None or known.asset is not asset or self._is_gathered:
            return None
        may_be_refused = coding_of_suffix(path) is not None or path.rpartition("/")[2] in self._hidden_names
        return None if may_be_refused else known.watched

    def _make(self, path: str, found: Inspected) -> Asset:
        fields = self._policy.fields(found.path, self._prefix + self._url_path(path), immutable=False)
        files = found.stored_files()
        if found.content is not None:
            self._bodies.keep(files[0], found.content)
        return asset_of(files, fields, last_modified=_date_of(found.status), varies=bool(found.variants))

    def _url_path(self, path: str) -> str:
        """Return the path that hooks see: an index file has its folder's URL, as in WhiteNoise."""
        folder, slash, name = path.rpartition("/")
        return folder + slash if name == self._index_file else path

    @staticmethod
    def _is_variant(location: str) -> bool:
        """Return whether a file is a variant: it has no URL while its source exists."""
        coding = coding_of_suffix(location)
        return coding is not None and os.path.isfile(location[: -len(coding.suffix)])


def _date_of(status: os.stat_result) -> int | None:
    """Return the modification date; None if it means nothing or is in the future (RFC 9110, 8.8.2.1)."""
    return int(status.st_mtime) if EARLIEST_DATE <= status.st_mtime <= time.time() else None


def _matches(found: Inspected, watched: Watched) -> bool:
    """Whether the inspected files are those that were looked at before.

    A link may have been switched to another release in between, whose bytes must not be remembered as those
    of this one.
    """
    variants = (found.variants.get(coding) for coding in CODINGS)
    return identify(found.status) == watched.file_identity and all(
        status is None or identify(status) == seen
        for status, seen in zip(variants, watched.variants, strict=True)
    )


def _is_settled(found: Inspected, now: int) -> bool:
    """Whether a later change always shows in the identities: the files changed long enough before ``now``."""
    statuses = (found.status, *found.variants.values())
    return all(abs(now - status.st_ctime_ns) > SETTLED_AFTER for status in statuses)
