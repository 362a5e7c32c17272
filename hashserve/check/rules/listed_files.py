"""Rules about files that a release lists: they are there, can be read, and have the listed content."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.contents import PathContents
from hashserve.check.findings import CheckFinding, finding
from hashserve.manifest.model import AssetRecord

__all__ = ["listed_file_findings"]


def listed_file_findings(folder: CheckedFolder) -> Iterator[CheckFinding]:
    """Yield the files that cannot be read, are missing or are changed."""
    for path, item in folder.paths.items():
        if item.content is not None and item.content.problem:
            yield finding("file-unreadable", path, item.content.problem)
        record = folder.index.records.get(path)
        is_listed = record is not None or path in folder.index.unfingerprinted
        if item.on_disk.file is None:
            if is_listed and path not in folder.reported_paths:
                yield finding("file-missing", path, f"is not there, but {_release(folder, path)} lists it")
        elif record is not None:
            yield from _changed(folder, item, record, item.on_disk.file.size)


def _changed(
    folder: CheckedFolder, item: PathContents, record: AssetRecord, size: int
) -> Iterator[CheckFinding]:
    if record.size is not None and record.size != size:
        yield finding("file-changed", record.path, f"has {size} bytes; the manifest states {record.size}")
    elif folder.is_changed(record):
        yield finding("file-changed", record.path, "has another SHA-256 than the manifest states")


def _release(folder: CheckedFolder, path: str) -> str:
    if path in folder.index.current_paths:
        return "the release in force"
    return f"the retained release {folder.index.releases.get(path)}"
