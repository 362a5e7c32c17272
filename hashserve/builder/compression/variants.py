"""The variants of published files: reused where they are proven, made where they are missing.

Invariant: the same content is compressed once in each coding, whatever number of names it has; what
the release in force, or the cache, found not worth keeping is not tried again.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from queue import SimpleQueue
from types import TracebackType
from typing import IO, NamedTuple

from hashserve.builder.chunks import BLOCK_SIZE, read_chunks
from hashserve.builder.compression.ahead import Ahead
from hashserve.builder.compression.cache import VariantCache
from hashserve.builder.compression.compressors import COMPRESSED, compress, is_compressible, is_worth_keeping
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import PreviousRelease
from hashserve.builder.releases.verification import verified_chunks
from hashserve.builder.report import BuildReport, Progress
from hashserve.http.codings import CODINGS
from hashserve.manifest.model import Manifest, Row

__all__ = ["Variants"]

KEPT_IN_MEMORY = 8 * 1024 * 1024
"""The variants of contents over this many bytes go through a temporary file."""

WAITING_JOBS = 8
"""How many jobs a thread has at hand, so that it need not wait for the one that gives them out."""


class _Known:
    """What earlier manifests tell of the variants of a content, by its SHA-256.

    Invariant: a row is taken apart as its content is asked for, and not before: 100,000 records take 40 MB.
    """

    def __init__(
        self, manifests: Sequence[Manifest], codings: Sequence[str], skipped: frozenset[str]
    ) -> None:
        self._tried: set[str] = set()
        self._skipped = skipped
        self._paths = [self._read(manifest, codings) for manifest in manifests]
        self._manifests = manifests

    def _read(self, manifest: Manifest, codings: Sequence[str]) -> dict[str, str]:
        """Give a path for each content, one that has the most variants."""
        # Of a release that is not in force any more, a variant may just have been lost.
        in_force = set(manifest.paths.values()) if self._had_all(manifest, codings) else set()
        best: dict[str, str] = {}
        for path, row in manifest.files.items():
            if row is None:
                continue
            sha256 = row.split(" ", 2)[1]
            if path in in_force and is_compressible(path, self._skipped):
                self._tried.add(sha256)
            other = best.setdefault(sha256, path)
            if other is not path and _sizes(row).count("0") < _sizes(manifest.files[other]).count("0"):
                best[sha256] = path
        return best

    def _had_all(self, manifest: Manifest, codings: Sequence[str]) -> bool:
        """Whether a release has every variant that this build would find worth keeping."""
        skipped = COMPRESSED if manifest.skipped is None else frozenset(manifest.skipped)
        return skipped <= self._skipped and set(codings) <= set(manifest.codings)

    def was_not_worth_it(self, sha256: str, coding: str) -> bool:
        return sha256 in self._tried and self.find(sha256, coding) is None

    def find(self, sha256: str, coding: str) -> tuple[str, int] | None:
        """Give the path of a file with this content and variant, and the variant's size."""
        for manifest, paths in zip(self._manifests, self._paths, strict=True):
            path = paths.get(sha256)
            if path is not None and coding in manifest.codings:
                size = _sizes(manifest.files[path])[manifest.codings.index(coding)]
                if size != "0":
                    return path, int(size)
        return None


class _MissingVariant(NamedTuple):
    """A variant to make: the files that have the content, and those of them that lack the variant."""

    alike: Sequence[PublishedFile]
    coding: str
    lacking: Sequence[PublishedFile]


class _Sizes:
    """The sizes of variants, by SHA-256 and coding, as they become known; 0 is for none."""

    def __init__(self, contents: Iterable[str], codings: Sequence[str], on_progress: Progress) -> None:
        self.found: dict[str, dict[str, int]] = {sha256: {} for sha256 in contents}
        self._codings = codings
        self._on_progress = on_progress
        self._done = 0
        if not codings:
            for _ in self.found:
                self._count()

    def put(self, sha256: str, coding: str, size: int) -> None:
        found = self.found[sha256]
        found[coding] = size
        if len(found) == len(self._codings):
            self.found[sha256] = {coding: found[coding] for coding in self._codings if found[coding]}
            self._count()

    def _count(self) -> None:
        self._done += 1
        self._on_progress("compress", self._done, len(self.found))


