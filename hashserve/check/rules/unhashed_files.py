"""Rules about unhashed files: they hold what the manifest states, or what their fingerprinted forms hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.contents import PathContents
from hashserve.check.findings import CheckFinding, finding
from hashserve.http.codings import CODINGS, coding_of_suffix
from hashserve.manifest.model import AssetRecord
from hashserve.manifest.schema import Unhashed

__all__ = ["unhashed_file_findings"]


def unhashed_file_findings(folder: CheckedFolder, proven: Mapping[str, str]) -> Iterator[CheckFinding]:
    """Yield unhashed files that hold other bytes than the release in force has, or are missing.

    ``proven`` maps paths to the tokens that are proven to be those of their content.
    """
    for item in folder.paths.values():
        yield from _differing(folder, item)
    yield from _missing(folder, proven)


def _differing(folder: CheckedFolder, item: PathContents) -> Iterator[CheckFinding]:
    path = item.on_disk.path
    if path in folder.index.records or path in folder.index.unfingerprinted:
        return
    record = _expected(folder, path)
    content = folder.content(path)
    if record is None or record.sha256 is None or content is None or _is_variant(folder, path):
        return
    if content.sha256 != record.sha256:
        if _may_be_original(folder):
            return  # its references are not rewritten, and it has variants of its own
        other = "the manifest states" if record.path == path else f"{record.path!r}"
        yield finding("unhashed-differs", path, f"has other bytes than {other}")
    for coding in record.variants:
        if coding not in item.variants:
            variant = path + CODINGS[coding].suffix
            yield finding("unhashed-variant-missing", variant, f"is not there next to {path!r}")


def _expected(folder: CheckedFolder, path: str) -> AssetRecord | None:
    """Return what an unhashed file holds: what the manifest states for it, or else its fingerprinted form."""
    manifest = folder.manifest.manifest
    own = None if manifest is None else manifest.unhashed_record(path)
    return own or folder.index.records.get(folder.index.current.get(path, ""))


def _may_be_original(folder: CheckedFolder) -> bool:
    """Whether unhashed files may hold their source's bytes, and the manifest does not state which ones do.

    Django's builds of earlier versions wrote such manifests.
    """
    manifest = folder.manifest.manifest
    return _unhashed_is(folder, "original") and manifest is not None and manifest.unhashed_files is None


def _missing(folder: CheckedFolder, proven: Mapping[str, str]) -> Iterator[CheckFinding]:
    """Yield unhashed files that are missing while others of the same build are there.

    A build may leave all of them out. Files whose tokens have the same length are taken to be of one build.
    """
    if _unhashed_is(folder, "none"):
        return
    files = folder.tree.files
    made = {logical: len(proven[path]) for logical, path in folder.index.current.items() if path in proven}
    lengths = {length for logical, length in made.items() if logical in files}
    for logical, length in made.items():
        if logical not in files and logical not in folder.reported_paths and length in lengths:
            path = folder.index.current[logical]
            yield finding("unhashed-missing", logical, f"is not there next to {path!r}")


def _unhashed_is(folder: CheckedFolder, content: Unhashed) -> bool:
    """Whether the manifest says that unhashed files have this content."""
    manifest = folder.manifest.manifest
    return manifest is not None and manifest.unhashed == content


def _is_variant(folder: CheckedFolder, path: str) -> bool:
    """Whether a source file with the name of a variant was replaced by that variant."""
    coding = coding_of_suffix(path)
    if coding is None:
        return False
    record = _expected(folder, path.removesuffix(coding.suffix))
    return record is not None and coding.name in record.variants
