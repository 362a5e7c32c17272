"""The manifest: what a build decided, written down once and looked up ever after.

Invariant: loading validates everything. A manifest that loads is wholly usable; one that does not
raises `ManifestError` with file and location, and changes nothing.

On disk it is Django's ``staticfiles.json`` (versions 1.0 and 1.1), readable by Django as it is,
with one key more, ``hashserve``::

    {"paths": {"css/app.css": "css/app.55e7cbb9ba48.css"}, "version": "1.1", "hash": "0123456789ab",
     "hashserve": {
        "format": 1,
        "prefix": "/static/",
        "created": 1763791920,
        "columns": ["size", "sha256", "br", "gzip"],
        "files": {"css/app.55e7cbb9ba48.css": "1234 <base64 of SHA-256> 301 402"},
        "media_types": {"feed": "application/atom+xml"},
        "releases": [{"id": "ba9876543210", "created": 1763705520,
                      "paths": {"css/app.css": "css/app.0a1b2c3d4e5f.css"}}]}}

``files`` has a row for every fingerprinted file of every retained release; its columns after
``sha256`` are content codings, and hold the size in bytes of that variant or 0 where there is
none. A row is one string because 100,000 of them load in half the time and memory of lists; it is
taken apart when its file is first asked for. It is ``null`` where another tool's manifest told
nothing. ``releases`` are the retained older ones, newest first; ``paths`` of each holds only what
differs from the release in force, ``null`` for a logical path that it did not have. ``queries``
is there where `Manifest.queries` holds something, ``unhashed`` where it is not ``"rewritten"``,
``skipped`` where it is not None.
"""

from __future__ import annotations

import errno
import json
import os
import re
import reprlib
import stat
from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, NoReturn, TypeGuard, cast, get_args

from hashserve.atomic_files import write_atomically
from hashserve.errors import ManifestError
from hashserve.http.codings import CODINGS
from hashserve.manifest.files import MANIFEST_NAME

__all__ = [
    "FORMAT",
    "MANIFEST_NAME",
    "AssetRecord",
    "Manifest",
    "Release",
    "Row",
    "Unhashed",
    "format_row",
    "release_id",
]

FORMAT = 1

Unhashed = Literal["rewritten", "original", "none"]
"""What lies under a file's own name: what its fingerprinted one has, its source's bytes, or nothing.

The first has every content compressed once, the second is what Django's users expect.
"""

Row = str
"""One asset in the manifest's columns, a space between: size, SHA-256 in base64, a size per coding."""


_NOTHING: Mapping[str, Any] = MappingProxyType({})

# These are named tuples, not data classes: every process that serves imports them, and would take 10 ms
# more to start (a data class takes 1 ms to make, the module of data classes 8).


