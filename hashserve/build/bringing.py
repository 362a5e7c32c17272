"""Bringing over the files of retained releases that the output does not have.

Law: what is brought over is proven by its digest while it is written; a file that does not match
never gets its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from hashserve.build.output import Output
from hashserve.build.previous import Place, UnreachableError
from hashserve.build.report import Finding
from hashserve.codings import CODINGS, IDENTITY, DecodeError
from hashserve.digests import digest_of
from hashserve.errors import BuildError
from hashserve.manifest import AssetRecord

__all__ = ["MismatchError", "bring_over", "proven_chunks"]

THREADS = 8
"""How many files are fetched at once: they wait for a network, not for a core."""


class MismatchError(BuildError):
    """Tell of content that is not what its manifest says."""


def bring_over(
    records: Sequence[AssetRecord], output: Output, place: Place | None
) -> tuple[dict[str, AssetRecord], list[Finding]]:
    """See to it that every file of ``records``, with its variants, is whole in the output.

    Gives those that are, by path, with the variants that are; and a finding for every other.
    """
    findings: list[Finding] = []
    whole: dict[str, AssetRecord] = {}
    with ThreadPoolExecutor(THREADS) as executor:
        for record, outcome in zip(
            records, executor.map(lambda item: _bring(item, output, place), records), strict=True
        ):
            if isinstance(outcome, Finding):
                findings.append(outcome)
            else:
                whole[record.path] = outcome
    return whole, findings


def _bring(record: AssetRecord, output: Output, place: Place | None) -> AssetRecord | Finding:
    try:
        _bring_one(record, IDENTITY, output, place)
    except (UnreachableError, MismatchError) as error:
        message = f"of a retained release is not served any more: {error}"
        return Finding(kind="lost", path=record.path, message=message)
    variants: dict[str, int] = {}
    for coding, size in record.variants.items():
        try:
            _bring_one(record, coding, output, place)
        except (UnreachableError, MismatchError):
            continue  # the file is whole without it; the next build may make it
        variants[coding] = size
    return AssetRecord(
        path=record.path,
        size=record.size,
        sha256=record.sha256,
        variants=variants,
        media_type=record.media_type,
    )


def _bring_one(record: AssetRecord, coding: str, output: Output, place: Place | None) -> None:
    sha256 = record.sha256 or ""
    path = record.path + ("" if coding == IDENTITY else CODINGS[coding].suffix)
    size = record.size if coding == IDENTITY else record.variants[coding]
    if output.holds(path, sha256, coding) and output.size(path) == size:
        output.keep(path)
    elif place is None:
        raise MismatchError(path, "is gone from the output, or damaged there")
    else:
        output.put(
            path, proven_chunks(place.read(record.path, coding), path, sha256, coding, size), sha256, coding
        )


def proven_chunks(
    chunks: Iterator[bytes], path: str, sha256: str, coding: str = IDENTITY, size: int | None = None
) -> Iterator[bytes]:
    """Pass chunks on, and raise `MismatchError` at the end unless they are what they should be.

    No more than ``size`` bytes (and one chunk) are taken, whatever the other side sends.
    """
    taken: list[bytes] = []
    total = 0
    for chunk in chunks:
        taken.append(chunk)
        total += len(chunk)
        if size is not None and total > size:
            break
        yield chunk
    try:
        digest = digest_of(taken if coding == IDENTITY else CODINGS[coding].decode(taken))
    except DecodeError:
        digest = ""
    if digest != sha256 or (size is not None and total != size):
        raise MismatchError(path, "is not the content that its manifest lists")
