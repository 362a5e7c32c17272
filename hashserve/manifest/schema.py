"""The format of a manifest on disk, and the check that a document keeps to it.

Invariant: a document that passes the check is usable as a whole. For any other, `ManifestError` names
the file and the place in it.

A manifest is Django's ``staticfiles.json`` (versions 1.0 and 1.1), readable by Django as it is, with
one more key, ``hashserve``::

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

``files``
    A row for each fingerprinted file of each retained release. The columns after ``sha256`` are content
    codings: the size in bytes of that variant, or 0 for no variant. A row is one string, because 100,000
    strings load in half the time and memory of 100,000 lists. It is ``null`` where another tool's
    manifest states neither size nor digest.
``releases``
    The older releases that are retained, newest first. Their ``paths`` hold only what differs from the
    release in force; ``null`` means that the older release has no such logical path.
``unhashed_files``
    A row, as in ``files``, for each unhashed file of the release in force whose content is not that of its
    fingerprinted form, because the references in that are rewritten. Manifests of earlier versions have none.
``modules``
    The modules of the release in force, each with the list of what it imports: logical paths, and bare
    specifiers as they are written.
``deltas``
    The rows of the deltas of each fingerprinted file that has some (RFC 9842), that against the newest
    dictionary first: size in bytes, token in the name of its file, path of the dictionary, which has a row in
    ``files``. With ``"225 0a1b2c3d4e5f css/app.0a1b2c3d4e5f.css"`` for ``css/app.55e7cbb9ba48.css``, the file
    ``css/app.55e7cbb9ba48.css.0a1b2c3d4e5f.dcz`` has the delta. Without this key, no file is a dictionary.
    Earlier versions of hashserve do not know it, and serve the files without deltas.
``queries``, ``unhashed``, ``skipped``, ``leave_references``
    The fields of `Manifest` with these names; left out where they have their default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn, TypeGuard, get_args

from hashserve.errors import ManifestError
from hashserve.http.codings import CODINGS
from hashserve.manifest.json_text import described, member, quoted
from hashserve.manifest.limits import LONGEST_PATH, LONGEST_TEXT, MOST_DELTAS, MOST_RELEASES

__all__ = ["DELTA_TOKEN", "FORMAT", "Unhashed", "check_document", "unsafe_path"]

FORMAT = 1
"""The version of the value under the key ``hashserve``."""

Unhashed = Literal["rewritten", "original", "none"]
"""The content under a file's unhashed name: that of the fingerprinted file, the source's, or no file.

With ``original``, unhashed files refer to unhashed ones. With ``rewritten``, they refer to fingerprinted
ones, so that a page can load one module under two URLs. Pages are rewritten with both, if they are at all.
"""

# A size has no leading zero, so that only "0" means that there is no variant. 18 digits hold any file's size.
_SIZE = "(?:0|[1-9][0-9]{0,17})"

# A Content-Type field's value (RFC 9110 section 8.3.1); its parameters are checked loosely.
_NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = rf"{_NAME}/{_NAME}(?:[ \t]*;[\t\x20-\x7e]*)?"

# The query of a URL (RFC 3986 section 3.4).
_QUERY = r"(?:[0-9A-Za-z._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+"

DELTA_TOKEN = "[0-9A-Za-z_-]{1,128}"  # noqa: S105  # no password
"""The regular expression of the token in the row of a delta, which is a part of its file's name."""

_DELTA_ROW = re.compile(rf"[1-9][0-9]{{0,17}} ({DELTA_TOKEN}) (.+)")

_YEAR_10000 = 253_402_300_800
"""In seconds since the epoch: the first moment that `datetime` cannot hold."""


def check_document(document: object, source: str) -> dict[str, Any]:
    """Check a manifest that is parsed JSON, and return it.

    ``source`` names the file in errors. Raises `ManifestError`.
    """
    return _ManifestCheck(source).document(document)


def unsafe_path(paths: Iterable[str]) -> str | None:
    """Return the first path that could name something outside its root, or None if each is safe.

    A safe path is relative, with ``/`` between segments. No segment is empty, ``.`` or ``..``, and there
    is no NUL, line break, backslash or lone surrogate.
    """
    paths = list(paths)
    if _all_safe(paths):
        return None
    return next(path for path in paths if not _all_safe([path]))


def _all_safe(paths: list[str]) -> bool:
    """Check all paths in a few scans of one joined string, since a manifest has 100,000 of them."""
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


def _maps_to_strings(value: object) -> TypeGuard[dict[str, str]]:
    return type(value) is dict and set(map(type, value.values())) <= {str}


