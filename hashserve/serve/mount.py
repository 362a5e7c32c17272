"""A mount: one folder under one URL prefix, with its fingerprinted and its live files.

Invariant: fingerprinted paths are looked up first, in memory. Only a path that the manifest does not list
is looked for on disk.
"""

from __future__ import annotations

import os
from hashlib import md5
from typing import NamedTuple

from hashserve.fingerprint_patterns import looks_fingerprinted, without_fingerprint
from hashserve.hidden_paths import hidden_paths
from hashserve.http.codings import IDENTITY
from hashserve.http.messages import StoredFile
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.serve.assets import Asset
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.fingerprinted import FingerprintedFiles
from hashserve.serve.inspection import Root, Watched
from hashserve.serve.live_files import Directory, LiveFiles, Locate
from hashserve.serve.manifest_follower import ManifestFollower
from hashserve.serve.policy import IMMUTABLE, Policy
from hashserve.settings.serve import ServeSettings
from hashserve.url_paths import PUBLISHED_MANIFEST, is_servable, url_of
from hashserve.visible_text import logger

__all__ = ["FingerprintedMatch", "LiveMatch", "Match", "Mount", "RedirectMatch"]


class FingerprintedMatch(NamedTuple):
    """An asset that a retained release lists at ``path``: immutable."""

    path: str
    asset: Asset


class LiveMatch(NamedTuple):
    """A file that is on disk now. Its path has this asset as long as the ``watched`` files are unchanged."""

    asset: Asset
    watched: Watched | None = None


class RedirectMatch(NamedTuple):
    """Another URL of an index file; ``location`` is a relative reference to the right one."""

    location: str


_PAGE_EXTENSION = ".html"
"""What the name of a page ends with, and its clean URL does not."""

Match = FingerprintedMatch | LiveMatch | RedirectMatch