class AssetRecord(NamedTuple):
    """What a manifest says of one fingerprinted file.

    ``size`` is in bytes and ``sha256`` the base64 of the digest of the identity bytes; both are
    None where the manifest is another tool's and does not tell. ``variants`` maps the name of a
    content coding to the size of that variant in bytes.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    variants: Mapping[str, int] = _NOTHING
    media_type: str | None = None


class Release(NamedTuple):
    """An older release that is still served: its id, its time, and how its paths differ.

    ``created`` is in seconds since the epoch. ``changed`` maps a logical path to its
    fingerprinted path in that release, or to None where that release had no such file.
    """

    id: str
    created: int
    changed: Mapping[str, str | None]


class Manifest(NamedTuple):
    """One release in force and the ones retained beside it.

    ``paths`` maps logical to fingerprinted paths, of the release in force. ``files`` has every
    path that is immutable, in any release: membership there is what makes a URL immutable. Its
    values are rows in the order of ``codings``, or None where another tool's manifest told
    nothing. ``queries`` maps a logical path to the query string that versions it (Laravel Mix).
    ``unhashed`` says what lies under each file's own name, and ``skipped`` the extensions (without
    their dot) of files that have no variants, None for the usual ones.
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

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Manifest:
        """Read the manifest at ``path``. Raises `OSError` or `ManifestError`."""
        with open(path, "rb", opener=_open_regular) as stream:
            document = parse_json(stream.read(), os.fspath(path))
        return cls.of(document, source=os.fspath(path))

    @classmethod
    def loads(cls, text: bytes | str, *, source: str = "<manifest>") -> Manifest:
        """Parse and validate a manifest's text; ``source`` names it in errors."""
        return cls.of(parse_json(text, source), source=source)

    @classmethod
    def of(cls, document: object, *, source: str = "<manifest>") -> Manifest:
        """Validate a manifest that is parsed JSON already; takes the document over."""
        return _SchemaReader(source).manifest(document)

    def dumps(self) -> str:
        """Give the manifest as JSON, the same text for the same manifest on every machine."""
        # At its top level it is spaced as Django spaces it; below, spaces would take a tenth more room.
        members = (f"{json.dumps(key)}: {_dense(value)}" for key, value in sorted(self._document().items()))
        return "{" + ", ".join(members) + "}\n"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Put the manifest in force at ``path``: all of it or, on any failure, the old one still."""
        write_atomically(os.fspath(path), [self.dumps().encode()], durable=True)

    def record(self, path: str) -> AssetRecord | None:
        """Tell what is known of the fingerprinted ``path``, or None where no release has it."""
        if path not in self.files:
            return None
        media_type = self.media_types.get(path)
        row = self.files[path]
        if row is None:
            return AssetRecord(path=path, media_type=media_type)
        size, sha256, *sizes = row.split(" ")
        variants = {
            coding: int(size) for coding, size in zip(self.codings, sizes, strict=True) if size != "0"
        }
        return AssetRecord(path=path, size=int(size), sha256=sha256, variants=variants, media_type=media_type)

    def paths_of(self, release: Release) -> dict[str, str]:
        """Give the whole logical-to-fingerprinted mapping of a retained release."""
        merged = {**self.paths, **release.changed}
        return {logical: path for logical, path in merged.items() if path is not None}

    def _document(self) -> dict[str, Any]:
        extra = {
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
            extra["prefix"] = self.prefix
        if self.queries:
            extra["queries"] = dict(self.queries)
        if self.unhashed != "rewritten":
            extra["unhashed"] = self.unhashed
        if self.skipped is not None:
            extra["skipped"] = list(self.skipped)
        return {"paths": dict(self.paths), "version": "1.1", "hash": self.release, "hashserve": extra}


def _open_regular(path: str, flags: int) -> int:
    """Open a regular file, and wait for nobody: a FIFO in its place would be read without end."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, f"{os.strerror(number)} (not a regular file)", path)
    return descriptor


def _dense(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def format_row(record: AssetRecord, codings: Sequence[str]) -> Row:
    """Write a record of known size and digest as a row of a manifest with these ``codings``."""
    return " ".join(
        [f"{record.size} {record.sha256}", *(str(record.variants.get(name, 0)) for name in codings)]
    )


def release_id(paths: Mapping[str, str]) -> str:
    """Derive a release's id from its paths: the value that Django writes as the manifest's hash.

    Source: ``ManifestFilesMixin.save_manifest``: 12 hex digits of the MD5 of the sorted pairs.
    """
    pairs = json.dumps(sorted(paths.items())).encode()
    return md5(pairs, usedforsecurity=False).hexdigest()[:12]


def parse_json(text: bytes | str, source: str) -> Any:
    """Parse JSON, or raise `ManifestError` with the line and column of what is wrong."""
    try:
        if not isinstance(text, str):
            # Decoded here so that bytes and text, 10 MB each for 50,000 files, are not both held
            # while the document grows.
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ManifestError(source, f"line {error.lineno}, column {error.colno}", error.msg) from error
    except UnicodeDecodeError as error:
        raise ManifestError(source, f"byte {error.start}", "is not UTF-8 text") from error
    except RecursionError as error:
        raise ManifestError(source, "", "is nested too deeply to be a manifest") from error
    except ValueError as error:
        raise ManifestError(source, "", f"holds a number of thousands of digits: {error}") from error


def unsafe_path(paths: Iterable[str]) -> str | None:
    """Find a path that could name something outside its root, or None if each is safe.

    Safe is: relative, with ``/`` between segments, no segment empty, ``.`` or ``..``, and no NUL,
    line break, backslash or lone surrogate. One scan of one joined string, since a manifest has
    100,000 of them.
    """
    paths = list(paths)
    if _all_safe(paths):
        return None
    return next(path for path in paths if not _all_safe([path]))


def _all_safe(paths: list[str]) -> bool:
    if not paths:
        return True
    joined = "/\n/".join(paths)
    joined = f"/{joined}/"
    if joined.count("\n") != len(paths) - 1:
        return False
    try:
        joined.encode()
    except UnicodeEncodeError:
        return False
    return not any(bad in joined for bad in ("//", "/./", "/../", "\\", "\0", "\r"))


def _strings(value: object) -> TypeGuard[dict[str, str]]:
    return type(value) is dict and set(map(type, value.values())) <= {str}


# No leading zeros, so that "0" alone says that a variant is not there; 18 digits hold any file's size.
_SIZE = "(?:0|[1-9][0-9]{0,17})"

# What a Content-Type field takes (RFC 9110 section 8.3.1), its parameters loosely.
_NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}(?:[ \t]*;[\t\x20-\x7e]*)?")