class _ManifestCheck:
    """Checks one document. Each method checks one part; some return that part with its type."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, location: str, problem: str) -> NoReturn:
        raise ManifestError(self.source, location, problem)

    def document(self, value: object) -> dict[str, Any]:
        document = self.members(value, "top level")
        version = document.get("version")
        if version not in ("1.0", "1.1"):
            self.fail(
                "version",
                f'expected "1.0" or "1.1", found {described(version)}; '
                "check that hashserve or Django wrote this file, and build again",
            )
        paths = self.paths(document.get("paths"), "paths")
        self.text(document.get("hash", ""), "hash")
        if document.get("hashserve") is not None:
            self.extension(self.members(document["hashserve"], "hashserve"), paths)
        return document

    def extension(self, extension: dict[str, Any], paths: dict[str, str]) -> None:
        """Check the value under the key ``hashserve``."""
        if extension.get("format") != FORMAT:
            self.fail(
                "hashserve.format",
                f"expected {FORMAT}, found {described(extension.get('format'))}; "
                "if a newer hashserve wrote this file, install that version here",
            )
        codings = self.codings(extension.get("columns"))
        files = self.files(extension.get("files"), codings, "hashserve.files")
        if extension.get("unhashed_files") is not None:
            unhashed = self.files(extension["unhashed_files"], codings, "hashserve.unhashed_files")
            self.rows(unhashed, "hashserve.unhashed_files")
        changed_paths = self.releases(extension.get("releases", []))
        self.listed(paths, files, "paths")
        for number, changed in enumerate(changed_paths):
            self.listed(changed, files, f"hashserve.releases[{number}].paths")
        self.seconds(extension.get("created"), "hashserve.created")
        self.prefix(extension.get("prefix"))
        self.texts(extension.get("media_types", {}), "hashserve.media_types", _MEDIA_TYPE, "a media type")
        self.texts(extension.get("queries", {}), "hashserve.queries", _QUERY, "a query string")
        self.unhashed(extension.get("unhashed", "rewritten"))
        self.list_of_texts(extension.get("skipped"), "hashserve.skipped")
        self.list_of_texts(extension.get("leave_references"), "hashserve.leave_references")
        self.modules(extension.get("modules"))
        self.deltas(extension.get("deltas"), files)

    def members(self, value: object, location: str) -> dict[str, Any]:
        if type(value) is not dict:
            self.fail(location, f"expected an object, found {described(value)}")
        return value

    def paths(self, value: object, location: str) -> dict[str, str]:
        paths = self.members(value, location)
        if not _maps_to_strings(paths):
            key = next(key for key, path in paths.items() if type(path) is not str)
            self.fail(f"{location}{member(key)}", f"expected a string, found {described(paths[key])}")
        self.safe(paths, location)
        self.safe(paths.values(), location)
        return paths

    def safe(self, paths: Iterable[str], location: str) -> None:
        paths = list(paths)
        unsafe = unsafe_path(paths)
        if unsafe is not None:
            self.fail(f"{location}: {quoted(unsafe)}", "is not a relative path inside the root")
        if max(map(len, paths), default=0) > LONGEST_PATH:
            longest = max(paths, key=len)
            self.fail(f"{location}: {quoted(longest)}", f"is longer than {LONGEST_PATH} characters")

    def codings(self, columns: object) -> Sequence[str]:
        location = "hashserve.columns"
        if type(columns) is not list or columns[:2] != ["size", "sha256"]:
            self.fail(location, 'expected a list that starts with "size", "sha256"')
        codings: list[str] = columns[2:]
        for coding in codings:
            if type(coding) is not str or coding not in CODINGS:
                self.fail(
                    location, f"expected content codings ({', '.join(CODINGS)}), found {described(coding)}"
                )
            if codings.count(coding) > 1:
                self.fail(location, f"expected each content coding once, found {described(coding)} twice")
        return codings

    def files(self, value: object, codings: Sequence[str], location: str) -> dict[str, Any]:
        files = self.members(value, location)
        # Written out for each coding: a fifth faster than a repeated group.
        row_grammar = re.compile(rf"{_SIZE} [A-Za-z0-9+/]{{43}}=" + f" {_SIZE}" * len(codings))
        rows = (
            files
            if _maps_to_strings(files)
            else {path: row for path, row in files.items() if row is not None}
        )
        # Row by row: one match over all joined rows keeps 40 MB of backtracking state for 50,000 rows.
        if not (_maps_to_strings(rows) and all(map(row_grammar.fullmatch, rows.values()))):
            path, row = next(
                (path, row)
                for path, row in rows.items()
                if type(row) is not str or not row_grammar.fullmatch(row)
            )
            columns = " ".join(["SIZE", "SHA256", *(f"SIZE-OF-{coding.upper()}" for coding in codings)])
            self.fail(f"{location}{member(path)}", f'expected "{columns}", found {described(row)}')
        self.safe(files, location)
        return files

    def rows(self, files: Mapping[str, object], location: str) -> None:
        """Check that every file has a row, which only another tool's manifest leaves out."""
        for path, row in files.items():
            if row is None:
                self.fail(f"{location}{member(path)}", "expected a row, found null")

    def releases(self, value: object) -> list[dict[str, str | None]]:
        if type(value) is not list:
            self.fail("hashserve.releases", f"expected a list, found {described(value)}")
        if len(value) > MOST_RELEASES:
            self.fail(
                "hashserve.releases",
                f"expected at most {MOST_RELEASES:,}, found {len(value):,}; "
                "build with smaller values of keep and keep_days",
            )
        return [self.release(item, f"hashserve.releases[{number}]") for number, item in enumerate(value)]

    def release(self, value: object, location: str) -> dict[str, str | None]:
        """Check an older release, and return its changed paths."""
        release = self.members(value, location)
        changed = self.members(release.get("paths"), f"{location}.paths")
        self.safe(changed, f"{location}.paths")
        self.paths({key: path for key, path in changed.items() if path is not None}, f"{location}.paths")
        self.text(release.get("id"), f"{location}.id")
        self.seconds(release.get("created"), f"{location}.created")
        return changed

    def listed(self, paths: Mapping[str, str | None], files: Mapping[str, object], location: str) -> None:
        """Check that each fingerprinted path has its row; a path that keeps its name needs none."""
        # Four times as fast as a comparison of sets.
        if all(map(files.__contains__, paths.values())):
            return
        for logical, path in paths.items():
            if path is not None and path != logical and path not in files:
                self.fail(f"{location}{member(logical)}", f"{quoted(path)} has no row in hashserve.files")

    def prefix(self, value: object) -> None:
        location = "hashserve.prefix"
        if value is None or value == "/":
            return
        if type(value) is not str or not value.startswith("/") or not value.endswith("/"):
            self.fail(location, f"expected a path that starts and ends with /, found {described(value)}")
        self.safe([value[1:-1]], location)

    def texts(self, value: object, location: str, grammar: str, expected: str) -> None:
        texts = self.members(value, location)
        self.safe(texts, location)
        for key, text in texts.items():
            # Compiled on first use, which saves 0.2 ms at the start: most manifests need none.
            if type(text) is not str or len(text) > LONGEST_TEXT or not re.fullmatch(grammar, text):
                self.fail(f"{location}{member(key)}", f"expected {expected}, found {described(text)}")

    def unhashed(self, value: object) -> None:
        if value not in get_args(Unhashed):
            expected = ", ".join(map(quoted, get_args(Unhashed)))
            self.fail("hashserve.unhashed", f"expected one of {expected}, found {described(value)}")

    def list_of_texts(self, value: object, location: str) -> None:
        if value is None:
            return
        if type(value) is not list:
            self.fail(location, f"expected a list, found {described(value)}")
        for number, item in enumerate(value):
            self.text(item, f"{location}[{number}]")

    def modules(self, value: object) -> None:
        location = "hashserve.modules"
        if value is None:
            return
        modules = self.members(value, location)
        self.safe(modules, location)
        for path, imports in modules.items():
            if type(imports) is not list or not set(map(type, imports)) <= {str}:
                self.fail(
                    f"{location}{member(path)}", f"expected a list of strings, found {described(imports)}"
                )

    def deltas(self, value: object, files: Mapping[str, object]) -> None:
        location = "hashserve.deltas"
        if value is None:
            return
        for path, rows in self.members(value, location).items():
            where = f"{location}{member(path)}"
            if files.get(path) is None:
                self.fail(where, "has no row in hashserve.files")
            if type(rows) is not list or not 0 < len(rows) <= MOST_DELTAS:
                self.fail(where, f"expected a list of 1 to {MOST_DELTAS} rows, found {described(rows)}")
            matches = [_DELTA_ROW.fullmatch(row) if type(row) is str else None for row in rows]
            found = [match.groups() for match in matches if match is not None]
            if len(found) < len(rows):
                row = rows[matches.index(None)]
                self.fail(where, f'expected "SIZE TOKEN PATH-OF-DICTIONARY", found {described(row)}')
            for _, dictionary in found:
                if dictionary == path or files.get(dictionary) is None:
                    self.fail(where, f"the dictionary {quoted(dictionary)} has no row in hashserve.files")
            if any(len({*column}) < len(found) for column in zip(*found, strict=True)):
                self.fail(where, "expected each token and each dictionary once")

    def text(self, value: object, location: str) -> None:
        if type(value) is not str or len(value) > LONGEST_TEXT or not value.isprintable():
            self.fail(location, f"expected printable text, found {described(value)}")

    def seconds(self, value: object, location: str) -> None:
        if type(value) is not int or not 0 <= value < _YEAR_10000:
            self.fail(location, f"expected whole seconds since 1970, found {described(value)}")
