"""The variants of published files: reused where they are proven, made where they are missing.

Invariant: a content is compressed once in each coding, however many files have it. A variant that was not
worth keeping in an earlier build is not made again.
"""

from __future__ import annotations

import io
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from types import MappingProxyType, TracebackType
from typing import IO, NamedTuple

from hashserve.builder.chunks import BLOCK_SIZE, Content, read_chunks
from hashserve.builder.compression.compressors import (
    COMPRESSED,
    compress,
    fast_size,
    is_compressible,
    is_worth_keeping,
)
from hashserve.builder.compression.earlier_variants import EarlierVariants
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.report import BuildReport, Progress
from hashserve.builder.waiting import next_of
from hashserve.errors import HashserveError
from hashserve.http.codings import CODINGS

__all__ = ["Variants", "usable_cores"]

KEPT_IN_MEMORY = 8 * 1024 * 1024
"""The largest content, in bytes, whose variants are held in memory; those of others go through a file."""

QUEUED_PER_THREAD = 8
"""How many jobs each thread has waiting. They are not queued all at once: a future takes a kilobyte."""

SMALLEST_EARLY = 4096
"""The smallest content, in bytes, that is compressed early."""

MOST_EARLY = 512
"""The most variants that are made early; they are held in memory until they are written."""


class _MissingVariant(NamedTuple):
    """A variant to make: the files with the content, and those of them that lack the variant."""

    alike: Sequence[PublishedFile]
    coding: str
    lacking: Sequence[PublishedFile]


