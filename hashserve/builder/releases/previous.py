"""The previous release: where a build that starts from an empty disk finds what is still referred to.

Invariant: not a byte is believed: every file that is brought over is proven by the SHA-256 that its
manifest states, and what does not match is reported and left out.

A place is anything with the two methods of `Place`: a folder, a live site, and whatever comes.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from hashlib import sha256 as sha256_hash
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from hashserve.digests import digest_text
from hashserve.errors import HashserveError, ManifestError, SettingError
from hashserve.http.codings import CODINGS, IDENTITY, DecodeError
from hashserve.manifest.model import MANIFEST_NAME, Manifest
from hashserve.paths import PUBLISHED_MANIFEST, url_of

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = [
    "MismatchError",
    "Place",
    "PreviousFolder",
    "PreviousSite",
    "UnreachableError",
    "place_of",
    "proven_chunks",
]

TIMEOUT = 20
"""Seconds that a site may take to answer, or to go on answering."""

LEAST_RATE = 1024
"""Bytes a second, on average, below which a site is taken to hang after `TIMEOUT`."""

ATTEMPTS = 3
PATIENCE = 3
"""After how many files in a row without any answer a site is not asked any more."""

LARGEST_MANIFEST = 256 * 1024 * 1024
"""Ten times what the manifest of 100,000 files has."""

BLOCK_SIZE = 256 * 1024


class UnreachableError(HashserveError):
    """Tell that a previous release cannot be had: from where, and why."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class MismatchError(HashserveError):
    """Tell of content that is not what its manifest says."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class Place(Protocol):
    """Somewhere that a release was published to."""

    def manifest(self) -> Manifest:
        """Load the manifest there. Raises `UnreachableError` or `ManifestError`."""

    def read(self, path: str, coding: str = IDENTITY) -> Iterator[bytes]:
        """Read one representation of a fingerprinted file. Raises `UnreachableError`."""


def place_of(where: str, prefix: str) -> Place:
    """Tell a folder from a site; ``prefix`` is added to the URL of a site that has no path.

    Raises `SettingError` for the URL of anything else.
    """
    scheme = _SCHEME.match(where)
    if scheme is None:
        return PreviousFolder(where)
    if scheme[1].lower() not in ("http", "https"):
        raise SettingError("previous", where, "must be a folder, or a URL with http:// or https://")
    return PreviousSite(where, prefix)


_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")


class PreviousFolder:
    """A folder that an earlier build wrote."""

    def __init__(self, root: str) -> None:
        self._root = root

    def manifest(self) -> Manifest:
        """Load the folder's manifest."""
        location = os.path.join(self._root, MANIFEST_NAME)
        try:
            return Manifest.load(location)
        except OSError as error:
            raise UnreachableError(location, error.strerror or str(error)) from error

    def read(self, path: str, coding: str = IDENTITY) -> Iterator[bytes]:
        """Read a file, or the variant beside it."""
        suffix = "" if coding == IDENTITY else CODINGS[coding].suffix
        location = os.path.join(self._root, path + suffix)
        try:
            with open(location, "rb") as stream:
                while chunk := stream.read(BLOCK_SIZE):
                    yield chunk
        except OSError as error:
            raise UnreachableError(location, error.strerror or str(error)) from error


