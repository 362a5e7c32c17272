"""Which name in the output is whose: a source file's, a fingerprinted one's, or a variant's.

Invariant: no name is two things. What a release promised under a name is never given to anything else.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from itertools import accumulate

from hashserve.builder.compression.variants import PublishedFile
from hashserve.builder.output.private_folder import PRIVATE_FOLDER
from hashserve.builder.releases.manifest_paths import folders_of
from hashserve.errors import SourceError
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.manifest.files import MANIFEST_NAME
from hashserve.manifest.model import AssetRecord

__all__ = ["claim", "claims_of", "is_free"]


def claim(sha256: str, coding: str = IDENTITY) -> str:
    """Tell of a name that it holds the content with this digest, in this coding."""
    # Most names hold a content as it is: for them there is no string to make and to keep.
    return sha256 if coding == IDENTITY else f"{coding} {sha256}"


def claims_of(
    published: Mapping[str, PublishedFile],
    unhashed: Mapping[str, PublishedFile],
    sizes: Mapping[str, Mapping[str, int]],
) -> dict[str, str]:
    """Tell what each name in the output is to hold. Raises `SourceError` where that is two things.

    ``published`` has the fingerprinted files and ``unhashed`` those under their own names, both by
    logical path; ``sizes`` the codings that each content has variants in, by its SHA-256. A name that
    could be a variant's or a source file's of its own is the variant's.
    """
    claims = {MANIFEST_NAME: ""}
    variants = {
        file.path + CODINGS[coding].suffix: claim(file.sha256, coding)
        for files in (published, unhashed)
        for file in files.values()
        for coding in sizes.get(file.sha256, {})
    }
    for file in published.values():
        own = claim(file.sha256)
        if file.path in variants or claims.setdefault(file.path, own) != own:
            raise SourceError(file.path, "is the name of two files in the output", "rename one in the source")
    for logical_path, file in unhashed.items():
        own = claim(file.sha256)
        if logical_path not in variants and claims.setdefault(logical_path, own) != own:
            problem = "is the name of a source file, and the fingerprinted name of another"
            raise SourceError(logical_path, problem, "rename it in the source")
    claims |= variants
    for name in sorted(folders_of(claims) & claims.keys()):
        raise SourceError(name, "is a file in the output, and a folder of others", "rename one in the source")
    return claims


def is_free(record: AssetRecord, claims: Mapping[str, str], folders: Container[str] = frozenset()) -> bool:
    """Whether a retained file can have the names that it had: hidden ones nobody can have.

    ``folders`` are those of the new release, which no file can be in the place of.
    """
    names = {record.path: claim(record.sha256 or "")}
    names.update(
        (record.path + CODINGS[coding].suffix, claim(record.sha256 or "", coding))
        for coding in record.variants
    )
    around = accumulate(record.path.split("/")[:-1], "{}/{}".format)
    if any(folder == PRIVATE_FOLDER or folder in claims for folder in around):
        return False
    return all(name not in folders and claims.get(name, own) == own for name, own in names.items())