def _sizes(row: Row | None) -> list[str]:
    """Give the sizes of the variants of a row that is there: a fifth of the time of a whole record."""
    assert row is not None
    return row.split(" ")[2:]


class Variants:
    """Makes and reuses the variants of one build, in ``codings``; none where extensions are ``skipped``."""

    def __init__(
        self,
        output: OutputFolder,
        report: BuildReport,
        codings: Sequence[str],
        *,
        known: Sequence[Manifest] = (),
        previous: PreviousRelease | None = None,
        cache: VariantCache | None = None,
        threads: int | None = None,
        skipped: frozenset[str] = COMPRESSED,
    ) -> None:
        self._output = output
        self._report = report
        self._codings = codings
        self._skipped = skipped
        self._known = _Known(known, codings, skipped)
        self._previous = previous
        self._cache = cache
        self._counting = threading.Lock()
        self._threads = threads or _cores()
        self._stopped = threading.Event()
        self._ahead = Ahead(self._threads)

    def __enter__(self) -> Variants:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()  # or an interrupt would wait for minutes of compression
        self._ahead.close()

    def begin(self, file: PublishedFile, chunks: Callable[[], Iterable[bytes]]) -> None:
        """Begin to make the variants of a content that is to be published, if they have to be made.

        ``chunks`` give the content. Nothing is put anywhere before `make`.
        """
        if not is_compressible(file.path, self._skipped):
            return
        for coding in self._codings:
            if not self._may_be_had(file, coding):
                make = partial(self._compressed, chunks, file.size, coding)
                self._ahead.add((file.sha256, coding), file.size, make)

    def _may_be_had(self, file: PublishedFile, coding: str) -> bool:
        """Whether a variant may be there already, or have been found not worth making."""
        if self._known.find(file.sha256, coding) is not None or self._is_hopeless(file, coding):
            return True
        if self._cache is not None and self._cache.find(file.sha256, coding) is not None:
            return True
        return self._output.files.size(file.path + CODINGS[coding].suffix) is not None

    def _compressed(self, chunks: Callable[[], Iterable[bytes]], size: int, coding: str) -> bytes:
        stream = io.BytesIO()
        compress(self._until_stopped(chunks()), size, coding, stream)
        return stream.getvalue()

    def make(
        self, files: Iterable[PublishedFile], on_progress: Progress = lambda step, done, total: None
    ) -> dict[str, dict[str, int]]:
        """Write the variants of ``files`` next to them; returns their sizes by SHA-256 and coding."""
        self._ahead.end()
        contents: dict[str, list[PublishedFile]] = {}
        for file in files:
            contents.setdefault(file.sha256, []).append(file)
        sizes = _Sizes(contents, self._codings, on_progress)
        jobs = list(self._settle(contents.values(), sizes))
        # The largest first, so that no core is left alone with one at the end.
        jobs.sort(key=lambda job: -job.alike[0].size)
        self._run(iter(jobs), sizes)
        return sizes.found

    def _settle(
        self, contents: Iterable[Sequence[PublishedFile]], sizes: _Sizes
    ) -> Iterator[_MissingVariant]:
        """Put down what is known without any work, and give the rest."""
        for alike in contents:
            is_hopeless = not any(is_compressible(file.path, self._skipped) for file in alike)
            for coding in self._codings:
                suffix = CODINGS[coding].suffix
                if is_hopeless or self._is_hopeless(alike[0], coding):
                    self._remove(alike, suffix)
                    sizes.put(alike[0].sha256, coding, 0)
                elif lacking := [file for file in alike if not self._has(file, coding)]:
                    yield _MissingVariant(alike, coding, lacking if len(lacking) < len(alike) else alike)
                else:
                    sizes.put(alike[0].sha256, coding, self._size_there(alike, suffix))

    def _size_there(self, alike: Sequence[PublishedFile], suffix: str) -> int:
        """Give the size of a variant that is there; one that came from a source may not be worth keeping."""
        size = self._output.files.size(alike[0].path + suffix) or 0
        if is_worth_keeping(alike[0].size, size):
            return size
        self._remove(alike, suffix)
        return 0

    def _run(self, jobs: Iterator[_MissingVariant], sizes: _Sizes) -> None:
        """Make what is missing, on every core; a few jobs wait at a time, since a future takes a kilobyte."""
        outcomes: SimpleQueue[Future[tuple[_MissingVariant, int]]] = SimpleQueue()
        running = 0
        with ThreadPoolExecutor(self._threads) as executor:
            try:
                while True:
                    for job in islice(jobs, self._threads * WAITING_JOBS - running):
                        executor.submit(self._make, job).add_done_callback(outcomes.put)
                        running += 1
                    if not running:
                        return
                    job, size = outcomes.get().result()
                    running -= 1
                    sizes.put(job.alike[0].sha256, job.coding, size)
            except BaseException:
                self._stopped.set()  # or an interrupt would wait for minutes of compression
                raise

    def _make(self, job: _MissingVariant) -> tuple[_MissingVariant, int]:
        """Put one variant beside each of the files that lack it; gives its size too, 0 for none."""
        alike, coding, lacking = job
        first, suffix = alike[0], CODINGS[coding].suffix
        proven = next((file for file in alike if self._is_proven(file, coding)), None)
        with self._spool(first.size) as stream:
            size = self._fill(stream, first, coding, proven)
            if not is_worth_keeping(first.size, size):
                self._remove(alike, suffix)
                if self._cache is not None:
                    self._cache.keep_not_worth_it(first.sha256, coding)
                return job, 0
            if proven is None and self._cache is not None:
                self._cache.keep(first.sha256, coding, _chunks(stream))
            for file in lacking:
                self._output.replace(file.path + suffix, _chunks(stream), file.sha256, coding)
        return job, size

    def _spool(self, size: int) -> IO[bytes]:
        if size <= KEPT_IN_MEMORY:
            return io.BytesIO()
        import tempfile  # takes 5 ms

        return tempfile.TemporaryFile(dir=self._output.temporary_folder)

    def _fill(self, stream: IO[bytes], file: PublishedFile, coding: str, proven: PublishedFile | None) -> int:
        """Write the variant's bytes to ``stream``: from beside a file, from the cache, or new."""
        if proven is not None:
            return _copy(read_chunks(self._output.location(proven.path + CODINGS[coding].suffix)), stream)
        cached = None if self._cache is None else self._cache.find(file.sha256, coding)
        if cached is not None:
            return _copy(read_chunks(cached), stream)
        if self._fetch(stream, file, coding):
            return stream.tell()
        with self._counting:
            self._report.compressed += 1
        made = self._ahead.take((file.sha256, coding))
        if made is not None:
            return stream.write(made)
        chunks = read_chunks(self._output.location(file.path))
        return compress(self._until_stopped(chunks), file.size, coding, stream)

    def _until_stopped(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._stopped.is_set():
                raise CancelledError
            yield chunk

    def _fetch(self, stream: IO[bytes], file: PublishedFile, coding: str) -> bool:
        """Take a variant from the previous release, if it has it whole."""
        found = self._known.find(file.sha256, coding)
        if self._previous is None or found is None:
            return False
        path, coded_size = found
        try:
            chunks = self._previous.read(path, coding)
            _copy(
                verified_chunks(chunks, path, file.sha256, coding, size=file.size, coded_size=coded_size),
                stream,
            )
        except (UnreachableError, MismatchError):
            stream.seek(0)
            stream.truncate()
            return False
        return True

    def _is_proven(self, file: PublishedFile, coding: str) -> bool:
        return self._output.files.holds(file.path + CODINGS[coding].suffix, file.sha256, coding)

    def _is_hopeless(self, file: PublishedFile, coding: str) -> bool:
        if file.size == 0 or self._known.was_not_worth_it(file.sha256, coding):
            return True
        return self._cache is not None and self._cache.was_not_worth_it(file.sha256, coding)

    def _has(self, file: PublishedFile, coding: str) -> bool:
        path = file.path + CODINGS[coding].suffix
        return self._output.reuse(path, file.sha256, coding, newer_than=file.path)

    def _remove(self, alike: Sequence[PublishedFile], suffix: str) -> None:
        for file in alike:
            self._output.stage_removal(file.path + suffix)


def _cores() -> int:
    """Count the cores that this process may use: of a container, not of its host."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover  # macOS and Windows


def _copy(chunks: Iterable[bytes], stream: IO[bytes]) -> int:
    return sum(map(stream.write, chunks))


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(BLOCK_SIZE):
        yield chunk
