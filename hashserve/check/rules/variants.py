"""Rules about variants: they are there, and they decode to their file."""

from __future__ import annotations

from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.contents import PathContents, VariantContent
from hashserve.check.findings import CheckFinding, finding
from hashserve.http.codings import CODINGS
from hashserve.manifest.model import AssetRecord

__all__ = ["variant_findings"]


def variant_findings(folder: CheckedFolder) -> Iterator[CheckFinding]:
    """Yield the variants that are missing or wrong, by the manifest or by their file."""
    for path, item in folder.paths.items():
        record = folder.index.records.get(path)
        if record is None or record.size is None:
            yield from _by_file(folder, item)
        else:
            yield from _by_manifest(folder, item, record)


def _by_manifest(folder: CheckedFolder, item: PathContents, record: AssetRecord) -> Iterator[CheckFinding]:
    for coding, size in record.variants.items():
        path = record.path + CODINGS[coding].suffix
        variant = item.variants.get(coding)
        if variant is not None:
            yield from _listed(variant, size, record.sha256)
        elif path not in folder.reported_paths:
            yield finding("variant-missing", path, f"is not there; the manifest states {size} bytes")
    for coding, variant in item.variants.items():
        if coding not in record.variants and variant.file.path not in folder.index.logical:
            yield finding("variant-unlisted", variant.file.path, "the manifest does not list it")


def _listed(variant: VariantContent, size: int, sha256: str | None) -> Iterator[CheckFinding]:
    path = variant.file.path
    if variant.problem:
        yield finding("variant-broken", path, variant.problem)
    elif variant.sha256 != sha256:
        yield finding(
            "variant-differs", path, "decodes to bytes with another SHA-256 than the manifest states"
        )
    elif variant.file.size != size:
        yield finding("variant-differs", path, f"has {variant.file.size} bytes; the manifest states {size}")


def _by_file(folder: CheckedFolder, item: PathContents) -> Iterator[CheckFinding]:
    """Require what the server requires of a variant that no manifest lists."""
    content, file = folder.content(item.on_disk.path), item.on_disk.file
    if content is None or file is None:
        return
    for variant in item.variants.values():
        path = variant.file.path
        if variant.problem:
            yield finding("variant-stale", path, variant.problem)
        elif variant.sha256 != content.sha256:
            yield finding("variant-stale", path, f"decodes to other bytes than those of {file.path!r}")
        elif variant.file.modified < file.modified:
            yield finding("variant-older", path, f"is older than {file.path!r}")