class Mount:
    """The folder ``root`` under the URL path ``prefix``, which starts and ends with a slash.

    `hashserve.serve.live_files.LiveFiles` explains ``locate``. Without ``follows_manifest``, every file is a
    live file. If the prefix ``is_shared``, missing paths are the application's, whatever ``on_missing`` is.
    Two mounts with the same ``key`` serve the same files.
    """

    def __init__(
        self,
        root: Root,
        prefix: str | None,
        settings: ServeSettings,
        policy: Policy,
        bodies: BodyCache,
        *,
        manifest_name: str | None = None,
        origin: str = "",
        locate: Locate | None = None,
        follows_manifest: bool = True,
        is_shared: bool = False,
    ) -> None:
        self.root = root
        self.key = (root.path, prefix, manifest_name, origin, locate)
        self.origin = origin
        self.is_shared = is_shared
        self._locate = locate
        self._given_prefix = prefix
        self._settings = settings
        self._index_file = settings.index_name
        self._has_clean_urls = settings.clean_urls
        self._policy = policy
        self._bodies = bodies
        self._md5_digests: BoundedCache[StoredFile, str] = BoundedCache(settings.memo_size)
        self._follower = ManifestFollower(root.path, manifest_name)
        self._follows_manifest = follows_manifest
        if follows_manifest:
            self._follower.load()
        # Whether bodies of fingerprinted files may be kept: not after the manifest was deleted.
        self.may_remember = self._follower.is_present
        if manifest_name is not None and self._follower.manifest is None:
            logger.warning(
                "there is no manifest %s in %s yet; until there is one, no file is immutable",
                *(manifest_name, root.path),
            )
        self._hidden_paths = hidden_paths(root.path, manifest_name)
        self.prefix: str = prefix or "/"
        self.table: FingerprintedFiles | None = None
        self.live = self._live_files()
        self._take_over()

    def _live_files(self) -> LiveFiles:
        return LiveFiles(
            self.root,
            self.prefix,
            self._policy,
            self._bodies,
            hidden=self._hidden_paths,
            index_file=self._index_file,
            most_remembered=self._settings.memo_size,
            largest_digested=self._settings.largest_digested,
            locate=self._locate,
        )

    def _take_over(self) -> None:
        manifest = self._follower.manifest
        if manifest is not None:
            prefix = self._given_prefix or manifest.prefix or self.prefix
            if prefix != self.prefix:
                self.prefix = prefix
                self.live = self._live_files()
            self.table = FingerprintedFiles(
                manifest,
                self.root,
                self.prefix,
                self._policy,
                most_remembered=self._settings.memo_size,
                hidden=self._hidden_paths,
            )

    def follow(self) -> bool:
        """Take over a new manifest if there is one; return whether anything changed.

        The caller makes sure that one thread at a time does this.
        """
        changed = self._follows_manifest and self._follower.check()
        if changed:
            self.may_remember = self._follower.is_present
            self._take_over()
        return changed

    @property
    def reloads(self) -> tuple[int, int]:
        """How many new manifests were loaded, and how many could not be."""
        return self._follower.reloads, self._follower.failures

    def find(self, path: str, query: str) -> Match | None:
        """Find what a path below the prefix names, or None. Raises `OSError`."""
        if path == PUBLISHED_MANIFEST and self._settings.publish_manifest:
            return self._find_manifest()
        if self.table is not None:
            asset = self.table.asset(path)
            if asset is not None:
                return FingerprintedMatch(path, asset)
            if self.table.manifest.is_path_of_delta(path):
                return None
        if self._has_clean_urls:
            return self._find_with_clean_urls(path, query)
        return self._find_with_index(path, query)

    def _find_manifest(self) -> LiveMatch | None:
        """Find the manifest itself, for a build that takes its previous release from this site."""
        asset = self.live.find_even_hidden(MANIFEST_NAME)
        return None if asset is None else LiveMatch(asset.with_cache_control("no-store"))

    def find_at_prefix(self, query: str) -> RedirectMatch | None:
        """Find what the prefix without its last slash names: a redirect, if there is an index file."""
        name = self.prefix.rstrip("/").rpartition("/")[2]
        has_index = self._index_file is not None and self._find_live(self._index_file, query) is not None
        return _redirect_below(name) if has_index else None

    def _find_live(self, path: str, query: str) -> LiveMatch | None:
        return self._match(self.live.find(path), path, query)

    def _match(self, asset: Asset | Directory | None, path: str, query: str) -> LiveMatch | None:
        if not isinstance(asset, Asset):
            return None
        if self.table is not None and path in self.table.manifest.queries:
            return LiveMatch(
                asset.with_cache_control(IMMUTABLE) if self._is_versioned(asset, path, query) else asset
            )
        # A path that looks fingerprinted is not watched: a new manifest may list it.
        return LiveMatch(asset, None if looks_fingerprinted(path) else self.live.watched(path, asset))

    def _find_with_clean_urls(self, path: str, query: str) -> Match | None:
        """Find a path where a page is served without its extension too.

        For ``blog``, a file of this name comes first, then ``blog.html``, and then the folder with an index
        file. For ``blog/`` the folder comes first, because relative references in the page ``blog.html``
        start from the URL without the slash.
        """
        found = self._find_with_index(path, query)
        if isinstance(found, LiveMatch) or path.endswith(_PAGE_EXTENSION):
            return found
        folder, slash, name = path.removesuffix("/").rpartition("/")
        if name + _PAGE_EXTENSION == self._index_file:
            page = self._find_live(folder + slash + self._index_file, query)
            return found if page is None or path.endswith("/") else RedirectMatch("./")
        page = self._find_live(folder + slash + name + _PAGE_EXTENSION, query)
        if page is None or (path.endswith("/") and found is not None):
            return found
        if path.endswith("/"):
            return RedirectMatch(f"../{url_of(name)}")
        watched = page.watched
        return page._replace(watched=watched and watched._replace(absent=self.live.locate(path)))

    def _find_with_index(self, path: str, query: str) -> Match | None:
        """Find a path where index files are served at their folder's URL only, as WhiteNoise does."""
        index_file = self._index_file
        if index_file is None:
            return self._find_live(path, query)
        if path == "" or path.endswith("/"):
            return self._find_live(path + index_file, query)
        name = path.rpartition("/")[2]
        if name == index_file:
            return RedirectMatch("./") if self._find_live(path, query) else None
        found = self.live.find(path)
        if isinstance(found, Directory):
            index = self._find_live(f"{path}/{index_file}", query)
            return _redirect_below(name) if index else None
        return self._match(found, path, query)

    def _is_versioned(self, asset: Asset, path: str, query: str) -> bool:
        """Whether the query string is the fingerprint of the bytes on disk (Laravel Mix).

        The fingerprint is the start of their MD5. It is compared with the bytes, because the manifest and the
        query alone prove nothing.
        """
        if not query or self.table is None or self.table.manifest.queries.get(path) != query:
            return False
        stored = asset.representations[IDENTITY].content
        if not asset.sha256:
            return False  # a large file is not read
        known = self._md5_digests.get(stored)
        if known is None:
            known = md5(self._bodies.read(stored), usedforsecurity=False).hexdigest()
            self._md5_digests.put(stored, known)
        fingerprint = query.partition("=")[2]
        return len(fingerprint) >= 8 and known.startswith(fingerprint)

    def is_unlisted_fingerprint(self, path: str) -> bool:
        """Whether a path, which names nothing here, looks fingerprinted.

        Below the prefix ``/`` this is always False, because URLs of the application may look so too.
        """
        return self.prefix != "/" and is_servable(path) and looks_fingerprinted(path)

    def may_become_listed(self, path: str) -> bool:
        """Whether a newer manifest, or the first one, may list a live file."""
        if not self._follows_manifest or not looks_fingerprinted(path):
            return False
        return self.table is not None or os.path.isfile(self.root.path + MANIFEST_NAME)

    def current_path(self, path: str) -> str | None:
        """Return today's fingerprinted path of the logical path that an outdated path belongs to, or None."""
        logical = without_fingerprint(path)
        if logical is None or self.table is None:
            return None
        current = self.table.manifest.paths.get(logical)
        return current if current != path else None

    def url(self, logical_path: str) -> str | None:
        """Return the URL path of a logical path, fingerprinted if the manifest lists it; None for no file."""
        table = self.table  # read once: another thread may replace it
        path = None
        if table is not None:
            path = table.manifest.paths.get(logical_path)
        if path is None:
            is_served = is_servable(logical_path) and logical_path not in self._hidden_paths
            location = self.live.locate(logical_path) if is_served else None
            if location is None or not os.path.isfile(location):
                return None
            path = logical_path
        query = table.manifest.queries.get(logical_path) if table is not None else None
        return url_of(self.prefix + path) + (f"?{query}" if query else "")

    def digest(self, logical_path: str) -> str | None:
        """Return the SHA-256 of what `url` names, in base64; None for no file. Raises `OSError`."""
        table = self.table  # read once: another thread may replace it
        path = None if table is None else table.manifest.paths.get(logical_path)
        if table is not None and path is not None:
            record = table.record(path)
            if record is not None:
                return record.sha256
        return self.live.digest(logical_path)


def _redirect_below(name: str) -> RedirectMatch:
    """Refer to a sibling folder; without "./", the "a" of "a:b/" would be a scheme (RFC 3986, 4.2)."""
    return RedirectMatch(f"{'./' if ':' in name else ''}{url_of(name)}/")
