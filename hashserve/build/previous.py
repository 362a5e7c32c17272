"""The previous release: where a build that starts from an empty disk finds what is still referred to.

Law: not a byte is believed: every file that is brought over is proven by the SHA-256 that its
manifest states, and what does not match is reported and left out.

A place is anything with the two methods of `Place`: a folder, a live site, and whatever comes.
"""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Protocol
from urllib.parse import urlsplit

from hashserve.codings import CODINGS, IDENTITY
from hashserve.errors import HashserveError, ManifestError
from hashserve.manifest import MANIFEST_NAME, Manifest
from hashserve.urls import PUBLISHED_MANIFEST, url_of

__all__ = ["Folder", "Place", "Site", "UnreachableError", "place_of"]

TIMEOUT = 20
"""Seconds that a site may take to answer, or to go on answering."""

ATTEMPTS = 3
BLOCK_SIZE = 256 * 1024


class UnreachableError(HashserveError):
    """Tell that a previous release cannot be had: from where, and why."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class Place(Protocol):
    """Somewhere that a release was published to."""

    def manifest(self) -> Manifest:
        """Load the manifest there. Raises `UnreachableError` or `ManifestError`."""

    def read(self, path: str, coding: str = IDENTITY) -> Iterator[bytes]:
        """Read one representation of a fingerprinted file. Raises `UnreachableError`."""


def place_of(where: str, prefix: str) -> Place:
    """Tell a folder from a site; ``prefix`` is added to the URL of a site that has no path."""
    if where.startswith(("https://", "http://")):
        return Site(where, prefix)
    return Folder(where)


class Folder:
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


class Site:
    """A live site whose hashserve publishes its manifest (``HashServe(publish_manifest=True)``)."""

    def __init__(self, url: str, prefix: str) -> None:
        has_path = urlsplit(url).path not in ("", "/")
        self._base = url.rstrip("/") + ("/" if has_path else prefix)

    def manifest(self) -> Manifest:
        """Load the manifest that the site publishes."""
        url = self._base + PUBLISHED_MANIFEST
        content = b"".join(self._fetch(url, IDENTITY))
        if not content.lstrip().startswith(b"{"):
            raise ManifestError(url, "", "is no manifest; does the site run with publish_manifest=True?")
        return Manifest.loads(content, source=url)

    def read(self, path: str, coding: str = IDENTITY) -> Iterator[bytes]:
        """Fetch a file in one coding."""
        return self._fetch(self._base + url_of(path), coding)

    def _fetch(self, url: str, coding: str) -> Iterator[bytes]:
        # no-cache: what a proxy remembers may be older than what the site has now.
        headers = {"Accept-Encoding": coding, "Cache-Control": "no-cache", "User-Agent": "hashserve"}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  # place_of lets only HTTP in
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
                break
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500 or attempt == ATTEMPTS:
                    raise UnreachableError(url, f"answers {error.code} {error.reason}") from error
            except (OSError, HTTPException, ValueError) as error:
                if attempt == ATTEMPTS:
                    raise UnreachableError(url, str(error)) from error
            time.sleep(0.2 * attempt)
        with response:
            if response.headers.get("Content-Encoding", IDENTITY) != coding:
                raise UnreachableError(url, f"is not sent as {coding}")
            try:
                while chunk := response.read(BLOCK_SIZE):
                    yield chunk
            except (OSError, HTTPException) as error:
                raise UnreachableError(url, f"broke off: {error}") from error
