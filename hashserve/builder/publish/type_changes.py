"""Paths that are a file in one release and a folder in the next.

Invariant: until the switch, such a path stays what it is in the release in force, and no manifest in force
lists a file that is not there.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.paths import delta_paths, folders_of, is_at_or_below
from hashserve.builder.releases.retention import manifest_without
from hashserve.builder.report import BuildReport
from hashserve.manifest.model import Manifest

__all__ = ["stage_type_changes"]


def stage_type_changes(
    paths: Collection[str],
    kept: Collection[str],
    in_force: Manifest | None,
    output: OutputFolder,
    report: BuildReport,
) -> Manifest | None:
    """Stage each path of the new release that was a file and is a folder now, or the reverse.

    ``paths`` are the logical paths of the release, and ``kept`` those of them that keep their names. If
    fingerprinted files of the manifest ``in_force``, or deltas, must be moved away before the switch,
    returns that manifest without them.
    """
    folders = [folder for folder in sorted(folders_of(paths)) if output.files.has_file(folder)]
    changed = [*folders, *(path for path in kept if output.files.has_folder(path))]
    for path in changed:
        output.defer(path)
    for folder in folders:
        report.add("lost", folder, "is dropped, because the new release has a folder of that name")
    if in_force is None:
        return None
    listed = chain(in_force.files, delta_paths(in_force))
    gone = {file for file in listed if any(is_at_or_below(file, path) for path in changed)}
    gone |= delta_paths(in_force) & set(paths)
    return manifest_without(in_force, gone.__contains__) if gone else None
