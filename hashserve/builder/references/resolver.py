"""The file that a reference names: one of this tree, none, or something elsewhere.

Invariant: a URL is resolved as browsers do (URL Standard): against the URL of the file that holds it, or the
base that a page states. Percent-encoding is decoded once, segment by segment. A URL in a page that names
another page is elsewhere, because pages keep their names.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from hashserve.builder.references.languages import is_page
from hashserve.builder.references.reference import Reference

__all__ = ["External", "Internal", "Missing", "Resolution", "Resolver", "is_bare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Internal:
    """A file of the tree.

    * ``suffix``: the query and the fragment after its path, as written;
    * ``directory``: the URL up to its last slash, as written.
    """

    logical_path: str
    suffix: str = ""
    directory: str = ""

    def url(self, path: str) -> str:
        """Return the URL, in its style, with the last segment of ``path`` as its last segment.

        A fingerprint changes no other segment.
        """
        name = quote(posixpath.basename(path), safe=_UNENCODED, errors="surrogateescape")
        return f"{self.directory}{name}{self.suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """No file: the URL is one of this tree, but no file has its logical path."""

    logical_path: str


@dataclass(frozen=True, slots=True)
class External:
    """Something elsewhere: another origin, another path, a folder, a bare specifier, the file itself."""


Resolution = Internal | Missing | External

# A colon could turn the first segment into a scheme; a quote or a parenthesis would need an escape.
_UNENCODED = "!$&*+,;=@"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ORIGIN = re.compile(r"((?:https?:)?//[^/?#]+)(.*)", re.DOTALL | re.IGNORECASE)
_SUFFIX = re.compile(r"[?#]")
# The parser of the URL Standard drops these first (section 4.4, steps 1 and 3).
_DROPPED_AROUND = "".join(map(chr, range(0x21)))
_DROPPED_WITHIN = re.compile(r"[\t\n\r]")
# Single-dot and double-dot path segments (section 4.4).
_SINGLE_DOT = frozenset({".", "%2e"})
_DOUBLE_DOT = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})

_UNKNOWN_PREFIX = "\0"
"""A segment that no URL has; it stands for a prefix that is not known."""


class Resolver:
    """Resolves the references of one tree.

    ``paths`` are its logical paths. ``prefix`` is the path (``/static/``) or the URL that it is served under,
    with a slash at the end; with None, only relative references are resolved.
    """

    def __init__(self, paths: Container[str], *, prefix: str | None = None) -> None:
        self._paths = paths
        self._origin, path = _split_origin(prefix or "")
        segments = [_decoded(segment) for segment in path.split("/") if segment]
        self._base = [_UNKNOWN_PREFIX] if prefix is None else segments

    def resolve(self, reference: Reference, holder: str) -> Resolution:
        """Resolve a reference in the file with the logical path ``holder``."""
        written, suffix = _split_suffix(_clean(reference.target))
        origin, path = _split_origin(written)
        folder = self._folder(reference, holder)
        if not self._is_ours(origin) or _is_elsewhere(reference, path) or (folder is None and not origin):
            return External()
        segments = self._segments(path, folder or [])
        if segments == self._base or segments[: len(self._base)] != self._base:
            return External()
        logical_path = "/".join(segments[len(self._base) :])
        if reference.base is not None and is_page(logical_path):
            return External()
        if logical_path not in self._paths:
            return Missing(logical_path=logical_path)
        return Internal(logical_path=logical_path, suffix=suffix, directory=written[: written.rfind("/") + 1])

    def _is_ours(self, origin: str) -> bool:
        """Whether the tree is served at an origin; one of the two origins may lack its scheme."""
        if not origin or origin == self._origin:
            return True
        return (
            self._origin != ""
            and (origin.startswith("//") or self._origin.startswith("//"))
            and origin.partition("//")[2] == self._origin.partition("//")[2]
        )

    def _folder(self, reference: Reference, holder: str) -> list[str] | None:
        """Return the segments of the folder that relative URLs start from, None if it is on another site."""
        folder = [*self._base, *holder.split("/")[:-1]]
        if not reference.base:
            return folder
        origin, path = _split_origin(_split_suffix(_clean(reference.base))[0])
        if not self._is_ours(origin):
            return None
        before, slash, last = path.rpartition("/")
        return self._segments(path if _is_dots(last) else before + slash, folder, is_folder=True)

    def _segments(self, path: str, folder: list[str], *, is_folder: bool = False) -> list[str]:
        """Return the decoded segments of a URL's path, without dot segments."""
        segments = [] if path.startswith("/") else [*folder]
        if is_folder:
            path = path.removesuffix("/")
            if not path:
                return segments
        for segment in path.removeprefix("/").split("/"):
            if segment.lower() in _DOUBLE_DOT:
                del segments[-1:]
            elif segment.lower() not in _SINGLE_DOT:
                segments.append(_decoded(segment))
        return segments


def _split_suffix(url: str) -> tuple[str, str]:
    """Split a URL before its query and fragment; in the first part, backslashes become slashes."""
    match = _SUFFIX.search(url)
    end = len(url) if match is None else match.start()
    return url[:end].replace("\\", "/"), url[end:]


def _split_origin(url: str) -> tuple[str, str]:
    """Split ``https://host`` or ``//host`` from the path; a URL of another scheme is all origin."""
    match = _ORIGIN.match(url)
    if match is not None:
        return match[1].lower(), match[2] or "/"
    return (url, "") if _SCHEME.match(url) else ("", url)


def _is_elsewhere(reference: Reference, path: str) -> bool:
    """Whether a path names a folder, or cannot be resolved without the page or an import map."""
    last = path.rpartition("/")[2]
    if not last or _is_dots(last):
        return True
    if reference.kind.is_page_relative and reference.base is None:
        return not path.startswith("/")
    return reference.kind.is_specifier and is_bare(path)


def is_bare(specifier: str) -> bool:
    """Whether a specifier is no URL but a name, for an import map (HTML standard, 8.1.6.2)."""
    return not (specifier.startswith(("/", "./", "../")) or _SCHEME.match(specifier))


def _is_dots(segment: str) -> bool:
    return segment.lower() in _SINGLE_DOT or segment.lower() in _DOUBLE_DOT


def _clean(url: str) -> str:
    return _DROPPED_WITHIN.sub("", url.strip(_DROPPED_AROUND))


def _decoded(segment: str) -> str:
    """Decode percent-encoding; an encoded slash separates no segments, so it stays encoded."""
    decoded = unquote_to_bytes(segment).decode("utf-8", "surrogateescape")
    return segment if "/" in decoded else decoded
