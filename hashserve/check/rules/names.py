"""Rules about names: no two differ only in case."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.findings import CheckFinding, finding

__all__ = ["name_findings"]


def name_findings(folder: CheckedFolder) -> Iterator[CheckFinding]:
    """Yield files whose name differs only in case from another."""
    by_folded_path: dict[str, str] = {}
    for path, item in folder.paths.items():
        if item.content is None or path in folder.index.records:
            continue
        other = by_folded_path.setdefault(path.casefold(), path)
        if other != path:
            yield finding("case-collision", path, f"differs from {other!r} only in case")
