"""The contents of a published file: its digests, its references, and what its variants decode to.

Invariant: a file is read once, in pieces; only style sheets, scripts and pages are held whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5, sha256

from hashserve.builder.chunks import read_chunks
from hashserve.builder.sources.scanner import LARGEST_READ
from hashserve.check.published_tree import FileOnDisk
from hashserve.check.reference_follower import FollowedReferences, ReferenceFollower
from hashserve.digests import digest_of, digest_text
from hashserve.http.codings import CODINGS, DecodeError, decode_at_most

__all__ = ["FileContent", "FileWithVariants", "PathContents", "VariantContent", "read_contents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWithVariants:
    """A path, its file on disk or None, and the variants next to it by content coding.

    ``listed_size`` is the size of the file in bytes, as the manifest states it.
    """

    path: str
    file: FileOnDisk | None
    variants: Mapping[str, FileOnDisk] = field(default_factory=dict)
    listed_size: int | None = None

    @property
    def files(self) -> list[FileOnDisk]:
        """The file, if it is there, and the variants."""
        return [*filter(None, [self.file]), *self.variants.values()]

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def decoded_size(self) -> int | None:
        """How many bytes a variant may decode to: those of the file that is listed, or of the one there."""
        sizes = [self.listed_size, None if self.file is None else self.file.size]
        return max((size for size in sizes if size is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """What a file holds: its SHA-256 in base64, its MD5 in hexadecimal, and where its references lead.

    If it could not be read, ``problem`` says why, and the rest is empty.
    """

    sha256: str = ""
    md5: str = ""
    references: FollowedReferences = field(default_factory=FollowedReferences)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantContent:
    """A variant on disk, and the SHA-256 of what it decodes to, or the reason why it does not decode."""

    file: FileOnDisk
    sha256: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathContents:
    """What was read at a path; ``content`` is None if there is no file."""

    on_disk: FileWithVariants
    content: FileContent | None
    variants: Mapping[str, VariantContent]


def read_contents(on_disk: FileWithVariants, follower: ReferenceFollower) -> PathContents:
    """Read a file and decode its variants."""
    return PathContents(
        on_disk=on_disk,
        content=None if on_disk.file is None else _file_content(on_disk.file, follower),
        variants={
            coding: _variant_content(file, coding, on_disk.decoded_size)
            for coding, file in on_disk.variants.items()
        },
    )


def _file_content(file: FileOnDisk, follower: ReferenceFollower) -> FileContent:
    has_references = file.size <= LARGEST_READ and follower.is_searched(file.path)
    try:
        # Held whole only if it is searched, and no larger than what the build searches.
        chunks = list(read_chunks(file.location)) if has_references else read_chunks(file.location)
        strong, fast = sha256(), md5(usedforsecurity=False)
        for chunk in chunks:
            strong.update(chunk)
            fast.update(chunk)
    except OSError as error:
        return FileContent(problem=f"cannot be read: {error.strerror}")
    return FileContent(
        sha256=digest_text(strong.digest()),
        md5=fast.hexdigest(),
        references=follower.follow(file.path, b"".join(chunks)) if has_references else FollowedReferences(),
    )


def _variant_content(file: FileOnDisk, coding: str, most: int | None) -> VariantContent:
    try:
        chunks = read_chunks(file.location)
        decoded = CODINGS[coding].decode(chunks) if most is None else decode_at_most(most, coding, chunks)
        return VariantContent(file=file, sha256=digest_of(decoded))
    except DecodeError as error:
        return VariantContent(file=file, problem=f"does not decode: {error}")
    except OSError as error:
        return VariantContent(file=file, problem=f"cannot be read: {error.strerror}")