class PreviousSite:
    """A live site whose hashserve publishes its manifest (``HashServe(publish_manifest=True)``)."""

    def __init__(self, url: str, prefix: str) -> None:
        try:
            has_path = urlsplit(url).path not in ("", "/")
        except ValueError as error:
            raise SettingError("previous", url, f"is no URL: {error}") from error
        self._base = url.rstrip("/") + ("/" if has_path else url_of(prefix))
        self._unanswered = 0
        self._counting = threading.Lock()

    def manifest(self) -> Manifest:
        """Load the manifest that the site publishes."""
        url = self._base + PUBLISHED_MANIFEST
        chunks: list[bytes] = []
        size = 0
        for chunk in self._fetch(url, IDENTITY):
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_MANIFEST:
                raise ManifestError(url, "", f"is longer than {LARGEST_MANIFEST} bytes")
        content = b"".join(chunks)
        if not content.lstrip().startswith(b"{"):
            raise ManifestError(url, "", "is no manifest; does the site run with publish_manifest=True?")
        return Manifest.loads(content, source=url)

    def read(self, path: str, coding: str = IDENTITY) -> Iterator[bytes]:
        """Fetch a file in one coding."""
        return self._fetch(self._base + url_of(path), coding)

    def _fetch(self, url: str, coding: str) -> Iterator[bytes]:
        from http.client import HTTPException

        with self._counting:
            if self._unanswered >= PATIENCE:
                raise UnreachableError(url, f"is not asked for: {PATIENCE} before it had no answer")
        with self._open(url, coding) as response:
            if response.headers.get("Content-Encoding", IDENTITY) != coding:
                raise UnreachableError(url, f"is not sent as {coding}")
            started, received = time.monotonic(), 0
            try:
                # read1, because read waits for a whole block, however slowly it comes.
                while chunk := response.read1(BLOCK_SIZE):
                    yield chunk
                    received += len(chunk)
                    elapsed = time.monotonic() - started
                    if elapsed > TIMEOUT and received < elapsed * LEAST_RATE:
                        raise TimeoutError(f"{received} bytes in {elapsed:.0f} s")
            except (OSError, HTTPException) as error:
                self._count(answered=False)
                raise UnreachableError(url, f"broke off: {error}") from error

    def _open(self, url: str, coding: str) -> HTTPResponse:
        # Imported here, since a build without a site does not need the 15 ms that it takes.
        import urllib.error
        import urllib.request
        from http.client import HTTPException

        # no-cache: what a proxy remembers may be older than what the site has now.
        headers = {"Accept-Encoding": coding, "Cache-Control": "no-cache", "User-Agent": "hashserve"}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                request = urllib.request.Request(url, headers=headers)  # noqa: S310  # place_of lets only HTTP in
                response: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
            except urllib.error.HTTPError as error:
                error.close()
                self._count(answered=True)
                if error.code < 500 or attempt == ATTEMPTS:
                    raise UnreachableError(url, f"answers {error.code} {error.reason}") from error
            except (OSError, HTTPException, ValueError) as error:
                if attempt == ATTEMPTS:
                    self._count(answered=False)
                    raise UnreachableError(url, str(error)) from error
            else:
                self._count(answered=True)
                return response
            time.sleep(0.2 * attempt)
        raise AssertionError("the last attempt neither answered nor failed")

    def _count(self, *, answered: bool) -> None:
        with self._counting:
            self._unanswered = 0 if answered else self._unanswered + 1


def proven_chunks(
    chunks: Iterable[bytes],
    path: str,
    sha256: str,
    coding: str = IDENTITY,
    *,
    size: int | None = None,
    coded_size: int | None = None,
) -> Iterator[bytes]:
    """Pass chunks on, and raise `MismatchError` at the end unless they are what they should be.

    ``sha256`` and ``size`` are of the content, ``coded_size`` of the chunks themselves; what goes
    beyond either ends it at once, whatever the other side would go on sending. Nothing is held
    but what is being decoded.
    """
    waiting: deque[bytes] = deque()
    received = decoded = 0

    def tapped() -> Iterator[bytes]:
        nonlocal received
        for chunk in chunks:
            received += len(chunk)
            if coded_size is not None and received > coded_size:
                raise MismatchError(path, f"is longer than the {coded_size} bytes that its manifest lists")
            waiting.append(chunk)
            yield chunk

    digest = sha256_hash()
    try:
        for content in tapped() if coding == IDENTITY else CODINGS[coding].decode(tapped()):
            decoded += len(content)
            if size is not None and decoded > size:
                raise MismatchError(path, f"is longer than the {size} bytes that its manifest lists")
            digest.update(content)
            while waiting:
                yield waiting.popleft()
    except DecodeError as error:
        raise MismatchError(path, f"does not decode as {coding}: {error}") from error
    yield from waiting
    if digest_text(digest.digest()) != sha256 or (coded_size is not None and received != coded_size):
        raise MismatchError(path, "is not the content that its manifest lists")
