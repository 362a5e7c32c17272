"""What a reference names: a file of this tree, nothing in it, or something elsewhere.

Invariant: a URL is resolved as the browser does (URL Standard), from the URL that the file which holds
it is served at, or from the base that a page states; what a name has to be escaped for is undone once,
segment by segment. What a page refers to is never a page: those are led to, and keep their names.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from hashserve.builder.references.languages import is_page
from hashserve.builder.references.reference import Reference

__all__ = ["External", "Internal", "Missing", "Resolution", "Resolver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Internal:
    """A file of the tree: its logical path, and the query and fragment that follow it, as written."""

    logical_path: str
    suffix: str = ""
    directory: str = ""
    """The URL as written, up to the last slash."""

    def url(self, path: str) -> str:
        """Give the URL, in the style it was written in, of the same file under the name of ``path``.

        A fingerprint changes the last segment alone; so does this.
        """
        name = quote(posixpath.basename(path), safe=_UNESCAPED, errors="surrogateescape")
        return f"{self.directory}{name}{self.suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Nothing: the URL is one of this tree, and no file has this logical path."""

    logical_path: str


@dataclass(frozen=True, slots=True)
class External:
    """Something elsewhere: another origin or path, a folder, a bare specifier, the file itself."""


Resolution = Internal | Missing | External

# A colon would make a scheme of the first segment; a quote or a parenthesis would need an escape.
_UNESCAPED = "!$&*+,;=@"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ORIGIN = re.compile(r"((?:https?:)?//[^/?#]+)(.*)", re.DOTALL | re.IGNORECASE)
_SUFFIX = re.compile(r"[?#]")
# The parser of the URL Standard drops these first (section 4.4, steps 1 and 3).
_AROUND = "".join(map(chr, range(0x21)))
_WITHIN = re.compile(r"[\t\n\r]")
# Single-dot and double-dot path segments (section 4.4).
_SINGLE_DOT = frozenset({".", "%2e"})
_DOUBLE_DOT = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})

_NOWHERE = "\0"
"""A segment that no URL has: what a prefix that is not known is made of."""


class Resolver:
    """Resolves the references of one tree.

    ``paths`` are its logical paths. ``prefix`` is where it is served: a path from slash to slash
    (``/static/``), or a URL that ends in one; with None, only relative references are resolved.
    """

    def __init__(self, paths: Container[str], *, prefix: str | None = None) -> None:
        self._paths = paths
        self._origin, path = _split_origin(prefix or "")
        self._base = [_NOWHERE] if prefix is None else [_decoded(item) for item in path.split("/") if item]

    def resolve(self, reference: Reference, holder: str) -> Resolution:
        """Resolve a reference that the file with the logical path ``holder`` holds."""
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
        """Tell whether the tree is served there; of two origins, one may leave the scheme open."""
        if not origin or origin == self._origin:
            return True
        return (
            self._origin != ""
            and (origin.startswith("//") or self._origin.startswith("//"))
            and origin.partition("//")[2] == self._origin.partition("//")[2]
        )

    def _folder(self, reference: Reference, holder: str) -> list[str] | None:
        """Give the segments that a relative URL starts from; None where they are on another site."""
        folder = [*self._base, *holder.split("/")[:-1]]
        if not reference.base:
            return folder
        origin, path = _split_origin(_split_suffix(_clean(reference.base))[0])
        if not self._is_ours(origin):
            return None
        before, slash, last = path.rpartition("/")
        return self._segments(path if _is_dots(last) else before + slash, folder, is_folder=True)

    def _segments(self, path: str, folder: list[str], *, is_folder: bool = False) -> list[str]:
        """Give the segments of the URL's path, decoded and free of dots."""
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
    """Part query and fragment from what is before them, in which a backslash is a slash."""
    match = _SUFFIX.search(url)
    end = len(url) if match is None else match.start()
    return url[:end].replace("\\", "/"), url[end:]


def _split_origin(url: str) -> tuple[str, str]:
    """Part ``https://host`` or ``//host`` from the path; any other scheme is all origin."""
    match = _ORIGIN.match(url)
    if match is not None:
        return match[1].lower(), match[2] or "/"
    return (url, "") if _SCHEME.match(url) else ("", url)


def _is_elsewhere(reference: Reference, path: str) -> bool:
    """Tell of a path that names no file, or none that this tree could tell."""
    last = path.rpartition("/")[2]
    if not last or _is_dots(last):
        return True
    if reference.kind.is_page_relative and reference.base is None:
        return not path.startswith("/")
    return reference.kind.is_specifier and not path.startswith(("/", "./", "../"))


def _is_dots(segment: str) -> bool:
    return segment.lower() in _SINGLE_DOT or segment.lower() in _DOUBLE_DOT


def _clean(url: str) -> str:
    return _WITHIN.sub("", url.strip(_AROUND))


def _decoded(segment: str) -> str:
    """Undo percent-encoding; a slash that is encoded separates nothing, and stays encoded."""
    decoded = unquote_to_bytes(segment).decode("utf-8", "surrogateescape")
    return segment if "/" in decoded else decoded
