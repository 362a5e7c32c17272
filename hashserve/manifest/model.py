"""The manifest as a value: what a build decided. It is loaded from its file, and written to it atomically.

Invariant: a `Manifest` is complete and correct. Loading checks the whole document first
(`hashserve.manifest.schema`), and raises `ManifestError` where it is not.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from hashlib import md5
from types import MappingProxyType
from typing import Any, NamedTuple

from hashserve.atomic_files import write_atomically
from hashserve.manifest.discovery import read_file
from hashserve.manifest.json_text import parse_json
from hashserve.manifest.limits import check_amounts, check_size
from hashserve.manifest.schema import DELTA_TOKEN, FORMAT, Unhashed, check_document
from hashserve.module_graph import ModuleGraph

__all__ = [
    "DELTA_SUFFIX",
    "AssetRecord",
    "DeltaRecord",
    "Manifest",
    "Release",
    "Row",
    "file_of_delta",
    "format_delta_row",
    "format_row",
    "release_id",
]

Row = str
"""The facts of one file, separated by spaces: size, SHA-256 in base64, the size of each variant."""

DELTA_SUFFIX = ".dcz"
"""The end of the path of each delta."""

_DELTA_NAME = re.compile(rf"(.+)\.{DELTA_TOKEN}{re.escape(DELTA_SUFFIX)}", re.DOTALL)

_NOTHING: Mapping[str, Any] = MappingProxyType({})

# Named tuples, not data classes: every serving process imports them, and would start 10 ms later. To define a
# data class takes 1 ms, to import `dataclasses` 8.


class AssetRecord(NamedTuple):
    """What a manifest states about one fingerprinted file.

    ``size`` is in bytes, and ``sha256`` is the base64 of the digest of the identity bytes; both are
    None where another tool's manifest does not state them. ``variants`` maps the name of a content
    coding to the size of that variant in bytes.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    variants: Mapping[str, int] = _NOTHING
    media_type: str | None = None

    @property
    def best_size(self) -> int:
        """Return the size, in bytes, of the smallest form of the file that needs no dictionary."""
        return min([self.size or 0, *self.variants.values()])


class DeltaRecord(NamedTuple):
    """What a manifest states about one delta of a fingerprinted file, in the coding ``dcz``.

    ``dictionary`` is the fingerprinted path of the file that it is decoded with, ``dictionary_sha256`` the
    base64 of that file's digest. ``token`` distinguishes the deltas of one file. ``size`` is in bytes.
    """

    of: str
    token: str
    dictionary: str
    dictionary_sha256: str
    size: int

    @property
    def path(self) -> str:
        """Return the path of the file that holds the delta; it is not a URL of its own."""
        return f"{self.of}.{self.token}{DELTA_SUFFIX}"

    @property
    def row(self) -> Row:
        """Return the delta as the manifest lists it."""
        return format_delta_row(self.size, self.token, self.dictionary)


class Release(NamedTuple):
    """An older release that is still served: its id, its time, and how its paths differ.

    ``created`` is in seconds since the epoch. ``changed`` maps a logical path to its
    fingerprinted path in that release, or to None where that release has no such file.
    """

    id: str
    created: int
    changed: Mapping[str, str | None]


