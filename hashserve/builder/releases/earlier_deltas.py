"""The deltas that earlier builds made, copied from the previous release.

Invariant: a delta is copied only if it decodes to its file with a dictionary that was verified. The previous
release is not trusted: what it sends is limited to the size that its manifest lists, and that to the file's.
"""

from __future__ import annotations

from functools import partial

from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.known_releases import KnownReleases
from hashserve.builder.releases.verification import verified_chunks
from hashserve.http.dictionaries import DCZ, decode_delta

__all__ = ["EarlierDeltas"]


class EarlierDeltas:
    """The deltas that the previous release has, if there is one. Several threads may use it at once."""

    def __init__(self, known: KnownReleases) -> None:
        self._manifest = known.foreign
        self._previous = known.previous

    def copy(self, file: PublishedFile, dictionary: PublishedFile, content: bytes) -> bytes | None:
        """Return the delta of a file against a dictionary with this ``content``; None if there is none."""
        if self._manifest is None or self._previous is None:
            return None
        for delta in self._manifest.deltas_of(file.path):
            if (delta.dictionary, delta.dictionary_sha256) == (dictionary.path, dictionary.sha256):
                break
        else:
            return None
        if delta.size >= file.size:
            return None  # no build keeps such a delta, which may be endless
        try:
            return b"".join(
                verified_chunks(
                    self._previous.read_delta(delta),
                    delta.path,
                    file.sha256,
                    DCZ,
                    size=file.size,
                    coded_size=delta.size,
                    decode=partial(decode_delta, dictionary=content, size=file.size),
                )
            )
        except (UnreachableError, MismatchError):
            return None
