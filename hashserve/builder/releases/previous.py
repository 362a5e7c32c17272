"""The previous release: where a build that starts from an empty disk finds the files of older releases.

Invariant: nothing that comes from a previous release is trusted. Every file is verified by the SHA-256
in its manifest; a file that does not match is reported and left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from hashserve.builder.releases.errors import UnreachableError, without_password
from hashserve.errors import SettingError
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import DeltaRecord, Manifest
from hashserve.settings.build import BuildSettings

__all__ = ["PreviousFolder", "PreviousRelease", "open_previous", "stopped_on_error"]

BLOCK_BYTES = 256 * 1024

_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")


class PreviousRelease(Protocol):
    """A release that was published before: in a folder, on a live site, or in a store."""

    def manifest(self) -> Manifest:
        """Load the manifest. Raises `UnreachableError` or `ManifestError`."""

    def read(self, path: str, coding: str, size: int) -> Iterator[bytes]:
        """Read one representation, of ``size`` bytes, of a fingerprinted file. Raises `UnreachableError`."""

    def read_delta(self, delta: DeltaRecord) -> Iterator[bytes]:
        """Read a delta of a fingerprinted file. Raises `UnreachableError`."""

    def stop(self) -> None:
        """Let everything that reads, and that will read, fail soon. Several threads may read."""


def open_previous(settings: BuildSettings) -> PreviousRelease | None:
    """Return the previous release at the folder or the URL that the settings name, None where they do not.

    Raises `SettingError` where it is neither.
    """
    where = settings.previous
    if where is None:
        return None
    scheme = _SCHEME.match(where)
    if scheme is None:
        return PreviousFolder(where)
    if scheme[1].lower() not in ("http", "https"):
        raise SettingError(
            "previous", without_password(where), "must be a folder, or a URL with http:// or https://"
        )
    from hashserve.builder.releases.previous_site import PreviousSite  # takes 15 ms

    return PreviousSite(
        where,
        settings.prefix,
        seconds=settings.previous_timeout,
        received_bytes=settings.previous_bytes,
    )


@contextmanager
def stopped_on_error(previous: PreviousRelease | None) -> Iterator[None]:
    """Stop the previous release on any error, such as Ctrl-C: threads that wait for it end soon."""
    try:
        yield
    except BaseException:
        if previous is not None:
            previous.stop()
        raise


class PreviousFolder:
    """A folder that an earlier build wrote."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._is_stopped = False

    def stop(self) -> None:
        """Let every `read` fail soon."""
        self._is_stopped = True

    def manifest(self) -> Manifest:
        """Load the manifest of the folder. Raises `UnreachableError` or `ManifestError`."""
        location = os.path.join(self._root, MANIFEST_NAME)
        try:
            return Manifest.load(location)
        except OSError as error:
            raise UnreachableError(location, error.strerror or str(error)) from error

    def read(self, path: str, coding: str, size: int) -> Iterator[bytes]:
        """Read a file, or its variant. Raises `UnreachableError`."""
        return self._read(path + ("" if coding == IDENTITY else CODINGS[coding].suffix))

    def read_delta(self, delta: DeltaRecord) -> Iterator[bytes]:
        """Read a delta. Raises `UnreachableError`."""
        return self._read(delta.path)

    def _read(self, path: str) -> Iterator[bytes]:
        location = os.path.join(self._root, path)
        if os.path.exists(location) and not os.path.isfile(location):
            raise UnreachableError(location, "is not a regular file")  # to open a FIFO may wait for ever
        try:
            with open(location, "rb") as stream:
                while chunk := stream.read(BLOCK_BYTES):
                    if self._is_stopped:
                        raise UnreachableError(location, "the build was interrupted")
                    yield chunk
        except OSError as error:
            raise UnreachableError(location, error.strerror or str(error)) from error
