"""Names that are stated to be fingerprinted by another tool, so that they are kept.

Invariant: its manifest in the root, a manifest that is named or a pattern of the caller's states them.
`hashserve.builder.bundlers.proven_names` finds others.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from hashserve.builder.report import BuildReport
from hashserve.builder.sources.scanner import ScannedFile
from hashserve.errors import SettingError
from hashserve.fingerprint_patterns import without_fingerprint
from hashserve.http.codings import coding_of_suffix
from hashserve.manifest.discovery import MANIFEST_NAME, find_manifest
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.model import Manifest

__all__ = ["already_fingerprinted", "check_unchanged", "each_once"]


def already_fingerprinted(
    roots: Sequence[str], paths: Sequence[str], patterns: Sequence[str], manifests: Sequence[str] = ()
) -> dict[str, str]:
    """Return the logical path of each of the source's ``paths`` that keeps its name.

    It is the logical path that the tool's manifest states, else the path without its fingerprint, else the
    path itself. ``manifests`` are read in addition to those that are found in the ``roots``. Raises
    `ManifestError` for a broken manifest, and `SettingError` for one of ``manifests`` that cannot be read or
    lists no file of the source.
    """
    present = set(paths)
    kept: dict[str, str] = {}
    for path in paths:
        if any(fnmatchcase(path, pattern) for pattern in patterns):
            kept[path] = without_fingerprint(path) or path
    for root in roots:
        location = find_manifest(root)
        if location is None or location.endswith(MANIFEST_NAME):
            continue
        kept.update(_listed(load_manifest(location, root=root), present))
    for location in manifests:
        kept.update(_named(location, roots, present))
    # The name of a variant belongs to the variant that the build makes or finds there.
    kept = {path: name for path, name in kept.items() if not _is_named_as_variant(path, present)}
    return each_once(kept, present) if kept else kept


def check_unchanged(
    kept: Iterable[str], scanned: Mapping[str, ScannedFile], earlier: Sequence[Manifest], report: BuildReport
) -> None:
    """Report each of the ``kept`` files that had other content under its name in an ``earlier`` manifest."""
    for path in kept:
        file = scanned[path]
        records = filter(None, (manifest.record(path) for manifest in earlier))
        if any(record.sha256 not in (None, file.sha256) for record in records):
            report.add(
                "changed-fingerprinted",
                file.file.location,
                "has other content than an earlier release has under this name, and browsers keep the old "
                "content; run the tool that names it again, so that the file gets a new name",
            )


def _listed(manifest: Manifest, present: Container[str]) -> dict[str, str]:
    logical = {path: name for name, path in manifest.paths.items()}
    return {path: logical.get(path, path) for path in manifest.files if path in present}


def _named(location: str, roots: Sequence[str], present: Container[str]) -> dict[str, str]:
    """Read a manifest for the root that it is in, else for the first root that has files of its list."""
    real = os.path.realpath(location)
    around = [root for root in roots if real.startswith(os.path.join(os.path.realpath(root), ""))]
    for root in around or roots:
        try:
            # The real paths show whether the manifest is in the root, whatever links lead to both.
            manifest = load_manifest(real, root=os.path.realpath(root))
        except OSError as error:
            problem = f"cannot be read: {error.strerror}; name the manifest that the bundler wrote"
            raise SettingError("bundler_manifests", location, problem) from error
        listed = _listed(manifest, present)
        if listed:
            return listed
    problem = "lists no fingerprinted file of the source; does it belong to another folder?"
    raise SettingError("bundler_manifests", location, problem)


def _is_named_as_variant(path: str, present: Container[str]) -> bool:
    coding = coding_of_suffix(path)
    return coding is not None and path[: -len(coding.suffix)] in present


def each_once(kept: dict[str, str], present: set[str]) -> dict[str, str]:
    """Return the path itself as logical path where two files would have the same one."""
    taken = present - kept.keys()
    result = {}
    for path, logical_path in sorted(kept.items()):
        result[path] = path if logical_path in taken else logical_path
        taken.add(result[path])
    return result
