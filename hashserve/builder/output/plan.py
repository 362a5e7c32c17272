"""The plan of an output: which content each path will hold.

Invariant: a path holds one content. A retained file is dropped where the new release needs its path, and is
never served with another content.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import accumulate

from hashserve.builder.output.paths import folders_of
from hashserve.builder.output.private_folder import PRIVATE_FOLDER
from hashserve.errors import SourceError
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import AssetRecord

__all__ = ["PublishedFile", "conflicting_path", "content_key", "plan_output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file in the output: its path, its size in bytes, and its content's SHA-256 in base64."""

    path: str
    size: int
    sha256: str


def content_key(sha256: str, coding: str = IDENTITY) -> str:
    """Return a key for the content with this digest, in this coding."""
    # Most files are not encoded: for them, no new string is made and kept.
    return sha256 if coding == IDENTITY else f"{coding} {sha256}"


def plan_output(
    published: Mapping[str, PublishedFile],
    unhashed: Mapping[str, PublishedFile],
    sizes: Mapping[str, Mapping[str, int]],
) -> dict[str, str]:
    """Return the `content_key` of each path. Raises `SourceError` where a path would hold two contents.

    ``published`` has the fingerprinted files and ``unhashed`` the files under their own names, both by
    logical path. ``sizes`` has the codings of the variants of each content, by its SHA-256. Where an
    unhashed file and a variant of another file have the same path, it holds the variant.
    """
    plan = {MANIFEST_NAME: ""}
    variants = {
        file.path + CODINGS[coding].suffix: content_key(file.sha256, coding)
        for files in (published, unhashed)
        for file in files.values()
        for coding in sizes.get(file.sha256, {})
    }
    for file in published.values():
        key = content_key(file.sha256)
        if file.path in variants or plan.setdefault(file.path, key) != key:
            raise SourceError(file.path, "two files have this path in the output", "rename one in the source")
    for logical_path, file in unhashed.items():
        key = content_key(file.sha256)
        if logical_path not in variants and plan.setdefault(logical_path, key) != key:
            problem = "is also the fingerprinted path of another source file"
            raise SourceError(logical_path, problem, "rename it in the source")
    plan |= variants
    for path in sorted(folders_of(plan) & plan.keys()):
        raise SourceError(path, "is a file and a folder in the output", "rename one in the source")
    return plan


def conflicting_path(
    record: AssetRecord, plan: Mapping[str, str], folders: Container[str] = frozenset()
) -> str | None:
    """Return the path in the plan that a retained file conflicts with, None where it can stay.

    ``folders`` are those of the plan. The private folder of the builds conflicts with any file in it.
    """
    keys = {record.path: content_key(record.sha256 or "")}
    keys.update(
        (record.path + CODINGS[coding].suffix, content_key(record.sha256 or "", coding))
        for coding in record.variants
    )
    for folder in accumulate(record.path.split("/")[:-1], "{}/{}".format):
        if folder == PRIVATE_FOLDER or folder in plan:
            return folder
    conflicts = (path for path, key in keys.items() if path in folders or plan.get(path, key) != key)
    return next(conflicts, None)
