"""Live files: what is on disk under a root now.

Invariant: an answer is always made from the bytes on disk at the time of the request. What is
remembered of a file is used only while the identities of the file and of its variants are unchanged. For one
request a file is read at most twice: once for its digest, and once to send it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from hashserve.file_identity import SETTLED_AFTER, identify
from hashserve.hidden_paths import is_hidden_file
from hashserve.http.codings import CODINGS, IDENTITY, coding_of_suffix
from hashserve.http.messages import Headers, StoredFile
from hashserve.serve.assets import BY_CODING, Asset, asset_of
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.files import ChangedWhileReadError, is_machine_error
from hashserve.serve.inspection import Inspected, Root, Watched, inspect, variant_identities
from hashserve.serve.large_files import look_at, snapshot_of
from hashserve.serve.locks import ForkSafeLock
from hashserve.serve.policy import Policy
from hashserve.url_paths import is_servable

__all__ = ["Directory", "LiveFiles", "Locate"]

Locate = Callable[[str], "str | None"]
"""A function that returns the location of a path's file on disk, or None."""

VARIANTS_ALLOW = 8
"""How many times larger than others a file with variants may be and still be read.

Without reading it, no variant is proven to be of the same content; and each one saves most of its bytes.
"""

_TURNS = 32

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
    answered from the bytes that were inspected. Files of more than ``largest_digested`` bytes are not read
    for their entity-tags. ``most_remembered`` is how many files are remembered.
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
        largest_digested: int = 1 << 23,
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
        # What may be kept in memory is read in any case.
        self._largest_digested = max(largest_digested, bodies.largest)
        self._remembered: BoundedCache[str, _Remembered] = BoundedCache(most_remembered)
        self._digests: BoundedCache[StoredFile, str] = BoundedCache(most_remembered)
        self._turns = [ForkSafeLock() for _ in range(_TURNS)]

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
        asset = self._known(path, watched)
        if asset is not None:
            return asset
        if status.st_size > self._most_read(watched):
            return self._large_asset(path, watched)
        if not _is_settled(time.time_ns(), status):
            return self._inspected_asset(path, watched)
        # Of many requests at once, one reads the file; the others wait for what it finds.
        with self._turns[hash(path) % _TURNS].lock:
            return self._known(path, watched) or self._inspected_asset(path, watched)

    def _known(self, path: str, watched: Watched) -> Asset | None:
        known = self._remembered.get(path)
        return known.asset if known is not None and known.watched == watched else None

    def _most_read(self, watched: Watched) -> int:
        """Return the size of the largest file that is read, in bytes; a variant must not be older."""
        modified = watched.file_identity[3]
        has_variants = any(variant is not None and variant[3] >= modified for variant in watched.variants)
        return self._largest_digested * (VARIANTS_ALLOW if has_variants else 1)

    def _inspected_asset(self, path: str, watched: Watched) -> Asset:
        """Read a file and its variants; one that changes meanwhile is not read again to find that it does."""
        if self._bodies.expects_changes(watched.location):
            return self._snapshot(path, watched)
        now = time.time_ns()
        try:
            found = inspect(
                watched.location, self.root, keep=self._bodies.largest, most=self._most_read(watched)
            )
        except ChangedWhileReadError:
            self._bodies.expect_changes(watched.location)
            return self._snapshot(path, watched)
        asset = self._make(path, found)
        if _is_settled(now, found.status, *found.variants.values()) and _matches(found, watched):
            self._remembered.put(path, _Remembered(watched, asset))
        return asset

    def _large_asset(self, path: str, watched: Watched) -> Asset:
        """Make an asset of a file that is not read, or of a snapshot if it changed a moment ago."""
        # A change time in the future proves nothing either.
        is_settled = time.time_ns() - watched.file_identity[4] > SETTLED_AFTER
        if not is_settled or self._bodies.expects_changes(watched.location):
            return self._snapshot(path, watched)
        try:
            found = look_at(watched.location, self.root)
        except ChangedWhileReadError:
            self._bodies.expect_changes(watched.location)
            return self._snapshot(path, watched)
        if found.stored.file_identity != watched.file_identity:
            return self._snapshot(path, watched)
        asset = asset_of(
            [found.stored],
            self._fields(path, watched.location),
            last_modified=_date_of(found.status),
            varies_by=(),
            tag_of=lambda _: found.etag,
        )
        self._remembered.put(path, _Remembered(watched, asset))
        return asset

    def _snapshot(self, path: str, watched: Watched) -> Asset:
        found = snapshot_of(watched.location, self.root)
        asset = asset_of(
            [found.stored],
            self._fields(path, watched.location),
            varies_by=BY_CODING if any(watched.variants) else (),
            tag_of=lambda _: None,
        )
        return asset.as_snapshot(found.opened)

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of the file at ``path`` in base64, however large it is; None for no file.

        Raises `OSError`.
        """
        asset = self.find(path)
        if not isinstance(asset, Asset) or asset.sha256:
            return asset.sha256 if isinstance(asset, Asset) else None
        stored = asset.representations[IDENTITY].content
        known = self._digests.get(stored)
        if known is None:
            known = inspect(stored.path, self.root, keep=0).sha256
            if not stored.is_snapshot:
                self._digests.put(stored, known)
        return known

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
        fields = self._fields(path, found.path)
        files = found.stored_files()
        if found.content is not None:
            self._bodies.keep(files[0], found.content)
        varies_by = BY_CODING if found.variants else ()
        return asset_of(files, fields, last_modified=_date_of(found.status), varies_by=varies_by)

    def _fields(self, path: str, location: str) -> Headers:
        return self._policy.fields(location, self._prefix + self._url_path(path), immutable=False)

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
    """Return the modification date; None if it means nothing or is not in the past (RFC 9110, 8.8.2).

    A file may change again in the second that goes on, and its next content would have the same date.
    """
    date = int(status.st_mtime)
    return date if EARLIEST_DATE <= date < int(time.time()) else None


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


def _is_settled(now: int, *statuses: os.stat_result) -> bool:
    """Whether a later change always shows in the identities: the files changed long enough before ``now``."""
    return all(abs(now - status.st_ctime_ns) > SETTLED_AFTER for status in statuses)
