"""What one published file holds: its digests, its references, and what its variants decode to.

Invariant: a file is read once, in pieces; only style sheets, scripts and pages are ever held whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5, sha256

from hashserve.builder.chunks import read_chunks
from hashserve.builder.sources.scanner import LARGEST_READ
from hashserve.check.disk import DiskEntry
from hashserve.check.references import References, Referring
from hashserve.digests import digest_of, digest_text
from hashserve.http.codings import CODINGS, DecodeError

__all__ = ["Content", "Examination", "Examined", "Variant", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What to examine: a path, its file where there is one, and its variants on disk by coding."""

    path: str
    entry: DiskEntry | None
    variants: Mapping[str, DiskEntry] = field(default_factory=dict)

    @property
    def entries(self) -> list[DiskEntry]:
        """All that is to be read."""
        return [*filter(None, [self.entry]), *self.variants.values()]

    @property
    def size(self) -> int:
        """How many bytes there are to be read."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds: the base64 of its SHA-256, its MD5 in hex, where it refers to.

    All are empty where it could not be read, and ``problem`` says why.
    """

    sha256: str = ""
    md5: str = ""
    referring: Referring = field(default_factory=Referring)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A variant on disk, and the SHA-256 of what it decodes to, or why it does not decode."""

    entry: DiskEntry
    sha256: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A job that is done; ``content`` is None where there is no file."""

    job: Examination
    content: Content | None
    variants: Mapping[str, Variant]


def examine(job: Examination, references: References) -> Examined:
    """Read a file and decode its variants."""
    return Examined(
        job=job,
        content=None if job.entry is None else _content(job.entry, references),
        variants={coding: _variant(entry, coding) for coding, entry in job.variants.items()},
    )


def _content(entry: DiskEntry, references: References) -> Content:
    is_script = entry.size <= LARGEST_READ and references.are_sought_in(entry.path)
    try:
        # Kept only to be searched; as large as the largest that the build would search.
        chunks = list(read_chunks(entry.location)) if is_script else read_chunks(entry.location)
        strong, fast = sha256(), md5(usedforsecurity=False)
        for chunk in chunks:
            strong.update(chunk)
            fast.update(chunk)
    except OSError as error:
        return Content(problem=f"cannot be read: {error.strerror}")
    return Content(
        sha256=digest_text(strong.digest()),
        md5=fast.hexdigest(),
        referring=references.of(entry.path, b"".join(chunks)) if is_script else Referring(),
    )


def _variant(entry: DiskEntry, coding: str) -> Variant:
    try:
        return Variant(entry=entry, sha256=digest_of(CODINGS[coding].decode(read_chunks(entry.location))))
    except DecodeError as error:
        return Variant(entry=entry, problem=f"does not decode: {error}")
    except OSError as error:
        return Variant(entry=entry, problem=f"cannot be read: {error.strerror}")
