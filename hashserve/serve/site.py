"""The serve side as a whole: every mount, and what each request under them gets.

Invariant: whatever happens on disk, the answer is a whole and right one, or an honest 404 or 503 that
no cache stores; never an exception of ours, never a wrong length.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from hashserve.digests import integrity_of
from hashserve.errors import UnknownAssetError
from hashserve.file_identity import FileIdentity
from hashserve.http.codings import IDENTITY
from hashserve.http.messages import FileSpan, Request, Response
from hashserve.http.responses import method_not_allowed, not_found, options, redirect, unavailable
from hashserve.paths import decode_path, mount_point_of, query_suffix, url_of
from hashserve.serve.assets import Asset
from hashserve.serve.bodies import BodyCache
from hashserve.serve.bounded_cache import ForkSafeLock
from hashserve.serve.files import ChangedFileError, is_exhaustion, read_stored
from hashserve.serve.inspection import Root, Watched
from hashserve.serve.kinds import Kind
from hashserve.serve.live import Locate
from hashserve.serve.mount import FingerprintedMatch, LiveMatch, Match, Mount, RedirectMatch
from hashserve.serve.policy import Policy, policy_of
from hashserve.serve.respond import respond
from hashserve.settings.serve import ServeSettings

__all__ = ["Answer", "Site"]

ATTEMPTS = 100
"""How often a live file that changes while it is being answered from is looked at again."""

_MOST_TOLD = 1000

TOLD_AGAIN_AFTER = 60.0
"""After how many seconds it is told again that descriptors or memory ran out, or that a disk fails."""

_logger = logging.getLogger("hashserve")


class Answer(NamedTuple):
    """A response whose body can be sent: bytes in memory, or spans of one open ``descriptor``.

    Whoever takes the answer closes the descriptor. ``asset`` is set where the response depends on
    nothing but the path and Accept-Encoding of a GET, now and until ``on_change`` is called; but
    where there is something ``watched``, only while that is unchanged. ``kind`` is for whoever counts.
    """

    response: Response
    descriptor: int | None = None
    asset: Asset | None = None
    watched: Watched | None = None
    kind: Kind = "missing"

    def without_body(self) -> Answer:
        """Give what HEAD gets of it; the descriptor is closed."""
        if self.descriptor is not None:
            os.close(self.descriptor)
        return Answer(response=self.response._replace(body=()), kind=self.kind)


class Site:
    """The mounts of one server; the last one added is asked first.

    ``on_change`` is called whenever what was answered before may no longer be remembered.
    """

    def __init__(
        self,
        settings: ServeSettings,
        policy: Policy | None = None,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.policy = policy or policy_of(settings)
        self.mounts: tuple[Mount, ...] = ()
        self.bodies = BodyCache(settings.body_budget, settings.largest_body, on_change)
        self.check_due = clock() + settings.check_interval
        self._common_fields = self.policy.common_fields()
        self._on_change = on_change
        self._clock = clock
        self._told: set[str] = set()
        self._troubles: dict[int | None, float] = {}
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
        """Serve the folder ``root`` under ``prefix`` (with slashes around, or None) too.

        ``origin`` is what its URLs start with where they are fetched from elsewhere (a CDN). The rest
        is as `hashserve.serve.mount.Mount` has it; where files are located, links are followed.
        """
        path = os.path.join(os.path.abspath(root), "")
        if not os.path.isdir(path):
            _tell_of_absence(path)
        mount = Mount(
            Root(path=path, follow_symlinks=self.settings.follow_symlinks or locate is not None),
            prefix,
            self.policy,
            self.bodies,
            manifest_name=manifest_name,
            index_file=self.settings.index_name,
            publish_manifest=self.settings.publish_manifest,
            origin=origin,
            memo_size=self.settings.memo_size,
            locate=locate,
            follows_manifest=follows_manifest,
            is_shared=is_shared,
        )
        self.mounts = (mount, *self.mounts)
        self._on_change()
        return mount

    # Following manifests

    def follow_if_due(self) -> None:
        """Look for new manifests unless that was done within the last ``check_interval`` seconds."""
        if self._clock() >= self.check_due:
            self.follow()

    def follow(self) -> bool:
        """Look for new manifests now; True if any mount changed."""
        self.check_due = self._clock() + self.settings.check_interval
        # Whoever waited here finds what the one before has taken over.
        with self._following:
            changed = [mount for mount in self.mounts if mount.follow()]
            if any(not mount.may_remember for mount in changed):
                self.bodies.clear()
            if changed:
                self._on_change()
        return bool(changed)

    # Answering

    def answer(self, request: Request) -> Answer | None:
        """Answer a request, or give None where it is the application's. Never raises `OSError`."""
        self.follow_if_due()
        if request.method == "HEAD":
            # All that differs from GET: no ranges (RFC 9110 section 14.2), and no body.
            answer = self._answer(request._replace(method="GET", range=None))
            return None if answer is None else answer.without_body()
        return self._answer(request)

    def _answer(self, request: Request) -> Answer | None:
        path = decode_path(request.path)
        if path is None:
            return None
        try:
            return self._insist(lambda: self._find_and_load(path, request)) or self._answer_nothing(
                path, request
            )
        except OSError as error:
            return self._answer_failure(path, error)

    def _insist(self, look: Callable[[], Answer | None]) -> Answer | None:
        """Look again where what is there changes in the meantime. Raises `OSError` in the end."""
        for _ in range(ATTEMPTS - 1):
            try:
                return look()
            except (ChangedFileError, FileNotFoundError):  # noqa: PERF203  # it costs nothing unless raised
                continue
        return look()

    def _find_and_load(self, path: str, request: Request) -> Answer | None:
        is_preceded = False  # by a mount that has nothing there, but may have by the next request
        for mount in self.mounts:
            found: Match | None = None
            prefix = mount.prefix  # taken once: a new manifest may bring another one
            if path.startswith(prefix):
                relative = path[len(prefix) :]
                found = mount.find(relative, request.query)
                if isinstance(found, LiveMatch):
                    # A new release's files are on disk before the manifest that lists them is seen here.
                    if mount.may_yet_list(relative) and self.follow():
                        return self._find_and_load(path, request)
                    if is_preceded:
                        found = LiveMatch(found.asset)
            elif prefix == f"{path}/":
                found = mount.find_bare(request.query)
            else:
                continue
            if found is not None:
                return self._load(mount, found, request)
            is_preceded = True
        return None

    def _mounts_of(self, path: str) -> Iterator[tuple[Mount, str]]:
        for mount in self.mounts:
            prefix = mount.prefix
            if path.startswith(prefix):
                yield mount, path[len(prefix) :]

    def _load(self, mount: Mount, found: Match, request: Request) -> Answer:
        if isinstance(found, RedirectMatch):
            return self._answer_moved(found, request)
        if isinstance(found, LiveMatch):
            return self._load_live(found, request)
        return self._load_fingerprinted(mount, found, request)

    def _load_live(self, found: LiveMatch, request: Request) -> Answer:
        answer = self._with_body(respond(found.asset, request, self._common_fields), "unhashed")
        if found.watched is None or answer.descriptor is not None:
            return answer
        return answer._replace(asset=found.asset, watched=found.watched)

    def _load_fingerprinted(self, mount: Mount, found: FingerprintedMatch, request: Request) -> Answer:
        """Answer with the best representation that is whole; a damaged one is told of and left out."""
        asset = found.asset
        while True:
            response = respond(asset, request, self._common_fields)
            try:
                answer = self._with_body(response, "fingerprinted", remember=mount.may_remember)
            except OSError as error:
                coding = asset.select(request.accept_encoding).coding
                # A variant in a bad place of the disk can be done without; anything else it may be once
                # the machine has recovered. Of what no manifest tells, the disk is the only truth: it is
                # looked at again.
                is_bad_variant = coding != IDENTITY and error.errno == errno.EIO
                if not is_bad_variant and (
                    is_exhaustion(error) or (mount.table is not None and mount.table.forget(found.path))
                ):
                    raise
                self._tell_once(f"{url_of(mount.prefix + found.path)} as {coding}: {error}")
                if coding == IDENTITY:
                    return Answer(response=not_found(self._common_fields), kind="failed")
                asset = asset.without(coding)
            else:
                is_lasting = mount.may_remember and answer.descriptor is None and asset is found.asset
                return answer._replace(asset=asset) if is_lasting else answer

    def _with_body(self, response: Response, kind: Kind, *, remember: bool = True) -> Answer:
        """Open what the response's body is in, or take it from memory. Raises `OSError`."""
        for span in response.body:
            if isinstance(span, FileSpan):
                break
        else:
            return Answer(response, kind=kind)
        file = span.file
        if not self.bodies.holds(file):
            descriptor, seen = self.bodies.open(span)
            return Answer(_with_file_identity(response, seen), descriptor, kind=kind)
        content = self.bodies.read(file) if remember else read_stored(file)
        body = tuple([_cut(part, content) for part in response.body])
        return Answer(Response(response.status, response.headers, body), kind=kind)

    def _answer_moved(self, found: RedirectMatch, request: Request) -> Answer:
        fields = self._common_fields
        if request.method == "OPTIONS":
            return Answer(response=options(request, fields), kind="redirect")
        if request.method != "GET":
            return Answer(response=method_not_allowed(fields), kind="redirect")
        location = found.location + query_suffix(request.query)
        lifetime = self.policy.lifetime()
        return Answer(response=redirect(location, fields, lifetime), kind="redirect")

    def _answer_nothing(self, path: str, request: Request) -> Answer | None:
        """Answer for a path that names nothing: an outdated or unknown fingerprint, or a plain miss."""
        if self._lists_nothing_like(path):
            # A page of a new release may be ahead of the next check: look before saying no. Look also
            # where nothing changed, since another thread may have been the one that saw it change.
            self.follow()
            found = self._insist(lambda: self._find_and_load(path, request))
            return found or self._answer_unknown(path, request)
        is_owned = any(not mount.is_shared for mount, _ in self._mounts_of(path))
        if self.settings.on_missing == "pass" or not is_owned:
            return None
        return self.fallback(request) or Answer(response=not_found(self._common_fields))

    def _lists_nothing_like(self, path: str) -> bool:
        return any(mount.lists_nothing_like(relative) for mount, relative in self._mounts_of(path))

    def is_unknown(self, request: Request) -> bool:
        """Whether a request that `answer` left to the application is for an unknown fingerprint."""
        path = decode_path(request.path)
        return path is not None and self._lists_nothing_like(path)

    def _answer_unknown(self, path: str, request: Request) -> Answer | None:
        if self.settings.on_unknown == "pass":
            return None
        if self.settings.on_unknown == "redirect" and request.method == "GET":
            for mount, relative in self._mounts_of(path):
                current = mount.current_path(relative)
                if current is not None:
                    return self._answer_outdated(mount.prefix + current, request)
        return Answer(response=not_found(self._common_fields), kind="unknown")

    def _answer_outdated(self, current: str, request: Request) -> Answer:
        location = mount_point_of(request.mount) + url_of(current) + query_suffix(request.query)
        return Answer(response=redirect(location, self._common_fields, "no-store"), kind="unknown")

    def _answer_failure(self, path: str, error: OSError) -> Answer:
        """Something is there and cannot be read: say so in the log once, and to the client briefly."""
        # Percent-encoded: whoever asks must not write lines of the log.
        message = f"{url_of(path)}: {error}"
        if is_exhaustion(error):
            self._tell_at_times(error.errno, message)
        else:
            self._tell_once(message)
        if is_exhaustion(error) or isinstance(error, ChangedFileError):
            return Answer(response=unavailable(self._common_fields), kind="failed")
        return Answer(response=not_found(self._common_fields), kind="failed")

    def _tell_at_times(self, number: int | None, message: str) -> None:
        """Tell of what the machine lacks for whichever file: once, and again while it lasts."""
        now = self._clock()
        if now >= self._troubles.get(number, now):
            self._troubles[number] = now + TOLD_AGAIN_AFTER
            _logger.error("cannot serve %s", message)

    def _tell_once(self, message: str) -> None:
        if message not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(message)
            _logger.error("cannot serve %s", message)

    # The fallback of single-page applications

    def is_navigation(self, request: Request) -> bool:
        """Whether a request is one that the fallback answers: a page, asked for by a browser."""
        if self.settings.spa_fallback is None or request.method not in ("GET", "HEAD"):
            return False
        # Browsers list text/html when they navigate; what scripts ask for (*/*) is not to become a page.
        accepts_html = request.accept is not None and "text/html" in request.accept
        return accepts_html and "." not in request.path.rpartition("/")[2]

    def fallback(self, request: Request) -> Answer | None:
        """Answer a navigation with the fallback file, to be revalidated each time; None without one."""
        if not self.is_navigation(request):
            return None
        try:
            answer = self._insist(lambda: self._fallback(request))
        except OSError as error:
            return self._answer_failure(self.settings.spa_fallback or "", error)
        return answer.without_body() if answer is not None and request.method == "HEAD" else answer

    def _fallback(self, request: Request) -> Answer | None:
        path = decode_path(request.path) or "/"
        if request.method == "HEAD":
            request = request._replace(method="GET", range=None)
        for mount, _ in self._mounts_of(path):
            asset = mount.live.find(self.settings.spa_fallback or "")
            if isinstance(asset, Asset):
                page = respond(asset.with_cache_control("no-cache"), request, self._common_fields)
                return self._with_body(page, "fallback")
        return None

    # URLs for templates

    def url(self, logical_path: str, mount_point: str = "") -> str:
        """Give the URL of a logical path. Raises `UnknownAssetError`.

        ``mount_point`` is where the application is mounted, percent-encoded; the setting
        ``url_base`` takes its place. A query or fragment in ``logical_path`` is kept.
        """
        self.follow_if_due()
        for path, suffix in readings(logical_path):
            for mount in self.mounts:
                url = mount.url(path)
                if url is not None:
                    return (self.settings.url_base or mount.origin or mount_point) + url + suffix
        raise self._unknown(logical_path)

    def integrity(self, logical_path: str) -> str:
        """Give the ``integrity`` attribute for what `url` names. Raises `UnknownAssetError`."""
        self.follow_if_due()
        try:
            digests = (mount.digest(path) for path, _ in readings(logical_path) for mount in self.mounts)
            digest = next(filter(None, digests), None)
        except OSError as error:
            raise self._unknown(logical_path) from error
        if digest is None:
            raise self._unknown(logical_path)
        return integrity_of(digest)

    def _unknown(self, logical_path: str) -> UnknownAssetError:
        return UnknownAssetError(logical_path, tuple(mount.root.path for mount in self.mounts))

    # Before the fork

    def preload(self) -> int:
        """Read bodies of the releases in force into memory until the budget is used; count them.

        The smallest representation of each asset first, since that is what most clients get.
        """
        count = 0
        for mount in self.mounts:
            paths = () if mount.table is None else tuple(mount.table.manifest.paths.values())
            for order in range(3):
                count += sum(self._preload(mount, path, order) for path in paths)
        return count

    def _preload(self, mount: Mount, path: str, order: int) -> bool:
        try:
            asset = mount.table.asset(path) if mount.table is not None else None
            forms = sorted(asset.representations.values(), key=lambda form: form.size) if asset else []
            if order >= len(forms) or not self.bodies.has_room(forms[order].content):
                return False
            self.bodies.read(forms[order].content)
        except OSError as error:
            self._tell_once(str(error))
            return False
        return True


def readings(logical_path: str) -> Iterator[tuple[str, str]]:
    """Read a path as it stands, then as one with a query or fragment, which keep their delimiter."""
    yield logical_path, ""
    end = min((logical_path.find(mark) for mark in "?#" if mark in logical_path), default=-1)
    if end >= 0:
        yield logical_path[:end], logical_path[end:]


def _with_file_identity(response: Response, seen: FileIdentity) -> Response:
    """Tell whoever sends the response what its file was seen as, so that a change is noticed in time."""
    parts = [
        part._replace(file=part.file._replace(file_identity=seen)) if isinstance(part, FileSpan) else part
        for part in response.body
    ]
    return Response(response.status, response.headers, parts)


def _cut(part: bytes | FileSpan, content: bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    return content if part.length == len(content) else content[part.start : part.start + part.length]


@lru_cache(maxsize=_MOST_TOLD)
def _tell_of_absence(path: str) -> None:
    """Say it once in a process: test clients of a framework make a site for each test."""
    _logger.warning("there is no folder at %s yet; its files are served once there is", path)
