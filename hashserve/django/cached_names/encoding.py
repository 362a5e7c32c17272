"""The keys and values of a name table in a cache. Nothing here uses a cache.

Invariant: a table that decodes is complete, and is the one that the pointer names. Anything else is
`Unusable`, with the reason. Whoever can write to the cache can publish a table; but each name that is used is
a path that a server answers for, and each integrity is well-formed. Other entries are refused.

Each value is bytes: a line with the place of the value and the digest of its content, then the
content, which is JSON compressed with zlib. Its rows are a logical path, a fingerprinted path, the integrity,
and for a script what it imports, or null if it is no module. A key has at most 70 characters, all letters,
digits and dots. memcached allows 250, so 180 remain for Django's ``KEY_PREFIX`` and version::

    hashserve.1.<site>.current          hashserve 1 <site> current <SHA-256>
    hashserve.1.<site>.<table>.<n>      hashserve 1 <site> <table> <n>/<count> <SHA-256>

``<site>`` is a digest of the site's name. ``<table>`` is a digest of the release's id and of the whole
content, so two releases, or two contents of one release, never share a key.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hashserve.django.name_table import NameTable
from hashserve.manifest.json_text import quoted
from hashserve.manifest.limits import LONGEST_PATH, MOST_BYTES
from hashserve.manifest.schema import unsafe_path
from hashserve.module_graph import SCRIPT_EXTENSIONS
from hashserve.url_paths import is_servable

__all__ = ["CHUNK_SIZE", "FORMAT", "EncodedTable", "Namespace", "Pointer", "Unusable"]

FORMAT = 1

CHUNK_SIZE = 128 * 1024
"""Bytes of a chunk before compression. 10,000 names are about a dozen chunks.

It is far below memcached's limit of 1 MB even if nothing compresses, and fits a nearly full memcached.
"""

_LARGEST_CONTENT = 1024 * 1024
"""The most bytes of a chunk, compressed or not."""

_TABLE_DIGEST = re.compile("[0-9a-f]{32}")

_MAX_CHUNKS = 2_000
"""256 MB of names, as much as a manifest may have."""

_LONGEST_RELEASE = 200

# The value of an integrity attribute (Subresource Integrity, 3.1): digests of whole length; empty for none.
_DIGEST = "sha256-[A-Za-z0-9+/]{43}=|sha384-[A-Za-z0-9+/]{64}|sha512-[A-Za-z0-9+/]{86}=="
_INTEGRITY = re.compile(f"(?:(?:{_DIGEST})(?: (?:{_DIGEST}))*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The table in force: its release, its digest, and its numbers of chunks and names."""

    release: str
    table: str
    chunks: int
    names: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """The reason why a value in the cache cannot be used; ``release`` is empty if it is not known."""

    problem: str
    release: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedTable:
    """The pointer to a table, and the table's chunks by key."""

    pointer: Pointer
    chunks: Mapping[str, bytes]


