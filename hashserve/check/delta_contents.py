"""The contents of deltas: what each that the manifest lists decodes to with its dictionary.

Invariant: a delta is decoded only with the dictionary that the manifest states, and to at most the size of
its file. One large dictionary at a time is in memory, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock

from hashserve.builder.chunks import read_chunks
from hashserve.check.published_tree import FileOnDisk
from hashserve.dictionary_files import LARGEST_BYTES
from hashserve.digests import digest_of
from hashserve.errors import HashserveError
from hashserve.http.codings import DecodeError
from hashserve.http.dictionaries import decode_delta
from hashserve.manifest.model import AssetRecord, DeltaRecord

__all__ = ["DeltaContent", "read_deltas"]

_LARGE_BYTES = 8 * 1024 * 1024
"""From this size on, one dictionary at a time is in memory; with its window, it takes three times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaContent:
    """A delta that is listed, its file on disk or None, and the SHA-256 of what it decodes to.

    ``problem`` says why it does not decode, ``dictionary_problem`` why its dictionary cannot be used; then
    the digest is empty.
    """

    record: DeltaRecord
    file: FileOnDisk | None
    sha256: str = ""
    problem: str = ""
    dictionary_problem: str = ""


def read_deltas(
    deltas: Iterable[DeltaRecord],
    files: Mapping[str, FileOnDisk],
    records: Mapping[str, AssetRecord],
    threads: int,
) -> Mapping[str, DeltaContent]:
    """Decode each delta, by its path; ``files`` are those on disk, and ``records`` what is listed."""
    reader = _DeltaReader(files, records)
    with ThreadPoolExecutor(threads) as executor:
        contents = executor.map(reader.read, sorted(deltas, key=lambda delta: delta.path))
        return {content.record.path: content for content in contents}


class _DictionaryError(HashserveError):
    """A dictionary cannot be used; the text says why."""


class _DeltaReader:
    """Reads deltas, from several threads at once."""

    def __init__(self, files: Mapping[str, FileOnDisk], records: Mapping[str, AssetRecord]) -> None:
        self._files, self._records = files, records
        self._large = Lock()

    def read(self, delta: DeltaRecord) -> DeltaContent:
        file = self._files.get(delta.path)
        if file is None:
            return DeltaContent(record=delta, file=None)
        with self._turn(delta.dictionary):
            return DeltaContent(record=delta, file=file, **self._facts(file, delta))

    def _facts(self, file: FileOnDisk, delta: DeltaRecord) -> dict[str, str]:
        try:
            return {"sha256": self._decoded(file, delta)}
        except _DictionaryError as error:
            return {"dictionary_problem": str(error)}
        except DecodeError as error:
            return {"problem": f"does not decode with {delta.dictionary!r}: {error}"}
        except OSError as error:
            return {"problem": f"cannot be read: {error.strerror}"}

    def _turn(self, dictionary: str) -> AbstractContextManager[object]:
        file = self._files.get(dictionary)
        return self._large if file is not None and file.size >= _LARGE_BYTES else nullcontext()

    def _decoded(self, file: FileOnDisk, delta: DeltaRecord) -> str:
        dictionary, size = self._dictionary(delta), self._records[delta.of].size or 0
        return digest_of(decode_delta(read_chunks(file.location), dictionary, size))

    def _dictionary(self, delta: DeltaRecord) -> bytes:
        file = self._files.get(delta.dictionary)
        if file is None:
            raise _DictionaryError("is not there, or cannot be read")
        if file.size > LARGEST_BYTES:
            raise _DictionaryError(f"has more than {LARGEST_BYTES:,} bytes, the most that a build takes")
        try:
            dictionary = b"".join(read_chunks(file.location))
        except OSError as error:
            raise _DictionaryError(f"cannot be read: {error.strerror}") from error
        if digest_of([dictionary]) != delta.dictionary_sha256:
            raise _DictionaryError("has another SHA-256 than the manifest states")
        return dictionary
