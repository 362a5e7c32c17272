"""The variants of published files: reused where they are proven, made where they are missing.

Law: the same content is compressed once in each coding, whatever number of names it has; what
the release in force, or the cache, found not worth keeping is not tried again.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, cast

from hashserve.build.cache import VariantCache
from hashserve.build.compress import compress, is_compressible, is_worth_keeping
from hashserve.build.output import BLOCK_SIZE, Output, read_chunks
from hashserve.build.previous import MismatchError, Place, UnreachableError, proven_chunks
from hashserve.build.report import BuildReport
from hashserve.codings import CODINGS
from hashserve.manifest import Manifest

__all__ = ["Published", "Variants"]

KEPT_IN_MEMORY = 8 * 1024 * 1024
"""Coded bytes over this many go through a temporary file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A file in the output: its path, its size in bytes, and its content's SHA-256 in base64."""

    path: str
    size: int
    sha256: str


class _Known:
    """What earlier manifests tell of the variants of a content, by its SHA-256."""

    def __init__(self, manifests: Sequence[Manifest], codings: Sequence[str]) -> None:
        self._found: dict[tuple[str, str], tuple[str, int]] = {}
        self._tried: set[str] = set()
        for manifest in manifests:
            # Of a release that is not in force any more, a variant may just have been lost.
            in_force = set(manifest.paths.values()) if set(codings) <= set(manifest.codings) else set()
            for path in manifest.files:
                record = manifest.record(path)
                if record is None or record.sha256 is None:
                    continue
                if path in in_force and is_compressible(path):
                    self._tried.add(record.sha256)
                for coding, size in record.variants.items():
                    self._found.setdefault((record.sha256, coding), (path, size))

    def was_not_worth_it(self, sha256: str, coding: str) -> bool:
        return sha256 in self._tried and (sha256, coding) not in self._found

    def find(self, sha256: str, coding: str) -> tuple[str, int] | None:
        """Give the path of a file with this content and variant, and the variant's size."""
        return self._found.get((sha256, coding))


class Variants:
    """Makes and reuses the variants of one build, in ``codings``."""

    def __init__(
        self,
        output: Output,
        report: BuildReport,
        codings: Sequence[str],
        *,
        known: Sequence[Manifest] = (),
        place: Place | None = None,
        cache: VariantCache | None = None,
        threads: int | None = None,
    ) -> None:
        self._output = output
        self._report = report
        self._codings = codings
        self._known = _Known(known, codings)
        self._place = place
        self._cache = cache
        self._counting = threading.Lock()
        self._threads = threads or _cores()
        self._stopped = threading.Event()

    def make(
        self, files: Iterable[Published], on_done: Callable[[], None] = lambda: None
    ) -> dict[str, dict[str, int]]:
        """Put the variants of ``files`` beside them; gives their sizes by SHA-256 and coding."""
        contents: dict[str, list[Published]] = {}
        for file in files:
            contents.setdefault(file.sha256, []).append(file)
        # The largest first, so that no core is left alone with one at the end.
        jobs = sorted(contents.values(), key=lambda alike: -alike[0].size)
        sizes: dict[str, dict[str, int]] = {}
        with ThreadPoolExecutor(self._threads) as executor:
            futures = {
                alike[0].sha256: [executor.submit(self._make, alike, coding) for coding in self._codings]
                for alike in jobs
            }
            try:
                for sha256, pending in futures.items():
                    made = dict(zip(self._codings, (future.result() for future in pending), strict=True))
                    sizes[sha256] = {coding: size for coding, size in made.items() if size}
                    on_done()
            except BaseException:
                self._stopped.set()  # or an interrupt would wait for minutes of compression
                executor.shutdown(wait=True, cancel_futures=True)
                raise
        return sizes

    def _make(self, alike: Sequence[Published], coding: str) -> int:
        """Put one variant beside each of the files that are alike; gives its size, 0 for none."""
        first = alike[0]
        suffix = CODINGS[coding].suffix
        if not any(is_compressible(file.path) for file in alike) or self._is_hopeless(first, coding):
            self._remove(alike, suffix)
            return 0
        lacking = [file for file in alike if not self._has(file, coding)]
        if not lacking:
            return self._output.size(first.path + suffix) or 0
        proven = next((file for file in alike if self._is_proven(file, coding)), None)
        with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY, dir=self._output.temporary_folder) as spool:
            stream = cast("IO[bytes]", spool)
            size = self._fill(stream, first, coding, proven)
            if not is_worth_keeping(first.size, size):
                self._remove(alike, suffix)
                if self._cache is not None:
                    self._cache.keep_not_worth_it(first.sha256, coding)
                return 0
            if proven is None and self._cache is not None:
                self._cache.keep(first.sha256, coding, _chunks(stream))
            for file in lacking:
                self._output.put(
                    file.path + suffix, _chunks(stream), file.sha256, coding, newer_than=file.path
                )
        return size

    def _fill(self, stream: IO[bytes], file: Published, coding: str, proven: Published | None) -> int:
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
        return compress(self._until_stopped(file), file.size, coding, stream)

    def _until_stopped(self, file: Published) -> Iterator[bytes]:
        for chunk in read_chunks(self._output.location(file.path)):
            if self._stopped.is_set():
                raise CancelledError
            yield chunk

    def _fetch(self, stream: IO[bytes], file: Published, coding: str) -> bool:
        """Take a variant from the previous release, if it has it whole."""
        found = self._known.find(file.sha256, coding)
        if self._place is None or found is None:
            return False
        path, coded_size = found
        try:
            chunks = self._place.read(path, coding)
            _copy(
                proven_chunks(chunks, path, file.sha256, coding, size=file.size, coded_size=coded_size),
                stream,
            )
        except (UnreachableError, MismatchError):
            stream.seek(0)
            stream.truncate()
            return False
        return True

    def _is_proven(self, file: Published, coding: str) -> bool:
        return self._output.holds(file.path + CODINGS[coding].suffix, file.sha256, coding)

    def _is_hopeless(self, file: Published, coding: str) -> bool:
        if file.size == 0 or self._known.was_not_worth_it(file.sha256, coding):
            return True
        return self._cache is not None and self._cache.was_not_worth_it(file.sha256, coding)

    def _has(self, file: Published, coding: str) -> bool:
        path = file.path + CODINGS[coding].suffix
        return self._output.has(path, file.sha256, coding, newer_than=file.path)

    def _remove(self, alike: Sequence[Published], suffix: str) -> None:
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
