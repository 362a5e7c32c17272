"""The files of retained releases: verified in the output, or copied to it from the previous release.

Invariant: content is verified by its digest while it is written. A file that does not match never gets
its path.
"""

from __future__ import annotations

import errno
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import NamedTuple

from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import PreviousRelease, stopped_on_error
from hashserve.builder.releases.verification import verified_chunks
from hashserve.builder.report import Progress
from hashserve.errors import BuildError, HashserveError
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.manifest.model import AssetRecord

__all__ = ["LostFile", "restore"]

THREADS = 8
"""How many files are fetched at the same time. The threads wait for a network, not for a core."""

QUEUED_PER_THREAD = 4

_PATH_ERRORS = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""Errors that come from a path in the manifest, and not from the state of the output."""


class LostFile(NamedTuple):
    """A file that is not served any more, and why."""

    path: str
    reason: str


def restore(
    records: Sequence[AssetRecord],
    output: OutputFolder,
    previous: PreviousRelease | None,
    on_progress: Progress = lambda step, done, total: None,
) -> tuple[dict[str, AssetRecord], list[LostFile]]:
    """Make sure that every file of ``records``, and its variants, is complete in the output.

    Returns the records of the complete files by path, each with its complete variants; and the lost files.
    Raises `BuildError` where the output cannot be written to.
    """
    complete: dict[str, AssetRecord] = {}
    lost: list[LostFile] = []
    room = _Room(_free_bytes(output.root) // 2 if previous is not None else 0)
    with _threads(previous) as executor:

        def submit(record: AssetRecord) -> Future[AssetRecord | LostFile]:
            return executor.submit(_restore_file, record, output, previous, room)

        for done, outcome in enumerate(_outcomes(submit, records), 1):
            if isinstance(outcome, LostFile):
                lost.append(outcome)
            else:
                complete[outcome.path] = outcome
            on_progress("retain", done, len(records))
    return complete, lost


@contextmanager
def _threads(previous: PreviousRelease | None) -> Iterator[ThreadPoolExecutor]:
    """Yield an executor. After any error, such as Ctrl-C, its threads end soon; none outlives this."""
    with ThreadPoolExecutor(THREADS, "hashserve-restore") as executor:
        try:
            with stopped_on_error(previous):
                yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _outcomes(
    submit: Callable[[AssetRecord], Future[AssetRecord | LostFile]], records: Iterable[AssetRecord]
) -> Iterator[AssetRecord | LostFile]:
    """Restore the files, and yield the outcomes in order.

    They are not all queued at once: a future takes a kilobyte.
    """
    waiting: deque[Future[AssetRecord | LostFile]] = deque()
    for record in records:
        waiting.append(submit(record))
        if len(waiting) >= THREADS * QUEUED_PER_THREAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _free_bytes(folder: str) -> int:
    import shutil  # takes 10 ms

    try:
        return shutil.disk_usage(folder).free
    except OSError:  # some file systems do not say
        return sys.maxsize


class _Room:
    """The room on the disk that files of the previous release may take. Several threads use it."""

    def __init__(self, room_bytes: int) -> None:
        self._lock = threading.Lock()
        self._bytes = room_bytes

    def take(self, path: str, size: int) -> None:
        """Take the room of one file. Raises `MismatchError` where there is too little."""
        with self._lock:
            if size > self._bytes:
                raise MismatchError(
                    path,
                    f"its {size:,} bytes do not fit: half of the room on the disk is for the new release",
                )
            self._bytes -= size

    def give_back(self, size: int) -> None:
        with self._lock:
            self._bytes += size


def _restore_file(
    record: AssetRecord, output: OutputFolder, previous: PreviousRelease | None, room: _Room
) -> AssetRecord | LostFile:
    if record.sha256 is None or record.size is None:
        return _adopt(record, output)
    try:
        size = _restore_coding(record, IDENTITY, output, previous, room)
    except UnreachableError as error:
        return LostFile(record.path, str(error))
    except MismatchError as error:
        return LostFile(record.path, error.problem)
    variants: dict[str, int] = {}
    for coding, coded_size in record.variants.items():
        if coded_size >= record.size:
            continue  # no build keeps such a variant, which may be endless
        with suppress(UnreachableError, MismatchError):  # the file is served without this variant
            variants[coding] = _restore_coding(record, coding, output, previous, room)
    return record._replace(size=size, variants=variants)


def _adopt(record: AssetRecord, output: OutputFolder) -> AssetRecord | LostFile:
    """Accept a file that is in the output, from a manifest without digests, such as Django's."""
    sha256, size = output.files.digest(record.path), output.files.size(record.path)
    if sha256 is None or size is None:
        return LostFile(record.path, "it is not in the output, and has no digest to verify a copy by")
    output.state.add_built(record.path)
    return record._replace(sha256=sha256, size=size)


def _restore_coding(
    record: AssetRecord, coding: str, output: OutputFolder, previous: PreviousRelease | None, room: _Room
) -> int:
    """Make sure that a file is in the output in one coding; return its size there, in bytes."""
    assert record.sha256 is not None
    assert record.size is not None
    path = record.path + ("" if coding == IDENTITY else CODINGS[coding].suffix)
    coded_size = record.size if coding == IDENTITY else record.variants[coding]
    if not output.files.holds(path, record.sha256, coding):
        if previous is None:
            raise MismatchError(
                path,
                "it is missing or damaged in the output; to keep it, build with {setting:previous}, "
                "which names a folder or URL that still has it",
            )
        chunks = verified_chunks(
            previous.read(record.path, coding, coded_size),
            path,
            record.sha256,
            coding,
            size=record.size,
            coded_size=coded_size,
        )
        room.take(path, coded_size)
        try:
            output.put(path, chunks, record.sha256, coding)
        except HashserveError as error:
            room.give_back(coded_size)
            if isinstance(error, BuildError) and getattr(error.__cause__, "errno", None) in _PATH_ERRORS:
                raise MismatchError(path, error.problem) from error
            raise
    return output.files.size(path) or 0
