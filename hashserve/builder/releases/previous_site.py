"""A previous release on a live site, which publishes its manifest (``HashServe(publish_manifest=True)``).

Invariant: the site is not trusted. What is fetched from it is limited in bytes, time and failed requests.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from types import MappingProxyType
from urllib.error import HTTPError
from urllib.parse import unquote_to_bytes, urlsplit

from hashserve.builder.releases import limited_http
from hashserve.builder.releases.errors import UnreachableError, without_password
from hashserve.builder.releases.request_limits import ResponseLimits, SiteLimits
from hashserve.errors import ManifestError, SettingError
from hashserve.http.codings import IDENTITY
from hashserve.http.dictionaries import DCZ
from hashserve.manifest.model import DeltaRecord, Manifest
from hashserve.settings.build import BuildSettings
from hashserve.url_paths import PUBLISHED_MANIFEST, url_of

__all__ = ["PreviousSite"]

MAX_ATTEMPTS = 3
"""How often a request is sent that has no answer, or a status of 500 or more."""

RETRY_PAUSE_SECONDS = 0.2
"""The pause after the first attempt; after the second it is twice as long."""

MAX_FAILURES_IN_A_ROW = 3
"""After this many requests in a row without a complete answer, the site gets no more requests."""

MAX_REFUSALS_IN_A_ROW = 100
"""After this many requests in a row with an error as the answer, such as 404, it gets none either."""

MAX_WITHOUT_DELTA = 8
"""After this many files in a row that came without the delta, the site is asked for no more deltas."""

MAX_MANIFEST_BYTES = 64 * 1024 * 1024
"""Over twice the size of the manifest of 100,000 files."""

MAX_MANIFEST_ENTRIES = 1_000_000
"""How many entries all objects of the manifest have. In memory, each takes 200 bytes. A site of 100,000 files
that all changed in each of three releases has 600,000.
"""

BLOCK_BYTES = 256 * 1024

_DEFAULTS = BuildSettings()

_NO_FIELDS: Mapping[str, str] = MappingProxyType({})


class PreviousSite:
    """The site at ``url``; ``prefix`` is added to a URL without a path. Raises `SettingError`.

    All its requests together may take ``seconds`` and receive ``received_bytes``. `read` may be called from
    several threads.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        *,
        seconds: float = _DEFAULTS.previous_timeout,
        received_bytes: int = _DEFAULTS.previous_bytes,
    ) -> None:
        try:
            has_path = urlsplit(url).path not in ("", "/")
        except ValueError as error:
            raise SettingError("previous", without_password(url), f"is not a URL: {error}") from error
        base, self._credentials = _split_credentials(url)
        self._base = base.rstrip("/") + ("/" if has_path else url_of(prefix))
        self._limits = SiteLimits(seconds, received_bytes)
        self._manifest_bytes = min(MAX_MANIFEST_BYTES, received_bytes)
        self._failures = _FailuresInARow()
        self._without_delta = 0

    def manifest(self) -> Manifest:
        """Load the manifest that the site publishes. Raises `UnreachableError` or `ManifestError`."""
        url = self._base + PUBLISHED_MANIFEST
        content = bytearray()
        for chunk in self._fetch(url, IDENTITY, self._manifest_bytes):
            content += chunk
            if len(content) > self._manifest_bytes:
                raise ManifestError(url, "", f"is longer than {self._manifest_bytes:,} bytes")
        if not content.lstrip().startswith(b"{"):
            raise ManifestError(url, "", "is not a manifest; does the site run with publish_manifest=True?")
        if content.count(b",") > MAX_MANIFEST_ENTRIES:
            raise ManifestError(url, "", f"has more than {MAX_MANIFEST_ENTRIES:,} entries")
        return Manifest.loads(bytes(content), source=url)

    def read(self, path: str, coding: str, size: int) -> Iterator[bytes]:
        """Fetch a file in one coding, in which it has ``size`` bytes. Raises `UnreachableError`."""
        return self._fetch(self._base + url_of(path), coding, size)

    def read_delta(self, delta: DeltaRecord) -> Iterator[bytes]:
        """Fetch a delta, as a client does that has the dictionary (RFC 9842). Raises `UnreachableError`.

        A site that sends none, as an older server or a proxy in front does, is soon asked for no more.
        """
        url = self._base + url_of(delta.of)
        if self._without_delta >= MAX_WITHOUT_DELTA:
            raise UnreachableError(url, f"the site sent {self._without_delta} files in a row without a delta")
        return self._fetch(url, DCZ, delta.size, {"Available-Dictionary": f":{delta.dictionary_sha256}:"})

    def stop(self) -> None:
        """Let all requests end soon."""
        self._limits.stop()

    def _fetch(
        self, url: str, coding: str, size: int, fields: Mapping[str, str] = _NO_FIELDS
    ) -> Iterator[bytes]:
        # Here, and not in the generator: the caller has not begun to write a file.
        self._failures.check(url)
        with _not_requested_on_error(url):
            self._limits.seconds_left()
        return self._body(url, coding, size, fields)

    def _body(self, url: str, coding: str, size: int, fields: Mapping[str, str]) -> Iterator[bytes]:
        with _not_requested_on_error(url):
            response_limits = ResponseLimits(self._limits, size)
        with self._limits.timed(), response_limits as limits:
            response = self._open(url, coding, limits, fields)
            with response:
                is_coded = response.headers.get("Content-Encoding", IDENTITY) == coding
                if coding == DCZ:
                    self._without_delta = 0 if is_coded else self._without_delta + 1
                if not is_coded:
                    raise UnreachableError(url, f"the site did not send it as {coding}")
                try:
                    # read1, because read waits for a whole block, however slowly it comes.
                    while chunk := response.read1(BLOCK_BYTES):
                        limits.deliver(len(chunk))
                        yield chunk
                except (OSError, HTTPException, ValueError) as error:
                    self._failures.count_unanswered()
                    problem = f"was not received completely: {limited_http.describe(error)}"
                    raise UnreachableError(url, problem) from error
                self._failures.end_row()

    def _open(self, url: str, coding: str, limits: ResponseLimits, more: Mapping[str, str]) -> HTTPResponse:
        # no-cache, because a proxy may have an older manifest than the site.
        fields = {"Accept-Encoding": coding, "Cache-Control": "no-cache", "User-Agent": "hashserve", **more}
        if self._credentials is not None:
            fields["Authorization"] = self._credentials
        attempt = 1
        while True:
            try:
                return limited_http.get(url, fields, limits)
            except (OSError, HTTPException, ValueError) as error:
                status = None
                if isinstance(error, HTTPError):
                    status = error.code
                    error.close()
                if attempt == MAX_ATTEMPTS or (status is not None and status < 500):
                    if status is None:
                        self._failures.count_unanswered()
                    else:
                        self._failures.count_refused()
                    raise UnreachableError(url, limited_http.describe(error)) from error
            self._limits.pause(RETRY_PAUSE_SECONDS * attempt)
            attempt += 1


