"""The files of retained releases: verified in the output, or copied to it from the previous release.

Invariant: content is verified by its digest while it is written. A file that does not match never gets
its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from typing import NamedTuple

from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.releases.copying import Room, each_in_threads
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import PreviousRelease
from hashserve.builder.releases.verification import verified_chunks
from hashserve.builder.report import Progress
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.manifest.model import AssetRecord

__all__ = ["LostFile", "restore"]


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
    room = Room(output.root, previous)

    def restore_one(record: AssetRecord) -> AssetRecord | LostFile:
        return _restore_file(record, output, previous, room)

    with closing(each_in_threads(restore_one, records, previous)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            if isinstance(outcome, LostFile):
                lost.append(outcome)
            else:
                complete[outcome.path] = outcome
            on_progress("retain", done, len(records))
    return complete, lost


def _restore_file(
    record: AssetRecord, output: OutputFolder, previous: PreviousRelease | None, room: Room
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
    record: AssetRecord, coding: str, output: OutputFolder, previous: PreviousRelease | None, room: Room
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
        with room.taken(path, coded_size):
            output.put(path, chunks, record.sha256, coding)
    return output.files.size(path) or 0
