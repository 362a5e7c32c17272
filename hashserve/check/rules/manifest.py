"""Rules about the manifest: it is there, it can be read, and it states digests."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.findings import CheckFinding, finding

__all__ = ["manifest_findings"]


def manifest_findings(folder: CheckedFolder) -> Iterator[CheckFinding]:
    """Yield what is wrong with the manifest."""
    yield from folder.manifest.findings
    without = sum(record.sha256 is None for record in folder.index.records.values())
    if without:
        yield finding("manifest-without-digests", folder.manifest.path, f"files without a digest: {without}")
