"""The deltas of the new release's files against their versions in older releases (RFC 9842).

Invariant: a delta is listed only if it decodes, with a dictionary that is complete in the output, to its
file. A pair of contents is compressed once. One that saved too little is not compressed again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue

from hashserve.builder.chunks import read_chunks
from hashserve.builder.compression.cache import VariantCache
from hashserve.builder.compression.compressors import compress_delta, is_delta_worth_keeping
from hashserve.builder.compression.variants import usable_cores
from hashserve.builder.compression.versions import Versions, dictionaries_of
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.paths import folders_of
from hashserve.builder.releases.earlier_deltas import EarlierDeltas
from hashserve.builder.releases.previous import stopped_on_error
from hashserve.builder.report import BuildFinding, BuildReport, Progress
from hashserve.builder.waiting import next_of
from hashserve.dictionary_files import LARGEST_BYTES, delta_token
from hashserve.digests import digest_of
from hashserve.errors import HashserveError
from hashserve.http.codings import DecodeError
from hashserve.http.dictionaries import decode_delta
from hashserve.manifest.model import DELTA_SUFFIX, AssetRecord, DeltaRecord, Row, format_delta_row

__all__ = ["DeltaBuild"]

LARGE_BYTES = 1024 * 1024
"""Above this size of a file or dictionary, in bytes, memory counts.

