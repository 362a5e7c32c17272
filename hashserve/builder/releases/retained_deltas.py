"""The deltas of files that only older releases have: verified in the output, or copied from the previous one.

Invariant: a delta is listed only if it decodes to its file, with a dictionary that is listed too. A file
whose delta is missing or damaged is served without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext

from hashserve.builder.chunks import read_chunks
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.paths import folders_of, paths_named_as_deltas
from hashserve.builder.releases.copying import Room, each_in_threads
from hashserve.builder.releases.earlier_deltas import EarlierDeltas
from hashserve.builder.releases.errors import MismatchError
from hashserve.builder.releases.known_releases import KnownReleases
from hashserve.dictionary_files import LARGEST_BYTES, delta_token
from hashserve.digests import digest_of
from hashserve.manifest.model import DELTA_SUFFIX, AssetRecord, DeltaRecord, Row

__all__ = ["retained_deltas"]

LARGEST_AT_ONCE = 4 * 1024 * 1024
"""The largest file, in bytes, of which several are decoded at the same time."""


def retained_deltas(
    old: Mapping[str, AssetRecord],
    new: Mapping[str, AssetRecord],
    plan: Mapping[str, str],
    output: OutputFolder,
    known: KnownReleases,
    most: int,
) -> dict[str, list[Row]]:
    """Return the rows of the deltas of ``old`` files, of which each has ``most`` at most.

    ``old`` and ``new`` are records of files that are complete in the output, by path. ``plan`` has the
    content of each path that the new release has: no delta takes one.
    """
    files = {**new, **old}
    taken = folders_of(path for path in plan if f"{DELTA_SUFFIX}/" in path)
    if known.in_force is not None:
        taken |= paths_named_as_deltas(known.in_force)

    def is_free(path: str) -> bool:
        return path not in plan and path not in files and path not in taken

    rows: dict[str, list[Row]] = {}
    restoration = _Restoration(files, output, known)
    wanted = (delta for path in old for delta in _listed(path, files, known, is_free)[:most])
    with closing(each_in_threads(restoration.restore, wanted, known.previous)) as outcomes:
        for delta in outcomes:
            if delta is not None:
                rows.setdefault(delta.of, []).append(delta.row)
    return rows


def _listed(
    path: str, files: Mapping[str, AssetRecord], known: KnownReleases, is_free: Callable[[str], bool]
) -> list[DeltaRecord]:
    """Return the deltas of a file that are listed in known manifests, against dictionaries in ``files``.

    No two of them have one dictionary, or one name.
    """
    found: dict[str, DeltaRecord] = {}
    names: set[str] = set()
    for manifest in known.manifests:
        if path not in manifest.files:
            continue
        for delta in manifest.deltas_of(path):
            dictionary = files.get(delta.dictionary)
            if dictionary is None or dictionary.sha256 != delta.dictionary_sha256:
                continue
            if manifest is known.foreign:  # the names of files in this output are ours to choose
                token = delta_token(delta.dictionary, delta.dictionary_sha256)
                delta = delta._replace(token=token)
            if delta.dictionary not in found and delta.path not in names and is_free(delta.path):
                found[delta.dictionary] = delta
                names.add(delta.path)
    return [*found.values()]


class _Restoration:
    """Makes sure that deltas are in the output. Several threads use it."""

    def __init__(self, files: Mapping[str, AssetRecord], output: OutputFolder, known: KnownReleases) -> None:
        self._files = files
        self._output = output
        self._earlier = EarlierDeltas(known)
        self._room = Room(output.root, known.previous)
        self._large = threading.Lock()

    def restore(self, delta: DeltaRecord) -> DeltaRecord | None:
        """Return the delta as it is in the output, None if it is not complete there."""
        file, dictionary = self._files[delta.of], self._files[delta.dictionary]
        sha256, size = file.sha256 or "", file.size or 0
        largest = max(size, dictionary.size or 0)
        if largest > LARGEST_BYTES:
            return None
        with self._large if largest > LARGEST_AT_ONCE else nullcontext():
            status = self._output.files.verified_delta_status(delta, sha256, size)
            if status is not None:
                return delta._replace(size=status.st_size)
            content = self._copied(delta, sha256, size)
        if content is None:
            return None
        try:
            with self._room.taken(delta.path, len(content)):
                self._output.replace_delta(delta, content, sha256)
        except MismatchError:
            return None
        return delta._replace(size=len(content))

    def _copied(self, delta: DeltaRecord, sha256: str, size: int) -> bytes | None:
        if not self._earlier.has(delta):
            return None
        try:
            dictionary = b"".join(read_chunks(self._output.location(delta.dictionary)))
        except OSError:
            return None
        if digest_of([dictionary]) != delta.dictionary_sha256:
            return None
        return self._earlier.copy(delta, sha256, size, dictionary)
