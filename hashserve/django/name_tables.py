"""A release's names as they lie in a cache: their keys, their chunks, and the pointer to them.

Invariant: a table that is read is whole, and is the one that the pointer names; anything else is
`Unusable`, and says why. Nothing here talks to a cache.

Every value is bytes: a line that says whose it is and what its content digests to, and the
content, which is JSON compressed with zlib. Keys are 70 characters at most, of letters, digits
and dots, which leaves 180 for Django's ``KEY_PREFIX`` and version before memcached's 250 are
reached::

    hashserve.1.<site>.current          hashserve 1 <site> current <SHA-256>
    hashserve.1.<site>.<table>.<n>      hashserve 1 <site> <table> <n>/<count> <SHA-256>

``<site>`` is a digest of the site's name and ``<table>`` one of the release's id and of all of
its content, so two releases never write under one key, nor two contents of one release.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from hashserve.digests import integrity_of
from hashserve.manifest.model import Manifest, unsafe_path

__all__ = ["CHUNK_SIZE", "FORMAT", "NO_NAMES", "NameTable", "Namespace", "Pointer", "Unusable", "Written"]

FORMAT = 1

CHUNK_SIZE = 128 * 1024
"""In bytes, before compression: far below memcached's 1 MB even where nothing compresses, and small
enough for a memcached that has little room left; 10,000 names are about a dozen."""

_LARGEST = 1024 * 1024
"""In bytes: no chunk is decompressed beyond it."""

_TABLE = re.compile("[0-9a-f]{32}")
_MOST_CHUNKS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTable:
    """The names of one release.

    ``names`` maps logical to fingerprinted paths; ``integrity`` maps logical paths, not
    necessarily all, to the values of their ``integrity`` attributes.
    """

    release: str
    names: Mapping[str, str]
    integrity: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest) -> NameTable:
        """Give the names of the release that is in force in a manifest."""
        integrity = {}
        for logical_path, path in manifest.paths.items():
            record = manifest.record(path)
            if record is not None and record.sha256 is not None:
                integrity[logical_path] = integrity_of(record.sha256)
        return cls(release=manifest.release, names=manifest.paths, integrity=integrity)


NO_NAMES = NameTable(release="", names={})
"""Where nothing is known: every URL is the unhashed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which table is in force: its release, its digest, in how many chunks, and of how many names."""

    release: str
    table: str
    chunks: int
    names: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """What was read is not there or not right; ``release`` is the one that was sought, if known."""

    problem: str
    release: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A table as it is put into a cache: the pointer to it, and its chunks by key."""

    pointer: Pointer
    chunks: Mapping[str, bytes]


