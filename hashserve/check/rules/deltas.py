"""Rules about deltas: they are there, decode to their file with their dictionary, and save bytes."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.delta_contents import DeltaContent
from hashserve.check.findings import CheckFinding, finding
from hashserve.manifest.model import AssetRecord

__all__ = ["delta_findings"]


def delta_findings(folder: CheckedFolder) -> Iterator[CheckFinding]:
    """Yield the deltas that are missing, cannot be proven, are wrong, or save nothing."""
    for path, delta in folder.deltas.items():
        record = folder.index.records[delta.record.of]
        if delta.file is not None:
            yield from _decoded(delta, record)
            yield from _size(delta, delta.file.size, record)
        elif path not in folder.reported_paths:
            yield finding(
                "delta-missing", path, f"is not there; the manifest states {delta.record.size} bytes"
            )


def _decoded(delta: DeltaContent, record: AssetRecord) -> Iterator[CheckFinding]:
    path = delta.record.path
    if delta.dictionary_problem:
        message = f"cannot be proven: its dictionary {delta.record.dictionary!r} {delta.dictionary_problem}"
        yield finding("delta-unproven", path, message)
    elif delta.problem:
        yield finding("delta-broken", path, delta.problem)
    elif delta.sha256 != record.sha256:
        yield finding("delta-differs", path, "decodes to bytes with another SHA-256 than the manifest states")


def _size(delta: DeltaContent, size: int, record: AssetRecord) -> Iterator[CheckFinding]:
    path, listed, best = delta.record.path, delta.record.size, record.best_size
    if size != listed:
        if not delta.problem:
            yield finding("delta-differs", path, f"has {size} bytes; the manifest states {listed}")
    elif size >= best:
        yield finding("delta-larger", path, f"has {size:,} bytes; without a dictionary, {best:,} are enough")