@contextmanager
def _not_requested_on_error(url: str) -> Iterator[None]:
    """Turn the error of a limit into the one of a file that is not requested."""
    try:
        yield
    except OSError as error:
        raise UnreachableError(url, f"not requested: {error}") from error


def _split_credentials(url: str) -> tuple[str, str | None]:
    """Return a URL without its user and password, and the field that sends these (RFC 7617)."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = user.partition(":")
    encoded = b64encode(unquote_to_bytes(name) + b":" + unquote_to_bytes(password)).decode()
    return parts._replace(netloc=host).geturl(), f"Basic {encoded}"


class _FailuresInARow:
    """How many requests in a row had no complete answer, or no file as the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unanswered = 0
        self._refused = 0

    def end_row(self) -> None:
        """Count a file that came."""
        with self._lock:
            self._unanswered = self._refused = 0

    def count_unanswered(self) -> None:
        with self._lock:
            self._unanswered += 1

    def count_refused(self) -> None:
        with self._lock:
            self._unanswered = 0
            self._refused += 1

    def check(self, url: str) -> None:
        """Raise `UnreachableError` where the site must not get another request."""
        with self._lock:
            unanswered, refused = self._unanswered, self._refused
        if unanswered >= MAX_FAILURES_IN_A_ROW:
            problem = f"the last {unanswered} requests had no complete answer"
        elif refused >= MAX_REFUSALS_IN_A_ROW:
            problem = f"the last {refused} requests had an error as the answer"
        else:
            return
        raise UnreachableError(url, f"not requested: {problem}")
