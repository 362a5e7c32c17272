"""The deltas that earlier builds made, copied from the previous release.

Invariant: a delta is copied only if it decodes to its file with a dictionary that was verified. The previous
release is not trusted: what it sends is limited to the size that its manifest lists, and that to the file's.
"""

from __future__ import annotations

from functools import partial

from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.known_releases import KnownReleases
from hashserve.builder.releases.previous import PreviousRelease
from hashserve.builder.releases.verification import verified_chunks
from hashserve.http.dictionaries import DCZ, decode_delta
from hashserve.manifest.model import DeltaRecord

__all__ = ["EarlierDeltas"]


class EarlierDeltas:
    """The deltas that the previous release has, if there is one. Several threads may use it at once."""

    def __init__(self, known: KnownReleases) -> None:
        self._manifest = known.foreign
        self._previous = known.previous

    @property
    def previous(self) -> PreviousRelease | None:
        """Return where copies come from, which must be stopped on an error."""
        return self._previous

    def has(self, delta: DeltaRecord) -> bool:
        """Whether the previous release lists this delta."""
        return self._previous is not None and self._find(delta) is not None

    def copy(self, delta: DeltaRecord, sha256: str, size: int, dictionary: bytes) -> bytes | None:
        """Return a delta against a ``dictionary``, whose digest was verified; None if there is none.

        ``sha256`` and ``size`` are those of the delta's file. The size of ``delta`` itself does not matter.
        """
        found = self._find(delta)
        if self._previous is None or found is None:
            return None
        if found.size >= size:
            return None  # no build keeps such a delta, which may be endless
        try:
            return b"".join(
                verified_chunks(
                    self._previous.read_delta(found),
                    found.path,
                    sha256,
                    DCZ,
                    size=size,
                    coded_size=found.size,
                    decode=partial(decode_delta, dictionary=dictionary, size=size),
                )
            )
        except (UnreachableError, MismatchError):
            return None

    def _find(self, delta: DeltaRecord) -> DeltaRecord | None:
        """Return the delta of the same file against the same dictionary, perhaps with another token."""
        if self._manifest is None:
            return None
        dictionary = (delta.dictionary, delta.dictionary_sha256)
        same = (
            found
            for found in self._manifest.deltas_of(delta.of)
            if (found.dictionary, found.dictionary_sha256) == dictionary
        )
        return next(same, None)
