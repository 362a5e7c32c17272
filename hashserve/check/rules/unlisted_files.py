"""Rules about files on disk that no release lists: leftovers, copies, and files of other tools."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.findings import CheckFinding, finding
from hashserve.check.published_tree import is_temporary

__all__ = ["unlisted_file_findings"]


def unlisted_file_findings(folder: CheckedFolder) -> Iterator[CheckFinding]:
    """Yield the files that no release lists."""
    referring = _referring_paths(folder)
    for path, item in folder.paths.items():
        if item.content is None or path in folder.index.all_paths:
            continue
        if is_temporary(path):
            yield finding(
                "temporary-file", path, "has the name of a copy that was left behind, and is served"
            )
        elif not folder.lists_every_file:
            continue
        elif path in referring:
            yield finding("file-unlisted", path, f"no release lists it, but {referring[path]!r} refers to it")
        else:
            rule = "leftover" if path in folder.leftovers else "file-unlisted"
            yield finding(rule, path, "no retained release lists it")


def _referring_paths(folder: CheckedFolder) -> dict[str, str]:
    """Return a file that refers to each path; references from leftovers do not count."""
    return {
        target: path
        for path, content in folder.contents()
        if path not in folder.leftovers
        for target in content.references.targets
    }
