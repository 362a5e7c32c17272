"""What another tool fingerprinted already: it keeps its name, and is not hashed a second time.

Invariant: a bundler's own manifest, or a pattern that the caller gave, says so; never the look of a name.
"""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from fnmatch import fnmatchcase

from hashserve.errors import SettingError
from hashserve.fingerprint_patterns import without_fingerprint
from hashserve.http.codings import coding_of_suffix
from hashserve.manifest.files import find_manifest
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.model import MANIFEST_NAME, Manifest

__all__ = ["already_fingerprinted"]


def already_fingerprinted(
    roots: Sequence[str], paths: Sequence[str], patterns: Sequence[str], manifests: Sequence[str] = ()
) -> dict[str, str]:
    """Tell which of the source's ``paths`` keep their name, and each one's logical path.

    The logical path is the one that the tool's manifest states, else the name without its
    fingerprint, else the name itself. ``manifests`` are those that are named, beside those that are
    found in the ``roots``. Raises `ManifestError` for a tool's manifest that is broken, `SettingError` for
    a named one that cannot be read or lists nothing of the source.
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
    for path in [path for path in kept if _is_named_as_variant(path, present)]:
        del kept[path]  # that name belongs to the variant that the build makes or finds there
    return _each_once(kept, present)


def _listed(manifest: Manifest, present: Container[str]) -> dict[str, str]:
    logical = {path: name for name, path in manifest.paths.items()}
    return {path: logical.get(path, path) for path in manifest.files if path in present}


def _named(location: str, roots: Sequence[str], present: Container[str]) -> dict[str, str]:
    """Read a manifest that was named: of the root that it lies in, else of the first that has its files."""
    real = os.path.realpath(location)
    around = [root for root in roots if real.startswith(os.path.join(os.path.realpath(root), ""))]
    for root in around or roots:
        try:
            # By its real place, so that one in the root is known to be there whatever links lead to both.
            manifest = load_manifest(real, root=os.path.realpath(root))
        except OSError as error:
            problem = f"cannot be read: {error.strerror}; name the manifest that the bundler wrote"
            raise SettingError("bundler_manifests", location, problem) from error
        listed = _listed(manifest, present)
        if listed:
            return listed
    problem = "lists no fingerprinted file that is in the source; does it belong to another folder?"
    raise SettingError("bundler_manifests", location, problem)


def _is_named_as_variant(path: str, present: Container[str]) -> bool:
    coding = coding_of_suffix(path)
    return coding is not None and path[: -len(coding.suffix)] in present


def _each_once(kept: dict[str, str], present: set[str]) -> dict[str, str]:
    """Leave a file its own name as logical path where that other one is taken."""
    taken = present - kept.keys()
    result = {}
    for path, logical_path in sorted(kept.items()):
        result[path] = path if logical_path in taken else logical_path
        taken.add(result[path])
    return result