class Variants:
    """Makes and reuses the variants of one build in ``codings``; none for the ``skipped`` extensions.

    Use it as a context manager: on exit, it stops the compression that still runs.
    """

    def __init__(
        self,
        output: OutputFolder,
        report: BuildReport,
        codings: Sequence[str],
        earlier: EarlierVariants,
        *,
        threads: int | None = None,
        skipped: frozenset[str] = COMPRESSED,
    ) -> None:
        self._output = output
        self._report = report
        self._codings = codings
        self._earlier = earlier
        self._skipped = skipped
        self._threads = threads or usable_cores()
        self._executor = ThreadPoolExecutor(self._threads, "hashserve-compress")
        self._early: dict[tuple[str, str], Future[bytes]] = {}
        self._staged: Mapping[PublishedFile, Content] = {}
        self._stopped = threading.Event()
        self._counting = threading.Lock()

    def __enter__(self) -> Variants:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()  # without this, an interrupt would wait for minutes of compression
        self._executor.shutdown(cancel_futures=True)

    def begin(self, file: PublishedFile, content: Content) -> None:
        """Begin to compress the content of a file that will be published, unless its variants may be there.

        Nothing is written before `make`. This only saves time: other cores
        compress while one reads and names files. A cold build of 134 files (1.9 MB, br and gzip) on two cores
        takes 1.20 s with it and 1.30 s without.
        """
        if not SMALLEST_EARLY <= file.size <= KEPT_IN_MEMORY or not is_compressible(file.path, self._skipped):
            return
        for coding in self._codings:
            key = (file.sha256, coding)
            if key not in self._early and len(self._early) < MOST_EARLY and not self._may_have(file, coding):
                self._early[key] = self._executor.submit(self._compressed, content, file.size, coding)

    def _may_have(self, file: PublishedFile, coding: str) -> bool:
        """Whether a variant may be there, or was not worth making."""
        return (
            self._earlier.has(file.sha256, coding)
            or self._earlier.was_not_worth_it(file.sha256, coding)
            or self._earlier.is_said_to_be_not_worth_it(file.sha256, coding)
            or self._output.files.size(file.path + CODINGS[coding].suffix) is not None
        )

    def _compressed(self, content: Content, size: int, coding: str) -> bytes:
        stream = io.BytesIO()
        compress(content(), size, coding, stream, self._stopped)
        return stream.getvalue()

    def make(
        self,
        files: Iterable[PublishedFile],
        on_progress: Progress = lambda step, done, total: None,
        *,
        staged: Mapping[PublishedFile, Content] = MappingProxyType({}),
    ) -> dict[str, dict[str, int]]:
        """Write the variants of ``files`` next to them; returns their sizes by SHA-256 and coding.

        ``staged`` are files whose paths the release in force may have too, with their contents: their
        variants are staged.
        """
        self._staged = staged
        for future in self._early.values():
            future.cancel()  # what has not begun is made below, the largest first
        contents: dict[str, list[PublishedFile]] = {}
        for file in (*files, *staged):
            contents.setdefault(file.sha256, []).append(file)
        sizes = {sha256: dict.fromkeys(self._codings, 0) for sha256 in contents}
        missing = list(self._missing(contents, sizes))
        # The largest first, so that no core makes one alone at the end.
        missing.sort(key=lambda variant: -variant.alike[0].size)
        left = Counter(variant.alike[0].sha256 for variant in missing)
        done = len(contents) - len(left)
        for number in range(1, done + 1):
            on_progress("compress", number, len(contents))
        for variant, size in self._made(iter(missing)):
            sha256 = variant.alike[0].sha256
            sizes[sha256][variant.coding] = size
            left[sha256] -= 1
            if not left[sha256]:
                done += 1
                on_progress("compress", done, len(contents))
        return {
            sha256: {coding: size for coding, size in found.items() if size}
            for sha256, found in sizes.items()
        }

    def _missing(
        self, contents: Mapping[str, Sequence[PublishedFile]], sizes: Mapping[str, dict[str, int]]
    ) -> Iterator[_MissingVariant]:
        """Yield the variants that must be made, and put the sizes of those that are there into ``sizes``."""
        for sha256, alike in contents.items():
            has_no_variants = not alike[0].size or not any(
                is_compressible(file.path, self._skipped) for file in alike
            )
            for coding in self._codings:
                if has_no_variants or self._is_not_worth_it(alike[0], coding):
                    self._remove(alike, coding)
                elif lacking := [file for file in alike if not self._has(file, coding)]:
                    yield _MissingVariant(alike, coding, lacking if len(lacking) < len(alike) else alike)
                else:
                    sizes[sha256][coding] = self._size_there(alike, coding)

    def _is_not_worth_it(self, file: PublishedFile, coding: str) -> bool:
        """Whether an earlier build found so. If that was elsewhere, the fastest compression must agree."""
        if self._earlier.was_not_worth_it(file.sha256, coding):
            return True
        if not self._earlier.is_said_to_be_not_worth_it(file.sha256, coding):
            return False
        return not is_worth_keeping(file.size, fast_size(self._content(file)))

    def _content(self, file: PublishedFile) -> Iterable[bytes]:
        staged = self._staged.get(file)
        return read_chunks(self._output.location(file.path)) if staged is None else staged()

    def _has(self, file: PublishedFile, coding: str) -> bool:
        path = file.path + CODINGS[coding].suffix
        return self._output.reuse(path, file.sha256, coding, newer_than=file.path)

    def _size_there(self, alike: Sequence[PublishedFile], coding: str) -> int:
        """Return the size of a variant that is there; one that the source had may not be worth keeping."""
        size = self._output.files.size(alike[0].path + CODINGS[coding].suffix) or 0
        if is_worth_keeping(alike[0].size, size):
            return size
        self._remove(alike, coding)
        return 0

    def _made(self, missing: Iterator[_MissingVariant]) -> Iterator[tuple[_MissingVariant, int]]:
        """Make what is missing, on every core; yields each variant and its size, as they are done."""
        outcomes: SimpleQueue[Future[tuple[_MissingVariant, int]]] = SimpleQueue()
        running = 0
        while True:
            for variant in islice(missing, self._threads * QUEUED_PER_THREAD - running):
                self._executor.submit(self._make, variant).add_done_callback(outcomes.put)
                running += 1
            if not running:
                return
            yield next_of(outcomes).result()
            running -= 1

    def _make(self, variant: _MissingVariant) -> tuple[_MissingVariant, int]:
        """Write a variant next to each file that lacks it; returns its size too, 0 if it saves too little."""
        alike, coding, lacking = variant
        first, suffix = alike[0], CODINGS[coding].suffix
        holds = self._output.files.holds
        proven = next((file for file in alike if holds(file.path + suffix, file.sha256, coding)), None)
        with self._spool(first.size) as stream:
            if proven is not None:
                stream.writelines(read_chunks(self._output.location(proven.path + suffix)))
            elif not self._earlier.copy(first, coding, stream):
                self._compress(first, coding, stream)
            size = stream.tell()
            is_kept = is_worth_keeping(first.size, size)
            if proven is None or not is_kept:
                self._earlier.keep(first.sha256, coding, _chunks(stream) if is_kept else None)
            if not is_kept:
                self._remove(alike, coding)
                return variant, 0
            for file in lacking:
                self._put(file, _chunks(stream), coding)
        return variant, size

    def _put(self, file: PublishedFile, chunks: Iterable[bytes], coding: str) -> None:
        path = file.path + CODINGS[coding].suffix
        if file in self._staged:
            self._output.stage(path, chunks, file.sha256, coding, newer_than=file.path)
        else:
            self._output.replace(path, chunks, file.sha256, coding)

    def _spool(self, size: int) -> IO[bytes]:
        if size <= KEPT_IN_MEMORY:
            return io.BytesIO()
        import tempfile  # takes 5 ms

        return tempfile.TemporaryFile(dir=self._output.temporary_folder)

    def _compress(self, file: PublishedFile, coding: str, stream: IO[bytes]) -> None:
        """Write the variant to ``stream``: the one that was begun early, else a new one."""
        with self._counting:
            self._report.compressed += 1
        early = self._early.pop((file.sha256, coding), None)
        if early is not None and not early.cancel():
            try:
                stream.write(early.result())
            except (OSError, HashserveError):
                pass  # the same error is raised below, unless it has gone
            else:
                return
        compress(self._content(file), file.size, coding, stream, self._stopped)

    def _remove(self, alike: Sequence[PublishedFile], coding: str) -> None:
        for file in alike:
            self._output.stage_removal(file.path + CODINGS[coding].suffix)


def usable_cores() -> int:
    """Count the cores that this process may use: of a container, not of its host."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover  # macOS and Windows


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(BLOCK_SIZE):
        yield chunk