class Namespace:
    """The keys and values of one site, apart from those of any other site in the same cache."""

    def __init__(self, site: str) -> None:
        self._site = sha256(site.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._start = f"hashserve.{FORMAT}.{self._site}"
        self.pointer_key = f"{self._start}.current"

    def chunk_keys(self, pointer: Pointer) -> list[str]:
        """Give the keys of a table's chunks, in order."""
        return [f"{self._start}.{pointer.table}.{number}" for number in range(1, pointer.chunks + 1)]

    # Writing

    def write(self, table: NameTable) -> Written:
        """Write a table; the same table gives the same keys and content on every machine."""
        contents = list(_contents_of(table))
        pointer = Pointer(
            release=table.release,
            table=_digest_of(table.release, contents),
            chunks=len(contents),
            names=len(table.names),
        )
        chunks = {
            key: self._seal(_place(pointer, number), content)
            for number, (key, content) in enumerate(
                zip(self.chunk_keys(pointer), contents, strict=True), start=1
            )
        }
        return Written(pointer=pointer, chunks=chunks)

    def write_pointer(self, pointer: Pointer) -> bytes:
        """Write the value under ``pointer_key``."""
        members = {"release": pointer.release, "table": pointer.table}
        counts = {"chunks": pointer.chunks, "names": pointer.names}
        return self._seal("current", json.dumps({**members, **counts}).encode("ascii"))

    def _seal(self, place: str, content: bytes) -> bytes:
        return self._line(place, content) + b"\n" + zlib.compress(content)

    def _line(self, place: str, content: bytes) -> bytes:
        return f"hashserve {FORMAT} {self._site} {place} {sha256(content).hexdigest()}".encode("ascii")

    # Reading

    def read_pointer(self, value: object) -> Pointer | Unusable:
        """Read what was found under ``pointer_key``; None where nothing was."""
        if value is None:
            return Unusable(problem="no release is published there, or it was evicted")
        content = self._open("current", value)
        pointer = None if content is None else _pointer_of(json.loads(content))
        return pointer or Unusable(problem="what says which release is in force is damaged")

    def read_table(self, pointer: Pointer, values: Mapping[str, object]) -> NameTable | Unusable:
        """Read a table from what was found under its `chunk_keys`."""
        contents = []
        for number, key in enumerate(self.chunk_keys(pointer), start=1):
            value = values.get(key)
            content = None if value is None else self._open(_place(pointer, number), value)
            if content is None:
                state = "missing" if value is None else "damaged"
                return _unusable(pointer, f"chunk {number} of {pointer.chunks} is {state}")
            contents.append(content)
        if _digest_of(pointer.release, contents) != pointer.table:
            return _unusable(pointer, "its chunks do not belong together")
        return _table_of(pointer, contents)

    def _open(self, place: str, value: object) -> bytes | None:
        """Give the content of a value that is whole and belongs at ``place``."""
        if not isinstance(value, bytes):
            return None
        line, _, compressed = value.partition(b"\n")
        try:
            content = zlib.decompressobj().decompress(compressed, _LARGEST)
        except zlib.error:
            return None
        return content if line == self._line(place, content) else None


def _place(pointer: Pointer, number: int) -> str:
    return f"{pointer.table} {number}/{pointer.chunks}"


def _unusable(pointer: Pointer, problem: str) -> Unusable:
    return Unusable(problem=f"of the names of release {pointer.release}, {problem}", release=pointer.release)


def _contents_of(table: NameTable) -> Iterator[bytes]:
    """Write the rows as JSON, as many in each chunk as fit; one empty chunk where there are none."""
    rows: list[str] = []
    size = 0
    for logical_path, path in sorted(table.names.items()):
        row = json.dumps([logical_path, path, table.integrity.get(logical_path, "")], separators=(",", ":"))
        if rows and size + len(row) > CHUNK_SIZE:
            yield _joined(rows)
            rows, size = [], 0
        rows.append(row)
        size += len(row) + 1
    yield _joined(rows)


def _joined(rows: list[str]) -> bytes:
    return f"[{','.join(rows)}]".encode("ascii")


def _digest_of(release: str, contents: list[bytes]) -> str:
    """Digest a table, uncompressed: what zlib makes of it differs from one zlib to another."""
    digest = sha256(json.dumps(release).encode("ascii"))
    for content in contents:
        digest.update(sha256(content).digest())
    return digest.hexdigest()[:32]


def _pointer_of(document: Any) -> Pointer | None:
    """Take a pointer's document apart, which was written by some hashserve, but maybe another one."""
    match document:
        case {"release": str(release), "table": str(table), "chunks": int(chunks), "names": int(names)}:
            if _TABLE.fullmatch(table) and 1 <= chunks <= _MOST_CHUNKS:
                return Pointer(release=release, table=table, chunks=chunks, names=names)
    return None


def _table_of(pointer: Pointer, contents: list[bytes]) -> NameTable | Unusable:
    names, integrity = {}, {}
    for content in contents:
        for logical_path, path, value in json.loads(content):
            names[logical_path] = path
            if value:
                integrity[logical_path] = value
    # They become part of URLs; the same law as for a manifest.
    unsafe = unsafe_path([*names, *names.values()])
    if unsafe is not None:
        return _unusable(pointer, f"{unsafe!r} is not a relative path inside the root")
    if len(names) != pointer.names:
        return _unusable(pointer, f"{len(names)} are there and {pointer.names} were published")
    return NameTable(release=pointer.release, names=names, integrity=integrity)