Measured, with both contents: 50 MB for a pair of 1 MiB, 90 MB for one of 4 MiB, 140 MB for one of 32 MiB.
"""

LARGE_AT_ONCE = 2
"""How many deltas of large files are made at the same time, however many cores there are."""

QUEUED_PER_THREAD = 8
"""How many jobs each thread has waiting."""


class _NoDeltaError(HashserveError):
    """A delta that cannot be made; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A content and its dictionary, with the deltas that would be of this content.

    ``best`` is the smallest size of the file in any other form.
    """

    sha256: str
    size: int
    best: int
    dictionary_sha256: str
    dictionary_size: int
    deltas: Sequence[DeltaRecord]

    @property
    def key(self) -> tuple[str, str]:
        return self.sha256, self.dictionary_sha256

    @property
    def largest(self) -> int:
        return max(self.size, self.dictionary_size)


class DeltaBuild:
    """Makes and reuses the deltas of one build, those of ``earlier`` builds elsewhere among them."""

    def __init__(
        self,
        output: OutputFolder,
        report: BuildReport,
        cache: VariantCache | None = None,
        earlier: EarlierDeltas | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        self._output = output
        self._report = report
        self._cache = cache
        self._earlier = earlier
        self._threads = threads or usable_cores()
        self._stopped = threading.Event()
        self._reporting = threading.Lock()

    def make(
        self,
        versions: Versions,
        plan: Collection[str],
        most: int,
        on_progress: Progress = lambda step, done, total: None,
    ) -> dict[str, list[Row]]:
        """Write the deltas that save enough; return their rows by fingerprinted path.

        A file has ``most`` deltas at most. ``plan`` has the paths that are taken: no delta takes one.
        """
        wanted = self._wanted(versions, plan, dictionaries_of(versions, most))
        pairs = self._pairs_of(wanted, versions.records)
        sizes: dict[str, int] = {}
        with closing(self._outcomes(pairs)) as outcomes:
            for done, found in enumerate(outcomes, 1):
                sizes.update(found)
                on_progress("deltas", done, len(pairs))
        rows: dict[str, list[Row]] = {}
        for delta in wanted:
            if delta.path in sizes:
                row = format_delta_row(sizes[delta.path], delta.token, delta.dictionary)
                rows.setdefault(delta.of, []).append(row)
        return rows

    def _wanted(
        self, versions: Versions, plan: Collection[str], dictionaries: Mapping[str, Sequence[str]]
    ) -> list[DeltaRecord]:
        """Return the deltas, without their sizes, whose names are free."""
        inner = (path for path in (*plan, *versions.records) if f"{DELTA_SUFFIX}/" in path)
        taken = folders_of(inner) if dictionaries else set()
        wanted = []
        for path, olds in sorted(dictionaries.items()):
            for old in olds:
                sha256 = versions.records[old].sha256 or ""
                delta = DeltaRecord(path, delta_token(old, sha256), old, sha256, 0)
                is_free = not any(delta.path in other for other in (taken, plan, versions.records))
                if is_free and self._output.files.can_have(delta.path):
                    taken.add(delta.path)
                    wanted.append(delta)
        return wanted

    def _pairs_of(self, wanted: Sequence[DeltaRecord], records: Mapping[str, AssetRecord]) -> list[_Pair]:
        """Return the pairs of contents, the largest first, so that no core makes one alone at the end."""
        alike: dict[tuple[str, str], list[DeltaRecord]] = {}
        for delta in wanted:
            alike.setdefault((records[delta.of].sha256 or "", delta.dictionary_sha256), []).append(delta)
        pairs = []
        for (sha256, dictionary_sha256), deltas in alike.items():
            new, old = records[deltas[0].of], records[deltas[0].dictionary]
            size = new.size or 0
            pair = _Pair(
                sha256=sha256,
                size=size,
                best=new.best_size,
                dictionary_sha256=dictionary_sha256,
                dictionary_size=old.size or 0,
                deltas=deltas,
            )
            if pair.largest <= LARGEST_BYTES:
                pairs.append(pair)
            else:
                self._report_large(deltas[0])
        return sorted(pairs, key=lambda pair: -pair.largest)

    def _report_large(self, delta: DeltaRecord) -> None:
        mebibytes = LARGEST_BYTES // 1024**2
        problem = f"has no delta against {delta.dictionary}: one of them has more than {mebibytes} MiB"
        self._report.findings.append(BuildFinding(kind="delta", path=delta.of, message=problem, quiet=True))

    def _outcomes(self, pairs: Sequence[_Pair]) -> Generator[Mapping[str, int], None, None]:
        """Make the deltas of all pairs, on every core; yields their sizes by path, as they are done."""
        if not pairs:
            return
        outcomes: SimpleQueue[Future[Mapping[str, int]]] = SimpleQueue()
        left, running = iter(pairs), 0
        few, many = (
            ThreadPoolExecutor(min(self._threads, LARGE_AT_ONCE), "hashserve-large-deltas"),
            ThreadPoolExecutor(self._threads, "hashserve-deltas"),
        )
        previous = None if self._earlier is None else self._earlier.previous
        try:
            # Stopped first, because this waits for the threads.
            with stopped_on_error(previous):
                while True:
                    for pair in islice(left, self._threads * QUEUED_PER_THREAD - running):
                        executor = few if pair.largest > LARGE_BYTES else many
                        executor.submit(self._make, pair).add_done_callback(outcomes.put)
                        running += 1
                    if not running:
                        return
                    yield next_of(outcomes).result()
                    running -= 1
        finally:
            self._stopped.set()  # without this, an interrupt would wait for minutes of compression
            for executor in (few, many):
                executor.shutdown(cancel_futures=True)

    def _make(self, pair: _Pair) -> Mapping[str, int]:
        """Write the deltas of a pair, or reuse them; return the sizes of those that are worth it, by path."""
        sizes: dict[str, int] = {}
        lacking = []
        for delta in pair.deltas:
            size = self._output.reuse_delta(delta, pair.sha256, pair.size)
            if size is None:
                lacking.append(delta)
            else:
                sizes[delta.path] = size
        if lacking:
            content = self._delta(pair, next(iter(sizes), None))
            if content is not None:
                for delta in lacking:
                    self._output.replace_delta(delta, content, pair.sha256)
                    sizes[delta.path] = len(content)
        return {path: size for path, size in sizes.items() if is_delta_worth_keeping(pair.best, size)}

    def _was_rejected(self, pair: _Pair) -> bool:
        size = self._output.state.size_of_rejected_delta(*pair.key)
        if size is None and self._cache is not None:
            size = self._cache.size_of_rejected_delta(*pair.key)
        return size is not None and not is_delta_worth_keeping(pair.best, size)

    def _delta(self, pair: _Pair, twin: str | None) -> bytes | None:
        """Return the delta of a pair; None if it saves too little, or cannot be made.

        ``twin`` is the path of one that was just verified in the output.
        """
        if twin is None and self._was_rejected(pair):
            return None
        delta = pair.deltas[0]
        try:
            if twin is not None:
                return self._read(twin)
            dictionary = self._dictionary(pair)
            return (
                self._cached(pair, dictionary)
                or self._copied(pair, dictionary)
                or self._compressed(pair, dictionary)
            )
        except OSError as error:
            problem = f"{error.filename}: {error.strerror or error}"
        except _NoDeltaError as error:
            problem = f"{error}; build again, and let nothing else write to the output"
        with self._reporting:
            self._report.add("delta", delta.of, f"has no delta against {delta.dictionary}: {problem}")
        return None

    def _dictionary(self, pair: _Pair) -> bytes:
        dictionary = self._read(pair.deltas[0].dictionary)
        if digest_of([dictionary]) != pair.dictionary_sha256:
            raise _NoDeltaError("that file has other content than before")
        return dictionary

    def _compressed(self, pair: _Pair, dictionary: bytes) -> bytes | None:
        with self._reporting:
            self._report.deltas_made += 1
        content = compress_delta(self._read(pair.deltas[0].of), dictionary, self._stopped)
        if not _decodes(content, dictionary, pair):
            raise _NoDeltaError("one of the two files has other content than before")
        key, is_worth_it = pair.key, is_delta_worth_keeping(pair.best, len(content))
        if not is_worth_it:
            self._output.state.add_rejected_delta(*key, len(content))
        if self._cache is not None and is_worth_it:
            self._cache.keep_delta(*key, content)
        elif self._cache is not None:
            self._cache.keep_size_of_rejected_delta(*key, len(content))
        return content if is_worth_it else None

    def _cached(self, pair: _Pair, dictionary: bytes) -> bytes | None:
        if self._cache is None:
            return None
        content = b""
        try:
            for chunk in read_chunks(self._cache.delta(*pair.key)):
                content += chunk
                if not is_delta_worth_keeping(pair.best, len(content)):
                    return None
        except OSError:
            return None
        return content if _decodes(content, dictionary, pair) else None

    def _copied(self, pair: _Pair, dictionary: bytes) -> bytes | None:
        """Return the delta that the previous release has, None if it has none that is worth it."""
        if self._earlier is None:
            return None
        for delta in pair.deltas:
            content = self._earlier.copy(delta, pair.sha256, pair.size, dictionary)
            if content is not None and is_delta_worth_keeping(pair.best, len(content)):
                if self._cache is not None:
                    self._cache.keep_delta(*pair.key, content)
                return content
        return None

    def _read(self, path: str) -> bytes:
        return b"".join(read_chunks(self._output.location(path)))


def _decodes(content: bytes, dictionary: bytes, pair: _Pair) -> bool:
    """Whether a delta decodes to its content."""
    try:
        return digest_of(decode_delta([content], dictionary, pair.size)) == pair.sha256
    except DecodeError:
        return False
