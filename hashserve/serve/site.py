"""A site: its mounts, and the answer to each request below them.

Invariant: every answer is complete and correct, or it is a 404 or 503 that no cache stores, whatever changes
on disk while it is made. A wrong length is never sent, and no error of the disk reaches the caller.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TypeVar

from hashserve.http.codings import IDENTITY
from hashserve.http.messages import Request
from hashserve.http.responses import method_not_allowed, not_found, options, redirect, unavailable
from hashserve.serve.answers import Answer
from hashserve.serve.asset_responses import respond, respond_not_found
from hashserve.serve.assets import Asset
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.failure_log import FailureLog, log_missing_root
from hashserve.serve.files import ChangedFileError, ChangedWhileReadError, WrongSizeError, is_machine_error
from hashserve.serve.inspection import Root
from hashserve.serve.live_files import Locate
from hashserve.serve.locks import ForkSafeLock
from hashserve.serve.mount import FingerprintedMatch, LiveMatch, Mount, RedirectMatch
from hashserve.serve.negotiation import saved_bytes, select
from hashserve.serve.policy import Policy, policy_of
from hashserve.settings.serve import ServeSettings
from hashserve.url_paths import decode_path, mount_point_of, query_suffix, url_of

__all__ = ["Site"]

ATTEMPTS = 100
"""How often an answer is tried, if files change during each attempt."""

MOST_READS = 2
"""How often the whole of a file that changes meanwhile is read for one request."""

T = TypeVar("T")


class Site:
    """The mounts of one server; the last one added is asked first.

    ``on_change`` is called when the mounts or their manifests have changed.
    ``on_drop`` is called when bodies were dropped from memory.
    """

    def __init__(
        self,
        settings: ServeSettings,
        policy: Policy | None = None,
        *,
        on_change: Callable[[], None] = lambda: None,
        on_drop: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.policy = policy or policy_of(settings)
        self.mounts: tuple[Mount, ...] = ()
        self.bodies = BodyCache(settings.body_budget, settings.largest_body, on_drop)
        self.failure_log = FailureLog(clock)
        self.check_due = clock() + settings.check_interval
        self._common_fields = self.policy.common_fields()
        self._on_change = on_change
        self._clock = clock
        self._following = ForkSafeLock()

    def add(
        self,
        root: str | os.PathLike[str],
        prefix: str | None,
        manifest_name: str | None = None,
        *,
        origin: str = "",
        locate: Locate | None = None,
        follows_manifest: bool = True,
        is_shared: bool = False,
    ) -> Mount:
        """Add the folder ``root`` under ``prefix``, which starts and ends with a slash, or is None.

        If it was added before, it is now the last one added, and not added again.
        ``origin`` is the start of its URLs if another host (a CDN) serves them.
        `hashserve.serve.mount.Mount` explains the other arguments. With ``locate``, links are followed.
        """
        path = os.path.join(os.path.abspath(root), "")
        if not os.path.isdir(path):
            log_missing_root(path)
        mount = Mount(
            Root(path=path, follow_symlinks=self.settings.follow_symlinks or locate is not None),
            prefix,
            self.settings,
            self.policy,
            self.bodies,
            manifest_name=manifest_name,
            origin=origin,
            locate=locate,
            follows_manifest=follows_manifest,
            is_shared=is_shared,
        )
        with self._following.lock:
            self.mounts = (mount, *(other for other in self.mounts if other.key != mount.key))
            self._on_change()
        return mount

    # Following manifests

    def follow_if_due(self) -> None:
        """Look for new manifests, at most once in ``check_interval`` seconds."""
        if self._clock() >= self.check_due:
            self.follow()

    def follow(self) -> bool:
        """Look for new manifests now; return whether any mount changed."""
        self.check_due = self._clock() + self.settings.check_interval
        # A thread that waited here finds what the one before it has loaded.
        with self._following.lock:
            changed = [mount for mount in self.mounts if mount.follow()]
            if any(not mount.may_remember for mount in changed):
                self.bodies.clear()
            if changed:
                self._on_change()
        return bool(changed)

    # Answering

    def answer(self, request: Request) -> Answer | None:
        """Answer any request except HEAD; None if the application must answer. Never raises `OSError`."""
        if self._clock() >= self.check_due:
            self.follow()
        path = decode_path(request.path)
        if path is None:
            return None
        try:
            return retry(self._find, path, request) or self._answer_missing(path, request)
        except OSError as error:
            return self._answer_failure(path, error)

    def _find(self, path: str, request: Request) -> Answer | None:
        """Answer from the first mount that has something at a path. Raises `OSError`."""
        is_preceded = False
        for mount in self.mounts:
            prefix = mount.prefix  # read once: a new manifest may state another one
            if path.startswith(prefix):
                found = mount.find(path[len(prefix) :], request.query)
            elif prefix == f"{path}/":
                found = mount.find_at_prefix(request.query)
            else:
                continue
            if isinstance(found, FingerprintedMatch):
                return self._load_fingerprinted(mount, found, request)
            if isinstance(found, LiveMatch):
                # The files of a new release are on disk before this process has read its manifest.
                if mount.may_become_listed(path[len(prefix) :]) and self.follow():
                    return self._find(path, request)
                # A mount that is asked before this one may have a file here by the next request, so this
                # answer is not remembered.
                return self._load_live(LiveMatch(found.asset) if is_preceded else found, request)
            if found is not None:
                return self._redirect_to_index(found, request)
            is_preceded = True
        return None

    def _load_live(self, found: LiveMatch, request: Request) -> Answer:
        response = respond(found.asset, request, self._common_fields)
        response, descriptor = self.bodies.load(response, opened=found.asset.opened)
        if found.watched is None or descriptor is not None:
            return Answer(response, descriptor, kind="unhashed")
        return Answer(response, asset=found.asset, watched=found.watched, kind="unhashed")

    def _load_fingerprinted(self, mount: Mount, found: FingerprintedMatch, request: Request) -> Answer:
        """Answer with the best representation that is undamaged; a damaged one is logged and left out."""
        asset = found.asset
        while True:
            selected = select(asset, request)
            response = respond(asset, request, self._common_fields, selected)
            try:
                response, descriptor = self.bodies.load(response, keep=mount.may_remember)
            except OSError as error:
                coding = selected.coding
                if self._may_recover(mount, found, coding, error):
                    raise
                self.failure_log.log_once(f"{url_of(mount.prefix + found.path)} as {coding}: {error}")
                if coding == IDENTITY:
                    return Answer(not_found(self._common_fields), kind="failed")
                asset = asset.without(selected)
            else:
                # The manifest may have been deleted in between.
                is_lasting = mount.may_remember and descriptor is None and asset is found.asset
                answer = Answer(response, descriptor, asset if is_lasting else None, kind="fingerprinted")
                if selected.is_delta and response.status == HTTPStatus.OK:
                    return answer._replace(saved=saved_bytes(asset, request, selected))
                return answer

    @staticmethod
    def _may_recover(mount: Mount, found: FingerprintedMatch, coding: str, error: OSError) -> bool:
        """Whether another attempt may succeed after a file could not be read.

        It may after an error of the machine, and if the manifest does not state what the file holds, because
        the file is then inspected again. An EIO of a variant is final: the file is sent without it.
        """
        is_bad_variant = coding != IDENTITY and error.errno == errno.EIO
        if is_bad_variant:
            return False
        return is_machine_error(error) or (mount.table is not None and mount.table.forget(found.path))

    def _redirect_to_index(self, found: RedirectMatch, request: Request) -> Answer:
        fields = self._common_fields
        if request.method == "OPTIONS":
            return Answer(options(request, fields), kind="redirect")
        if request.method != "GET":
            return Answer(method_not_allowed(fields), kind="redirect")
        location = found.location + query_suffix(request.query)
        return Answer(redirect(location, fields, self.policy.lifetime()), kind="redirect")

    def _answer_missing(self, path: str, request: Request) -> Answer | None:
        """Answer for a path that names nothing: an unknown fingerprint, or any other path."""
        if self._looks_fingerprinted(path):
            # A page of a new release may request its files before the next check. The lookup is repeated even
            # if nothing changed here: another thread may have loaded the new manifest.
            self.follow()
            return retry(self._find, path, request) or self._answer_unknown(path, request)
        is_owned = any(not mount.is_shared for mount, _ in self._mounts_of(path))
        if self.settings.on_missing == "pass" or not is_owned:
            return None
        return self.fallback(request) or Answer(not_found(self._common_fields))

    def is_unknown(self, request: Request) -> bool:
        """Whether a request without an answer is for an unknown fingerprint."""
        path = decode_path(request.path)
        return path is not None and self._looks_fingerprinted(path)

    def _looks_fingerprinted(self, path: str) -> bool:
        return any(mount.is_unlisted_fingerprint(relative) for mount, relative in self._mounts_of(path))

    def _mounts_of(self, path: str) -> Iterator[tuple[Mount, str]]:
        for mount in self.mounts:
            prefix = mount.prefix
            if path.startswith(prefix):
                yield mount, path[len(prefix) :]

    def _answer_unknown(self, path: str, request: Request) -> Answer | None:
        if self.settings.on_unknown == "pass":
            return None
        if self.settings.on_unknown == "redirect" and request.method == "GET":
            for mount, relative in self._mounts_of(path):
                current = mount.current_path(relative)
                if current is not None:
                    return self._redirect_to_current(mount.prefix + current, request)
        return Answer(not_found(self._common_fields), kind="unknown")

    def _redirect_to_current(self, current: str, request: Request) -> Answer:
        location = mount_point_of(request.mount) + url_of(current) + query_suffix(request.query)
        return Answer(redirect(location, self._common_fields, "no-store"), kind="unknown")

    def _answer_failure(self, path: str, error: OSError) -> Answer:
        """Log why a file cannot be read, and answer without the reason."""
        self.failure_log.log_failure(path, error)
        return self._failure(error)

    def _failure(self, error: OSError) -> Answer:
        may_succeed_later = is_machine_error(error) or isinstance(error, ChangedFileError)
        response = unavailable(self._common_fields) if may_succeed_later else not_found(self._common_fields)
        return Answer(response, kind="failed")

    # Pages for paths without a file

    def may_fall_back(self, request: Request) -> bool:
        """Whether a page may replace the application's 404: only if a browser asks for a page."""
        if self.settings.not_found_page is not None and _accepts_a_page(request):
            return True
        return self.is_navigation(request)

    def is_navigation(self, request: Request) -> bool:
        """Whether a browser asks for a page, so that the fallback page answers if nothing else does."""
        if self.settings.spa_fallback is None:
            return False
        return _accepts_a_page(request) and "." not in request.path.rpartition("/")[2]

    def fallback(self, request: Request) -> Answer | None:
        """Answer a GET that nothing else answers: with the page for navigations, or the one for 404s.

        None if there is no such page.
        """
        answer = self._answer_navigation(request) if self.is_navigation(request) else None
        return answer or self._answer_not_found(request)

    def _answer_navigation(self, request: Request) -> Answer | None:
        page = self.settings.spa_fallback or ""
        try:
            return retry(self._find_fallback, page, request)
        except OSError as error:
            self.failure_log.log_failure_of_page(page, error)
            return self._failure(error)

    def _find_fallback(self, page: str, request: Request) -> Answer | None:
        asset = self._find_page(page, request)
        if asset is None:
            return None
        # The page is revalidated each time, because it stands for every URL of the application.
        asset = asset.with_cache_control("no-cache")
        response = respond(asset, request, self._common_fields)
        return Answer(*self.bodies.load(response, opened=asset.opened), kind="fallback")

    def _answer_not_found(self, request: Request) -> Answer | None:
        page = self.settings.not_found_page
        if page is None or request.method != "GET":
            return None
        try:
            return retry(self._find_not_found, page, request)
        except OSError as error:  # the 404 without a page says the same
            self.failure_log.log_failure_of_page(page, error)
            return None

    def _find_not_found(self, page: str, request: Request) -> Answer | None:
        asset = self._find_page(page, request)
        if asset is None:
            self.failure_log.log_once(f"the page of 404s: no root has {page!r}; create it")
            return None
        response = respond_not_found(asset, request)
        return Answer(*self.bodies.load(response, opened=asset.opened), kind="missing")

    def _find_page(self, page: str, request: Request) -> Asset | None:
        """Find the file of a page below the first root that has it. Raises `OSError`."""
        for mount, _ in self._mounts_of(decode_path(request.path) or "/"):
            asset = mount.live.find(page)
            if isinstance(asset, Asset):
                return asset
        return None


def _accepts_a_page(request: Request) -> bool:
    """Whether a browser navigates: it lists text/html. Scripts accept */*, and must not get a page."""
    return request.method in ("GET", "HEAD") and request.accept is not None and "text/html" in request.accept


def retry(find: Callable[[str, Request], T], path: str, request: Request) -> T:
    """Call ``find``, and again while files change under it.

    Raises `OSError` after `ATTEMPTS` calls, or after `MOST_READS` in which a whole file was read.
    """
    reads = 0
    for _ in range(ATTEMPTS - 1):
        try:
            return find(path, request)
        except (ChangedFileError, FileNotFoundError) as error:  # noqa: PERF203  # it costs nothing unless raised
            reads += isinstance(error, (ChangedWhileReadError, WrongSizeError))
            if reads == MOST_READS:
                raise
    return find(path, request)
