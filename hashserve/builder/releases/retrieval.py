"""Bringing over the files of retained releases that the output does not have.

Invariant: what is brought over is proven by its digest while it is written; a file that does not match
never gets its name.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from hashserve.builder.output.writer import Output
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import Place
from hashserve.builder.releases.verification import verified_chunks
from hashserve.builder.report import BuildFinding, Progress
from hashserve.errors import BuildError
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.manifest.model import AssetRecord

__all__ = ["bring_over"]

THREADS = 8
"""How many files are fetched at once: they wait for a network, not for a core."""


def bring_over(
    records: Sequence[AssetRecord],
    output: Output,
    place: Place | None,
    on_progress: Progress = lambda step, done, total: None,
) -> tuple[dict[str, AssetRecord], list[BuildFinding]]:
    """See to it that every file of ``records``, with its variants, is whole in the output.

    Gives those that are, by path, with the variants that are; and a finding for every other.
    Raises `BuildError` where the output cannot take them.
    """
    findings: list[BuildFinding] = []
    whole: dict[str, AssetRecord] = {}
    with ThreadPoolExecutor(THREADS) as executor:
        outcomes = executor.map(lambda record: _bring(record, output, place), records)
        for done, outcome in enumerate(outcomes, 1):
            if isinstance(outcome, BuildFinding):
                findings.append(outcome)
            else:
                whole[outcome.path] = outcome
            on_progress("retain", done, len(records))
    return whole, findings


def _bring(record: AssetRecord, output: Output, place: Place | None) -> AssetRecord | BuildFinding:
    if record.sha256 is None or record.size is None:
        return _take_as_it_is(record, output)
    try:
        size = _bring_one(record, IDENTITY, output, place)
    except (UnreachableError, MismatchError) as error:
        return _lost(record, error)
    variants: dict[str, int] = {}
    for coding in record.variants:
        with suppress(UnreachableError, MismatchError):  # the file is whole without it
            variants[coding] = _bring_one(record, coding, output, place)
    return record._replace(size=size, variants=variants)


def _take_as_it_is(record: AssetRecord, output: Output) -> AssetRecord | BuildFinding:
    """Take over what a manifest without digests (Django's) says is immutable and is there."""
    sha256, size = output.digest(record.path), output.size(record.path)
    if sha256 is None or size is None:
        return _lost(
            record, MismatchError(record.path, "is not in the output, and has no digest to prove it")
        )
    output.memory.add_made(record.path)
    return record._replace(sha256=sha256, size=size)


def _lost(record: AssetRecord, error: Exception) -> BuildFinding:
    message = f"of a retained release is not served any more: {error}"
    return BuildFinding(kind="lost", path=record.path, message=message)


def _bring_one(record: AssetRecord, coding: str, output: Output, place: Place | None) -> int:
    """Have one representation in the output; gives its size there, in bytes."""
    assert record.sha256 is not None
    path = record.path + ("" if coding == IDENTITY else CODINGS[coding].suffix)
    coded_size = record.size if coding == IDENTITY else record.variants[coding]
    if output.holds(path, record.sha256, coding):
        output.memory.add_made(path)
        return output.size(path) or 0
    if place is None:
        raise MismatchError(path, "is gone from the output, or damaged there")
    chunks = verified_chunks(
        place.read(record.path, coding), path, record.sha256, coding, size=record.size, coded_size=coded_size
    )
    try:
        output.put(path, chunks, record.sha256, coding)
    except BuildError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _NAME_PROBLEMS:
            raise MismatchError(path, error.problem) from error
        raise
    return output.size(path) or 0


_NAME_PROBLEMS = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""Errors that are due to a name that some manifest states, and not to the output."""
