"""Large live files: what is known of them without reading them.

Invariant: what a request reads of a large file does not grow with the file. An entity-tag is strong only
where the identity of the file proves its bytes: on a file system that keeps the time of each change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from hashserve.digests import digest_of
from hashserve.file_identity import FileIdentity, identify, identify_across_mounts
from hashserve.http.codings import IDENTITY
from hashserve.http.entity_tags import EntityTag
from hashserve.http.messages import StoredFile
from hashserve.serve.files import ChangedWhileReadError, OpenFile, WrongSizeError, open_regular
from hashserve.serve.inspection import Root

__all__ = ["LargeFile", "look_at", "snapshot_of"]

_SAMPLES = 16
_SAMPLE_SIZE = 4096


class LargeFile(NamedTuple):
    """A file as it was found. A snapshot is ``opened``; it has no ``etag``, because its bytes may change."""

    stored: StoredFile
    status: os.stat_result
    etag: EntityTag | None = None
    opened: OpenFile | None = None


def look_at(path: str, root: Root) -> LargeFile:
    """Make the entity-tag of the file at ``path`` from its identity and 64 KiB of its bytes.

    The tag is weak on a read-only file system: its times are those of the image that is mounted, and another
    image may have other bytes under the same identity. Raises `OSError`.
    """
    descriptor, status = open_regular(path)
    try:
        root.check_contains(path, descriptor)
        samples = list(_samples(descriptor, status.st_size))
        is_weak = _is_read_only(descriptor)
        if identify(os.fstat(descriptor)) != identify(status):
            raise ChangedWhileReadError(path)
        if any(len(sample) != len(samples[0]) for sample in samples) or not samples[0]:
            raise WrongSizeError(path)
    finally:
        os.close(descriptor)
    mark = digest_of((repr(identify_across_mounts(status)).encode(), *samples))
    etag = EntityTag(mark[:22], weak=is_weak)
    return LargeFile(_stored(path, identify(status)), status, etag)


def _samples(descriptor: int, size: int) -> Iterator[bytes]:
    """Read equal parts at equal distances, the first and the last bytes among them."""
    length = min(size, _SAMPLE_SIZE)
    for number in range(_SAMPLES):
        os.lseek(descriptor, (size - length) * number // (_SAMPLES - 1), os.SEEK_SET)
        yield os.read(descriptor, length)


def _is_read_only(descriptor: int) -> bool:
    if not hasattr(os, "fstatvfs"):  # pragma: no cover  # Windows
        return False
    return bool(os.fstatvfs(descriptor).f_flag & os.ST_RDONLY)


def snapshot_of(path: str, root: Root) -> LargeFile:
    """Open the file at ``path``, to send it as long as it is now. Raises `OSError`."""
    descriptor, status = open_regular(path)
    opened = OpenFile(descriptor)
    root.check_contains(path, descriptor)
    return LargeFile(_stored(path, identify(status), is_snapshot=True), status, opened=opened)


def _stored(path: str, found: FileIdentity, *, is_snapshot: bool = False) -> StoredFile:
    return StoredFile(path, found[2], IDENTITY, "", found, is_snapshot)
