"""A previous release on a live site, which publishes its manifest (``HashServe(publish_manifest=True)``).

Invariant: the site is not trusted. What is fetched from it is limited in bytes, time and failed requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.parse import urlsplit

from hashserve.builder.releases import limited_http
from hashserve.builder.releases.errors import UnreachableError
from hashserve.errors import ManifestError, SettingError
from hashserve.http.codings import IDENTITY
from hashserve.manifest.model import Manifest
from hashserve.url_paths import PUBLISHED_MANIFEST, url_of

__all__ = ["PreviousSite"]

MAX_ATTEMPTS = 3
"""How often a request is sent that has no answer, or a status of 500 or more."""

RETRY_PAUSE_SECONDS = 0.2
"""The pause after the first attempt; after the second it is twice as long."""

MAX_FAILURES_IN_A_ROW = 3
"""After this many requests in a row without a complete answer, the site gets no more requests."""

MAX_SITE_SECONDS = 3600
"""How long all requests of a build may take together; requests at the same time count once."""

MAX_MANIFEST_BYTES = 256 * 1024 * 1024
"""Ten times the size of the manifest of 100,000 files."""

BLOCK_BYTES = 256 * 1024


class PreviousSite:
    """The site at ``url``; ``prefix`` is added to a URL without a path. Raises `SettingError`.

    `read` may be called from several threads.
    """

    def __init__(self, url: str, prefix: str) -> None:
        try:
            has_path = urlsplit(url).path not in ("", "/")
        except ValueError as error:
            raise SettingError("previous", url, f"is not a URL: {error}") from error
        self._base = url.rstrip("/") + ("/" if has_path else url_of(prefix))
        self._limits = _SiteLimits()

    def manifest(self) -> Manifest:
        """Load the manifest that the site publishes. Raises `UnreachableError` or `ManifestError`."""
        url = self._base + PUBLISHED_MANIFEST
        content = bytearray()
        for chunk in self._fetch(url, IDENTITY):
            content += chunk
            if len(content) > MAX_MANIFEST_BYTES:
                raise ManifestError(url, "", f"is longer than {MAX_MANIFEST_BYTES} bytes")
        if not content.lstrip().startswith(b"{"):
            raise ManifestError(url, "", "is not a manifest; does the site run with publish_manifest=True?")
        return Manifest.loads(bytes(content), source=url)

    def read(self, path: str, coding: str = IDENTITY) -> Iterator[bytes]:
        """Fetch a file in one coding. Raises `UnreachableError`."""
        return self._fetch(self._base + url_of(path), coding)

    def _fetch(self, url: str, coding: str) -> Iterator[bytes]:
        self._limits.check(url)
        with self._limits.timed(), self._open(url, coding) as response:
            if response.headers.get("Content-Encoding", IDENTITY) != coding:
                raise UnreachableError(url, f"the site did not send it as {coding}")
            try:
                # read1, because read waits for a whole block, however slowly it comes.
                while chunk := response.read1(BLOCK_BYTES):
                    yield chunk
                    self._limits.check_time()
                self._limits.count(answered=True)
            except (OSError, HTTPException) as error:
                self._limits.count(answered=False)
                problem = f"was not received completely: {limited_http.describe(error)}"
                raise UnreachableError(url, problem) from error

    def _open(self, url: str, coding: str) -> HTTPResponse:
        # no-cache, because a proxy may have an older manifest than the site.
        fields = {"Accept-Encoding": coding, "Cache-Control": "no-cache", "User-Agent": "hashserve"}
        attempt = 1
        while True:
            try:
                return limited_http.get(url, fields)
            except (OSError, HTTPException, ValueError) as error:
                status = None
                if isinstance(error, HTTPError):
                    status = error.code
                    error.close()
                if attempt == MAX_ATTEMPTS or (status is not None and status < 500):
                    self._limits.count(answered=status is not None)
                    raise UnreachableError(url, limited_http.describe(error)) from error
            time.sleep(RETRY_PAUSE_SECONDS * attempt)
            attempt += 1


class _SiteLimits:
    """How many requests in a row have failed, and how long requests have taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures_in_a_row = 0
        self._running = 0
        self._running_since = 0.0
        self._seconds = 0.0

    def count(self, *, answered: bool) -> None:
        with self._lock:
            self._failures_in_a_row = 0 if answered else self._failures_in_a_row + 1

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of a request, once for all that run at the same time."""
        with self._lock:
            if not self._running:
                self._running_since = time.monotonic()
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._seconds += time.monotonic() - self._running_since

    def check(self, url: str) -> None:
        """Raise `UnreachableError` where the site must not get another request."""
        with self._lock:
            failures = self._failures_in_a_row
        if failures >= MAX_FAILURES_IN_A_ROW:
            raise UnreachableError(url, f"not requested: the last {failures} requests had no complete answer")
        try:
            self.check_time()
        except TimeoutError as error:
            raise UnreachableError(url, f"not requested: {error}") from error

    def check_time(self) -> None:
        """Raise `TimeoutError` where the requests of this build have taken too long."""
        with self._lock:
            running = time.monotonic() - self._running_since if self._running else 0.0
            if self._seconds + running > MAX_SITE_SECONDS:
                raise TimeoutError(f"requests to this site have taken over {MAX_SITE_SECONDS} s")