# What stands behind the ? of a URL (RFC 3986 section 3.4).
_QUERY = re.compile(r"(?:[0-9A-Za-z._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+")

_YEAR_10000 = 253_402_300_800
"""In seconds since the epoch: the first moment that `datetime` cannot hold."""


class _SchemaReader:
    """Turns a parsed document into a `Manifest`, or says where it is wrong."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, location: str, problem: str) -> NoReturn:
        raise ManifestError(self.source, location, problem)

    def manifest(self, document: object) -> Manifest:
        if type(document) is not dict:
            self.fail("top level", f"expected an object, found {_kind(document)}")
        version = document.get("version")
        if version not in ("1.0", "1.1"):
            found = reprlib.repr(version)
            self.fail("version", f'expected "1.0" or "1.1", found {found}; is this a staticfiles.json?')
        paths = self.paths(document.get("paths"), "paths")
        release = self.text(document, "hash", "hash", default="")
        extra = document.get("hashserve")
        if extra is None:
            files = dict.fromkeys(path for logical, path in paths.items() if path != logical)
            return Manifest(paths=paths, files=files, release=release)
        if type(extra) is not dict:
            self.fail("hashserve", f"expected an object, found {_kind(extra)}")
        return self.extended(paths, release, extra)

    def extended(self, paths: dict[str, str], release: str, extra: dict[str, Any]) -> Manifest:
        if extra.get("format") != FORMAT:
            found = reprlib.repr(extra.get("format"))
            self.fail(
                "hashserve.format", f"expected {FORMAT}, found {found}; was it written by a newer hashserve?"
            )
        codings = self.codings(extra.get("columns"))
        files = self.files(extra.get("files"), len(codings))
        self.safe(files, "hashserve.files")
        releases = self.releases(extra.get("releases", []))
        self.membership(paths, files, "paths")
        for number, old in enumerate(releases):
            self.membership(old.changed, files, f"hashserve.releases[{number}].paths")
        return Manifest(
            paths=paths,
            files=files,
            codings=codings,
            release=release,
            created=self.number(extra, "created", "hashserve.created"),
            prefix=self.prefix(extra),
            media_types=self.texts(extra, "media_types", _MEDIA_TYPE, "a media type"),
            releases=releases,
            queries=self.texts(extra, "queries", _QUERY, "a query string"),
            unhashed=self.unhashed(extra),
            skipped=self.skipped(extra),
        )

    def paths(self, value: object, location: str) -> dict[str, str]:
        if type(value) is not dict:
            self.fail(location, f"expected an object, found {_kind(value)}")
        if not _strings(value):
            key = next(key for key, path in value.items() if type(path) is not str)
            self.fail(f"{location}[{key!r}]", f"expected a string, found {_kind(value[key])}")
        self.safe(value, location)
        self.safe(value.values(), location)
        return value

    def safe(self, paths: Iterable[str], location: str) -> None:
        unsafe = unsafe_path(paths)
        if unsafe is not None:
            self.fail(f"{location}: {unsafe!r}", "is not a relative path inside the root")

    def codings(self, columns: object) -> tuple[str, ...]:
        if type(columns) is not list or columns[:2] != ["size", "sha256"]:
            self.fail("hashserve.columns", 'expected a list that starts with "size", "sha256"')
        codings = columns[2:]
        for coding in codings:
            if type(coding) is not str or coding not in CODINGS or codings.count(coding) > 1:
                known = ", ".join(CODINGS)
                found = reprlib.repr(coding)
                self.fail("hashserve.columns", f"{found} is not a content coding, each once, of: {known}")
        return tuple(codings)

    def files(self, value: object, codings: int) -> dict[str, Row | None]:
        location = "hashserve.files"
        if type(value) is not dict:
            self.fail(location, f"expected an object, found {_kind(value)}")
        # Spelt out for each coding: a fifth faster than a group that is repeated.
        row_holds = re.compile(rf"{_SIZE} [A-Za-z0-9+/]{{43}}=" + f" {_SIZE}" * codings)
        rows = value if _strings(value) else {path: row for path, row in value.items() if row is not None}
        # Row by row: one match over all of them keeps 40 MB of ways back for 50,000 rows.
        if not (_strings(rows) and all(map(row_holds.fullmatch, rows.values()))):
            path = next(
                path for path, row in rows.items() if type(row) is not str or not row_holds.fullmatch(row)
            )
            expected = f"a size, a SHA-256 in base64 and {codings} sizes of variants, a space between"
            self.fail(f"{location}[{path!r}]", f"expected {expected}; found {reprlib.repr(rows[path])}")
        return value

    def releases(self, value: object) -> tuple[Release, ...]:
        if type(value) is not list:
            self.fail("hashserve.releases", f"expected a list, found {_kind(value)}")
        return tuple(
            self.old_release(item, f"hashserve.releases[{number}]") for number, item in enumerate(value)
        )

    def old_release(self, value: object, location: str) -> Release:
        if type(value) is not dict:
            self.fail(location, f"expected an object, found {_kind(value)}")
        changed = value.get("paths")
        if type(changed) is not dict:
            self.fail(f"{location}.paths", f"expected an object, found {_kind(changed)}")
        self.safe(changed, f"{location}.paths")
        self.paths({key: path for key, path in changed.items() if path is not None}, f"{location}.paths")
        return Release(
            id=self.text(value, "id", f"{location}.id"),
            created=self.number(value, "created", f"{location}.created"),
            changed=changed,
        )

    def membership(self, paths: Mapping[str, str | None], files: Mapping[str, object], location: str) -> None:
        """Every fingerprinted path must have its row; a path that keeps its name needs none."""
        # Four times as fast as comparing sets.
        if all(map(files.__contains__, paths.values())):
            return
        for logical, path in paths.items():
            if path is not None and path != logical and path not in files:
                self.fail(f"{location}[{logical!r}]", f"{path!r} has no row in hashserve.files")

    def prefix(self, extra: dict[str, Any]) -> str | None:
        prefix = extra.get("prefix")
        if prefix is None:
            return None
        if type(prefix) is not str or not prefix.startswith("/") or not prefix.endswith("/"):
            self.fail("hashserve.prefix", f"expected a path from / to /, found {reprlib.repr(prefix)}")
        if prefix != "/":
            self.safe([prefix[1:-1]], "hashserve.prefix")
        return prefix

    def texts(
        self, extra: dict[str, Any], key: str, grammar: re.Pattern[str], expected: str
    ) -> dict[str, str]:
        location = f"hashserve.{key}"
        value = extra.get(key, {})
        if type(value) is not dict:
            self.fail(location, f"expected an object, found {_kind(value)}")
        self.safe(value, location)
        for name, text in value.items():
            if type(text) is not str or not grammar.fullmatch(text):
                self.fail(f"{location}[{name!r}]", f"expected {expected}, found {reprlib.repr(text)}")
        return value

    def unhashed(self, extra: dict[str, Any]) -> Unhashed:
        value = extra.get("unhashed", "rewritten")
        if value not in get_args(Unhashed):
            expected = ", ".join(get_args(Unhashed))
            self.fail("hashserve.unhashed", f"expected one of {expected}, found {reprlib.repr(value)}")
        return cast(Unhashed, value)

    def skipped(self, extra: dict[str, Any]) -> tuple[str, ...] | None:
        value = extra.get("skipped")
        if value is None:
            return None
        is_list = type(value) is list
        if not is_list or not all(type(item) is str and item.isprintable() for item in value):
            found = reprlib.repr(value)
            self.fail("hashserve.skipped", f"expected a list of printable strings, found {found}")
        return tuple(value)

    def text(self, document: dict[str, Any], key: str, location: str, default: str | None = None) -> str:
        value = document.get(key, default)
        if type(value) is not str:
            self.fail(location, f"expected a string, found {_kind(value)}")
        if not value.isprintable():
            self.fail(location, f"expected printable text, found {reprlib.repr(value)}")
        return value

    def number(self, document: dict[str, Any], key: str, location: str) -> int:
        value = document.get(key)
        if type(value) is not int or not 0 <= value < _YEAR_10000:
            found = reprlib.repr(value)
            self.fail(location, f"expected seconds since 1970 as a whole number, found {found}")
        return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", type(None): "nothing", bool: "a boolean"}
    return names.get(type(value)) or reprlib.repr(value)
