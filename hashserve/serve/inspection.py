"""What a file on disk holds: its content, its digest and its usable variants.

Invariant: a variant is used only if it is proven to be a coded form of the bytes that its source has
now. It must not be older, and must decode to the same digest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hashserve.digests import digest_of
from hashserve.errors import HashserveError
from hashserve.file_identity import FileIdentity, identify
from hashserve.http.codings import CODINGS, IDENTITY, Coding, DecodeError
from hashserve.http.messages import StoredFile
from hashserve.serve.files import (
    ChangedFileError,
    ChangedWhileReadError,
    WrongSizeError,
    chunks_of,
    is_transient,
    open_regular,
)

__all__ = ["Inspected", "OutsideRootError", "Root", "Watched", "inspect", "variant_identities"]


class OutsideRootError(HashserveError, OSError):
    """A symbolic link leads out of the root, and such links are not followed."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: is a link that leads out of the root; the setting follow_symlinks allows it"


class Root(NamedTuple):
    """A folder that files are served from; ``path`` is absolute and ends with a separator.

    Without ``follow_symlinks``, a file is served only if its real path is below the root's real path.
    """

    path: str
    follow_symlinks: bool = False

    def check_contains(self, path: str, descriptor: int) -> None:
        """Check that the file that was opened as ``path`` is below the root.

        Raises `OutsideRootError`. Raises `ChangedFileError` if the path, or the root itself (a link to the
        release in force), leads to another file than it did when it was opened.
        """
        if self.follow_symlinks:
            return
        real_root = os.path.realpath(self.path)
        real_path = os.path.realpath(path)
        is_outside = not real_path.startswith(os.path.join(real_root, ""))
        if is_outside and os.path.realpath(self.path) == real_root:
            raise OutsideRootError(path)
        if is_outside or not os.path.samestat(os.stat(real_path), os.fstat(descriptor)):
            raise ChangedFileError(path, "was replaced while it was opened")


class Inspected(NamedTuple):
    """A file as it was found: its status, its digest, and its variants by coding.

    ``content`` is the file's bytes, None where they are too many to keep.
    """

    path: str
    status: os.stat_result
    sha256: str
    variants: Mapping[str, os.stat_result]
    content: bytes | None

    def stored_files(self) -> list[StoredFile]:
        """Return the file and its variants; the file comes first."""
        files = [StoredFile(self.path, self.status.st_size, IDENTITY, self.sha256, identify(self.status))]
        for coding, status in self.variants.items():
            location = self.path + CODINGS[coding].suffix
            files.append(StoredFile(location, status.st_size, coding, self.sha256, identify(status)))
        return files


def inspect(path: str, root: Root, *, keep: int, most: int | None = None) -> Inspected:
    """Read the file at ``path`` and its variants; content of up to ``keep`` bytes is kept.

    Raises `ChangedFileError` if it is not a regular file or is longer than ``most``, `ChangedWhileReadError`,
    `OutsideRootError`, and any other `OSError`.
    """
    descriptor, status = open_regular(path)
    try:
        if most is not None and status.st_size > most:
            raise ChangedFileError(path, "grew while it was opened")
        root.check_contains(path, descriptor)
        kept: list[bytes] = []
        chunks = chunks_of(descriptor, status.st_size)
        sha256 = digest_of(_keeping(chunks, kept, status.st_size <= keep))
        if identify(os.fstat(descriptor)) != identify(status):
            raise ChangedWhileReadError(path)
        if os.lseek(descriptor, 0, os.SEEK_CUR) != status.st_size:
            raise WrongSizeError(path)
    finally:
        os.close(descriptor)
    content = b"".join(kept) if status.st_size <= keep else None
    variants = dict(_variants(path, status, sha256, root))
    return Inspected(path=path, status=status, sha256=sha256, variants=variants, content=content)


def _keeping(chunks: Iterator[bytes], kept: list[bytes], keep: bool) -> Iterator[bytes]:
    for chunk in chunks:
        if keep:
            kept.append(chunk)
        yield chunk


def _variants(
    path: str, source: os.stat_result, sha256: str, root: Root
) -> Iterator[tuple[str, os.stat_result]]:
    for coding in CODINGS.values():
        try:
            status = _proven_variant(path + coding.suffix, coding, source, sha256, root)
        except DecodeError:
            continue
        except OSError as error:
            # The result is remembered, so a shortage of descriptors must not count as "no variant".
            if is_transient(error):
                raise
            continue
        if status is not None:
            yield coding.name, status


def _proven_variant(
    path: str, coding: Coding, source: os.stat_result, sha256: str, root: Root
) -> os.stat_result | None:
    descriptor, status = open_regular(path)
    try:
        if status.st_mtime_ns < source.st_mtime_ns:
            return None
        root.check_contains(path, descriptor)
        identity = coding.decode(chunks_of(descriptor, status.st_size))
        return status if digest_of(_at_most(source.st_size, identity)) == sha256 else None
    finally:
        os.close(descriptor)


def _at_most(size: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass chunks on until they are longer than ``size``: a few bytes may decode to any number of them."""
    for chunk in chunks:
        yield chunk
        size -= len(chunk)
        if size < 0:
            return


class Watched(NamedTuple):
    """The files that an answer was made from: the one at ``location``, and the variants next to it.

    ``variants`` are identities, or None where there was no variant, in the order of `variant_identities`.
    ``absent`` is where there was no file: one that appears there is served instead.
    """

    location: str
    file_identity: FileIdentity
    variants: tuple[FileIdentity | None, ...]
    absent: str | None = None

    def is_unchanged(self) -> bool:
        """Whether all files are as they were; a file that cannot be looked at counts as changed."""
        location = self.location
        try:
            if identify(os.stat(location)) != self.file_identity:
                return False
            for suffix, known in zip(_SUFFIXES, self.variants, strict=True):
                path = location + suffix
                # Where no variant was, access() takes half the time of a stat() that fails.
                exists = known is not None or os.access(path, os.F_OK, effective_ids=_TAKES_EFFECTIVE_IDS)
                if exists and _identity_or_none(path) != known:
                    return False
        except OSError:
            return False
        return self.absent is None or _identity_or_none(self.absent) is None


_TAKES_EFFECTIVE_IDS = os.access in os.supports_effective_ids
"""Whether access() can use the effective user, as stat() does; not on Windows."""

_SUFFIXES = tuple(coding.suffix for coding in CODINGS.values())


def variant_identities(path: str) -> tuple[FileIdentity | None, ...]:
    """Return the identity of each variant that ``path`` could have, None where there is none."""
    return tuple([_identity_or_none(path + suffix) for suffix in _SUFFIXES])


def _identity_or_none(path: str) -> FileIdentity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return identify(status) if stat.S_ISREG(status.st_mode) else None
