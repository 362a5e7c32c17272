"""What is on disk under one name: a file's content, digest and usable variants.

Invariant: a variant is used only if it is proven to be a coded form of the bytes that its source has
now: it is no older, and decodes to the same digest.
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
from hashserve.serve.assets import Representation, representation_of
from hashserve.serve.files import ChangedFileError, chunks_of, is_passing, open_regular

__all__ = ["Inspected", "OutsideRootError", "Root", "Watched", "inspect", "variant_identities"]


class OutsideRootError(HashserveError, OSError):
    """Tell of a link that leaves the root, where such links are not followed."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: is a link that leaves the root; follow_symlinks=True allows it"


class Root(NamedTuple):
    """A folder that files are served from; ``path`` is absolute and ends with a separator.

    Unless ``follow_symlinks``, a file counts only if its real path is below the root's real path.
    """

    path: str
    follow_symlinks: bool = False

    def check_contains(self, path: str, descriptor: int) -> None:
        """Make sure that the open file that was reached as ``path`` lies below the root.

        Raises `OutsideRootError`, or `ChangedFileError` where a name on the way, or the root itself
        (a link to the release in force), came to mean something else since the open.
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

    ``content`` is the identity bytes, where they were few enough to keep.
    """

    path: str
    status: os.stat_result
    sha256: str
    variants: Mapping[str, os.stat_result]
    content: bytes | None

    def representations(self) -> dict[str, Representation]:
        """Give a representation for each coding, identity first."""
        found = {IDENTITY: self._representation(IDENTITY, "", self.status)}
        for coding, status in self.variants.items():
            found[coding] = self._representation(coding, CODINGS[coding].suffix, status)
        return found

    def _representation(self, coding: str, suffix: str, status: os.stat_result) -> Representation:
        path, size = self.path + suffix, status.st_size
        return representation_of(StoredFile(path, size, coding, self.sha256, identify(status)))


def inspect(path: str, root: Root, *, keep: int) -> Inspected:
    """Read the file at ``path``, and find out what it is; content up to ``keep`` bytes is kept.

    Raises `ChangedFileError` where it is no regular file or changed while it was read,
    `OutsideRootError`, and any other `OSError`.
    """
    descriptor, status = open_regular(path)
    try:
        root.check_contains(path, descriptor)
        kept: list[bytes] = []
        chunks = chunks_of(descriptor, status.st_size)
        sha256 = digest_of(_keeping(chunks, kept, status.st_size <= keep))
        # Some that are called regular are not as long as they say (/proc, /sys).
        is_whole = os.lseek(descriptor, 0, os.SEEK_CUR) == status.st_size
        if not is_whole or identify(os.fstat(descriptor)) != identify(status):
            raise ChangedFileError(path, "changed while it was read")
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
            # What is found is remembered, so that it must not be for want of a descriptor.
            if is_passing(error):
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
        return status if digest_of(identity) == sha256 else None
    finally:
        os.close(descriptor)


class Watched(NamedTuple):
    """What an answer rests on: the file at ``location``, the variants beside it, as they were seen.

    ``variants`` are identities, or None where nothing was, in the order of `variant_identities`.
    """

    location: str
    file_identity: FileIdentity
    variants: tuple[FileIdentity | None, ...]

    def is_unchanged(self) -> bool:
        """Look whether all of it is as it was; anything that cannot be seen has changed."""
        location = self.location
        try:
            if identify(os.stat(location)) != self.file_identity:
                return False
            for suffix, known in zip(_SUFFIXES, self.variants, strict=True):
                path = location + suffix
                # Where nothing was, access() takes half of the time of a stat() that fails.
                is_there = known is not None or os.access(path, os.F_OK, effective_ids=_CAN_ASK_AS_EFFECTIVE)
                if is_there and _identity_or_none(path) != known:
                    return False
        except OSError:
            return False
        return True


_CAN_ASK_AS_EFFECTIVE = os.access in os.supports_effective_ids
"""Whether access() can ask as the user that stat() asks as, where the real one is another; not on Windows."""

_SUFFIXES = tuple(coding.suffix for coding in CODINGS.values())


def variant_identities(path: str) -> tuple[FileIdentity | None, ...]:
    """Give the identity of each variant that could be beside ``path``, None where there is none."""
    return tuple([_identity_or_none(path + suffix) for suffix in _SUFFIXES])


def _identity_or_none(path: str) -> FileIdentity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return identify(status) if stat.S_ISREG(status.st_mode) else None
