"""Rules about references: they lead to fingerprinted files that are there."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.findings import CheckFinding

__all__ = ["reference_findings"]


def reference_findings(folder: CheckedFolder) -> Iterator[CheckFinding]:
    """Yield what is wrong with the references of all files except leftovers."""
    for path, content in folder.contents():
        if path not in folder.leftovers:
            yield from content.references.findings