class Namespace:
    """The keys and values of one site; another site in the same cache has other keys."""

    def __init__(self, site: str) -> None:
        self._site = sha256(site.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._start = f"hashserve.{FORMAT}.{self._site}"
        self.pointer_key = f"{self._start}.current"

    def chunk_keys(self, pointer: Pointer) -> list[str]:
        """Return the keys of a table's chunks, in order."""
        return [f"{self._start}.{pointer.table}.{number}" for number in range(1, pointer.chunks + 1)]

    # Encoding

    def encode_table(self, table: NameTable) -> EncodedTable:
        """Encode a table; every machine makes the same keys and contents of the same table."""
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
        return EncodedTable(pointer=pointer, chunks=chunks)

    def encode_pointer(self, pointer: Pointer) -> bytes:
        """Return the value for ``pointer_key``."""
        members = {"release": pointer.release, "table": pointer.table}
        counts = {"chunks": pointer.chunks, "names": pointer.names}
        return self._seal("current", json.dumps({**members, **counts}).encode("ascii"))

    def _seal(self, place: str, content: bytes) -> bytes:
        return self._line(place, content) + b"\n" + zlib.compress(content)

    def _line(self, place: str, content: bytes) -> bytes:
        return f"hashserve {FORMAT} {self._site} {place} {sha256(content).hexdigest()}".encode("ascii")

    # Decoding

    def decode_pointer(self, value: object) -> Pointer | Unusable:
        """Decode the value of ``pointer_key``, which is None if the cache has none."""
        if value is None:
            return Unusable(problem="no release is published, or the cache evicted it")
        content = self._unseal("current", value)
        pointer = None if content is None else _pointer_of(_parsed(content))
        return pointer or Unusable(problem="the entry that names the release in force is damaged")

    def decode_table(self, pointer: Pointer, values: Mapping[str, object]) -> NameTable | Unusable:
        """Decode a table from the values of its `chunk_keys`."""
        contents: list[bytes] = []
        size = 0
        for number, key in enumerate(self.chunk_keys(pointer), start=1):
            value = values.get(key)
            content = None if value is None else self._unseal(_place(pointer, number), value)
            if content is None:
                state = "missing" if value is None else "damaged"
                return _unusable(pointer, f"chunk {number} of {pointer.chunks} is {state}")
            size += len(content)
            if size > MOST_BYTES:
                return _unusable(pointer, f"there are over {MOST_BYTES:,} bytes")
            contents.append(content)
        if _digest_of(pointer.release, contents) != pointer.table:
            return _unusable(pointer, "the chunks do not belong together")
        return _table_of(pointer, contents)

    def _unseal(self, place: str, value: object) -> bytes | None:
        """Return the content of a value that is complete and belongs at ``place``."""
        if not isinstance(value, bytes) or len(value) > _LARGEST_CONTENT:
            return None
        line, _, compressed = value.partition(b"\n")
        try:
            content = zlib.decompressobj().decompress(compressed, _LARGEST_CONTENT)
        except zlib.error:
            return None
        return content if line == self._line(place, content) else None


def _place(pointer: Pointer, number: int) -> str:
    return f"{pointer.table} {number}/{pointer.chunks}"


def _unusable(pointer: Pointer, problem: str) -> Unusable:
    return Unusable(problem=f"names of release {pointer.release}: {problem}", release=pointer.release)


def _contents_of(table: NameTable) -> Iterator[bytes]:
    """Write the rows as JSON, as many in a chunk as fit; one empty chunk for an empty table."""
    rows: list[str] = []
    size = 0
    for logical_path, path in sorted(table.names.items()):
        members: list[object] = [logical_path, path, table.integrity.get(logical_path, "")]
        if table.modules is not None and logical_path.endswith(SCRIPT_EXTENSIONS):
            imports = table.modules.get(logical_path)
            members.append(None if imports is None else list(imports))
        row = json.dumps(members, separators=(",", ":"))
        if rows and size + len(row) > CHUNK_SIZE:
            yield _joined(rows)
            rows, size = [], 0
        rows.append(row)
        size += len(row) + 1
    yield _joined(rows)


def _joined(rows: list[str]) -> bytes:
    return f"[{','.join(rows)}]".encode("ascii")


def _digest_of(release: str, contents: list[bytes]) -> str:
    """Digest the uncompressed contents: versions of zlib compress differently."""
    digest = sha256(json.dumps(release).encode("ascii"))
    for content in contents:
        digest.update(sha256(content).digest())
    return digest.hexdigest()[:32]


def _parsed(content: bytes) -> Any:
    """Parse the JSON of a value; None if it is broken. Its digest does not prove who wrote it."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _pointer_of(document: Any) -> Pointer | None:
    """Read a pointer's document, which another version of hashserve may have written."""
    match document:
        case {"release": str(release), "table": str(table), "chunks": int(chunks), "names": int(names)}:
            is_release = len(release) <= _LONGEST_RELEASE and release.isprintable()
            if is_release and _TABLE_DIGEST.fullmatch(table) and 1 <= chunks <= _MAX_CHUNKS:
                return Pointer(release=release, table=table, chunks=chunks, names=names)
    return None


def _table_of(pointer: Pointer, contents: list[bytes]) -> NameTable | Unusable:
    names: dict[str, str] = {}
    integrity: dict[str, str] = {}
    modules: dict[str, tuple[str, ...]] = {}
    are_modules_known = False
    for content in contents:
        rows = _parsed(content)
        for row in rows if isinstance(rows, list) else [rows]:
            match row:
                case [str(logical_path), str(path), str(value), *imports]:
                    names[logical_path] = path
                case _:
                    return _unusable(pointer, "a row has another form than hashserve writes")
            if value:
                integrity[logical_path] = value
            if imports:
                are_modules_known = True
                if isinstance(imports[0], list):
                    modules[logical_path] = tuple(map(str, imports[0]))
    # Names become part of URLs, so they keep to the rule for paths in manifests.
    unsafe = unsafe_path([*names, *names.values()])
    if unsafe is not None:
        return _unusable(pointer, f"{quoted(unsafe)} is not a relative path inside the root")
    if len(names) != pointer.names:
        return _unusable(pointer, f"there are {len(names)} instead of {pointer.names}")
    refused = {
        logical_path: path
        for logical_path, path in names.items()
        if not _is_name(path) or not _INTEGRITY.fullmatch(integrity.get(logical_path, ""))
    }
    return NameTable(
        release=pointer.release,
        names={logical_path: path for logical_path, path in names.items() if logical_path not in refused},
        integrity={path: value for path, value in integrity.items() if path not in refused},
        modules=modules if are_modules_known else None,
        refused=refused,
    )


def _is_name(path: str) -> bool:
    """Whether a server answers for a path, and no browser takes it for a URL with a scheme."""
    return len(path) <= LONGEST_PATH and ":" not in path.partition("/")[0] and is_servable(path)