class Manifest(NamedTuple):
    """The release in force, and the older releases that are retained.

    ``paths`` maps logical to fingerprinted paths of the release in force.
    ``files`` maps each immutable path of any release to its row, or to None where another tool's
    manifest states nothing about it. A URL is immutable if and only if its path is a key here.
    ``codings`` names the columns of a row after the size and the SHA-256.
    ``created`` is in seconds since the epoch.
    ``queries`` maps a logical path to the query string that versions it (Laravel Mix).
    ``unhashed`` says which content is under each file's unhashed name. ``unhashed_files`` maps the logical
    paths of those whose content is not that of the fingerprinted file to their rows; None means unknown.
    ``skipped`` lists the extensions, without a dot, of files without variants; None means the usual ones.
    ``modules`` are the scripts that are modules, each with its imports; None where that is not known.
    ``leave_references`` are patterns of the logical paths of files whose references are those of the source.
    ``deltas`` maps a fingerprinted path to the rows of its deltas; None if the build makes no deltas, so that
    no file is a dictionary.
    """

    paths: Mapping[str, str]
    files: Mapping[str, Row | None]
    codings: Sequence[str] = ()
    release: str = ""
    created: int = 0
    prefix: str | None = None
    media_types: Mapping[str, str] = _NOTHING
    releases: Sequence[Release] = ()
    queries: Mapping[str, str] = _NOTHING
    unhashed: Unhashed = "rewritten"
    skipped: Sequence[str] | None = None
    unhashed_files: Mapping[str, Row] | None = None
    modules: ModuleGraph | None = None
    leave_references: Sequence[str] = ()
    deltas: Mapping[str, Sequence[Row]] | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Manifest:
        """Read the manifest at ``path``. Raises `OSError` or `ManifestError`."""
        source = os.fspath(path)
        return cls.of(parse_json(read_file(source), source), source=source)

    @classmethod
    def loads(cls, text: bytes | str, *, source: str = "<manifest>") -> Manifest:
        """Parse and check a manifest's text. ``source`` names it in errors. Raises `ManifestError`."""
        return cls.of(parse_json(text, source), source=source)

    @classmethod
    def of(cls, document: object, *, source: str = "<manifest>") -> Manifest:
        """Check a manifest that is parsed JSON, and keep its parts. Raises `ManifestError`."""
        checked = check_document(document, source)
        paths, release = checked["paths"], checked.get("hash", "")
        extension = checked.get("hashserve")
        if extension is None:
            files = dict.fromkeys(path for logical, path in paths.items() if path != logical)
            return cls(paths=paths, files=files, release=release)
        skipped = extension.get("skipped")
        return cls(
            paths=paths,
            files=extension["files"],
            codings=tuple(extension["columns"][2:]),
            release=release,
            created=extension["created"],
            prefix=extension.get("prefix"),
            media_types=extension.get("media_types", {}),
            releases=tuple(
                Release(id=old["id"], created=old["created"], changed=old["paths"])
                for old in extension.get("releases", ())
            ),
            queries=extension.get("queries", {}),
            unhashed=extension.get("unhashed", "rewritten"),
            skipped=None if skipped is None else tuple(skipped),
            unhashed_files=extension.get("unhashed_files"),
            modules=extension.get("modules"),
            leave_references=tuple(extension.get("leave_references") or ()),
            deltas=extension.get("deltas"),
        )

    def dumps(self) -> str:
        """Return the manifest as JSON: the same text for the same manifest on every machine."""
        # The top level has the spaces that Django writes; below, they would add a tenth to the size.
        members = (f"{json.dumps(key)}: {_dense(value)}" for key, value in sorted(self._document().items()))
        return "{" + ", ".join(members) + "}\n"

    def write(self, path: str | os.PathLike[str], *, mode: int | None = None) -> None:
        """Replace the manifest at ``path`` in one step. On any failure, the old one stays.

        ``mode`` is that of `write_atomically`. Raises `OSError`, `ManifestError` where it is over a limit of
        manifests, or `UnicodeEncodeError` where a path is not Unicode text.
        """
        target, text = os.fspath(path), self.dumps()
        content = text.encode()
        check_size(len(content), target)
        check_amounts(text, target)
        write_atomically(target, [content], durable=True, mode=mode)

    def record(self, path: str) -> AssetRecord | None:
        """Return what is known about the fingerprinted ``path``, or None where no release has it."""
        if path not in self.files:
            return None
        media_type = self.media_types.get(path)
        row = self.files[path]
        if row is None:
            return AssetRecord(path=path, media_type=media_type)
        return self._parsed(path, row)._replace(media_type=media_type)

    def deltas_of(self, path: str) -> list[DeltaRecord]:
        """Return the deltas of a fingerprinted file, the one against the newest dictionary first."""
        found = []
        for row in (self.deltas or {}).get(path, ()):
            size, token, dictionary = row.split(" ", 2)
            sha256 = (self.files[dictionary] or "").split(" ")[1]  # the check of the manifest saw this row
            found.append(DeltaRecord(path, token, dictionary, sha256, int(size)))
        return found

    def is_path_of_delta(self, path: str) -> bool:
        """Whether ``path`` is that of a delta's file, which is not a URL of its own.

        The file may be there without a row, because a later build with ``deltas=0`` lists none.
        """
        if not path.endswith(DELTA_SUFFIX):
            return False
        of, _, token = path.removesuffix(DELTA_SUFFIX).rpartition(".")
        if self.deltas and any(row.split(" ", 2)[1] == token for row in self.deltas.get(of, ())):
            return True
        return of in self.files and path not in self.files and path not in self.paths

    def unhashed_record(self, logical_path: str) -> AssetRecord | None:
        """Return what is known about an unhashed file, None if its content is that of the fingerprinted one.

        It is also None if the manifest does not say.
        """
        row = None if self.unhashed_files is None else self.unhashed_files.get(logical_path)
        return None if row is None else self._parsed(logical_path, row)

    def _parsed(self, path: str, row: Row) -> AssetRecord:
        size, sha256, *sizes = row.split(" ")
        variants = {
            coding: int(size) for coding, size in zip(self.codings, sizes, strict=True) if size != "0"
        }
        return AssetRecord(path=path, size=int(size), sha256=sha256, variants=variants)

    def paths_of(self, release: Release) -> dict[str, str]:
        """Return all logical paths of a retained release, with their fingerprinted paths."""
        merged = {**self.paths, **release.changed}
        return {logical: path for logical, path in merged.items() if path is not None}

    def _document(self) -> dict[str, Any]:
        extension: dict[str, Any] = {
            "format": FORMAT,
            "created": self.created,
            "columns": ["size", "sha256", *self.codings],
            "files": dict(self.files),
            "media_types": dict(self.media_types),
            "releases": [
                {"id": release.id, "created": release.created, "paths": dict(release.changed)}
                for release in self.releases
            ],
        }
        if self.prefix is not None:
            extension["prefix"] = self.prefix
        if self.queries:
            extension["queries"] = dict(self.queries)
        if self.unhashed != "rewritten":
            extension["unhashed"] = self.unhashed
        if self.unhashed_files is not None:
            extension["unhashed_files"] = dict(self.unhashed_files)
        if self.skipped is not None:
            extension["skipped"] = list(self.skipped)
        if self.modules is not None:
            extension["modules"] = {path: list(imports) for path, imports in self.modules.items()}
        if self.leave_references:
            extension["leave_references"] = list(self.leave_references)
        if self.deltas is not None:
            extension["deltas"] = {path: list(rows) for path, rows in self.deltas.items()}
        return {"paths": dict(self.paths), "version": "1.1", "hash": self.release, "hashserve": extension}


def _dense(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def format_row(record: AssetRecord, codings: Sequence[str]) -> Row:
    """Return the row of a record whose size and digest are known, with a column for each of ``codings``."""
    return " ".join(
        [f"{record.size} {record.sha256}", *(str(record.variants.get(name, 0)) for name in codings)]
    )


def format_delta_row(size: int, token: str, dictionary: str) -> Row:
    """Return the row of a delta of ``size`` bytes against the fingerprinted file ``dictionary``."""
    return f"{size} {token} {dictionary}"


def file_of_delta(path: str) -> str | None:
    """Return the path of the file that the name ``path`` is a delta of, None if it is no such name."""
    match = _DELTA_NAME.fullmatch(path)
    return None if match is None else match[1]


def release_id(paths: Mapping[str, str]) -> str:
    """Return the id of the release with these paths: what Django writes as the manifest's hash.

    Source: ``ManifestFilesMixin.save_manifest``: 12 hexadecimal digits of the MD5 of the sorted pairs.
    """
    pairs = json.dumps(sorted(paths.items())).encode()
    return md5(pairs, usedforsecurity=False).hexdigest()[:12]
