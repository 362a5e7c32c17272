"""The paths that a previous release's files may have: a server serves them, and they carry a fingerprint.

Invariant: a restorable path is the same file on every system, takes no name that a person or a tool chose for
a meaning (``index.html``, ``.htaccess``), and is never a path of the new release.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase

from hashserve.fingerprint_patterns import looks_fingerprinted
from hashserve.hidden_paths import hidden_paths
from hashserve.http.codings import CODINGS
from hashserve.manifest.model import file_of_delta
from hashserve.url_paths import is_servable

__all__ = ["PathsOfOneOutput", "why_not_restorable"]

MAX_PATH_BYTES = 1024
"""The longest path in bytes; some systems allow no more."""

MAX_SEGMENT_BYTES = 251
"""The longest name of a file or a folder: 255 bytes on most systems, with the longest suffix of a variant."""

MAX_DEPTH = 32
"""The most segments of a path."""

_HIDDEN = hidden_paths("")

# At the end of a segment, Windows drops dots and spaces; a device has its name with any extension too.
_UNPORTABLE = re.compile(
    r"[:\\]|[. ](?:/|\Z)|(?:^|/)(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])[. ]*(?:[./]|\Z)", re.IGNORECASE
)

# Bundlers' manifests prove fingerprints that look less like one than `looks_fingerprinted` asks for: here, a
# hexadecimal one needs no digit, and another needs a digit or a capital, so that no word is one.
_HEX = re.compile("[0-9a-f]{8,128}")
_OTHER = re.compile(r"[.-](?=[a-z_-]{0,63}[A-Z0-9])[A-Za-z0-9_-]{8,64}\Z")
_LONGEST_OTHER = 65

LONGEST_EXTENSION = 16


def why_not_restorable(path: str, fingerprinted: Iterable[str] = ()) -> str | None:
    """Return why a file of a previous release cannot have this path; None where it can.

    ``fingerprinted`` are patterns of paths that the user says are fingerprinted.
    """
    if len(path) > MAX_PATH_BYTES or _bytes(path) > MAX_PATH_BYTES:
        return f"its path is longer than {MAX_PATH_BYTES} bytes"
    if max(map(_bytes, path.split("/"))) > MAX_SEGMENT_BYTES:
        return f"a name in its path is longer than {MAX_SEGMENT_BYTES} bytes"
    if path.count("/") >= MAX_DEPTH:
        return f"its path has more than {MAX_DEPTH} segments"
    if not path.isprintable() or _UNPORTABLE.search(path):
        return "its path is not the same on every system"
    if not is_servable(path) or path in _HIDDEN:
        return "no server sends a file with this path"
    if not _carries_fingerprint(path) and not any(fnmatchcase(path, pattern) for pattern in fingerprinted):
        return "its path has no fingerprint"
    return None


def _carries_fingerprint(path: str) -> bool:
    """Whether the name has a fingerprint at its end, or before up to three extensions."""
    if looks_fingerprinted(path):
        return True
    stem = path.rpartition("/")[2]
    for _ in range(4):
        token = stem[max(stem.rfind("."), stem.rfind("-")) + 1 :]
        if len(token) < len(stem) - 1 and _HEX.fullmatch(token):
            return True
        if _OTHER.search(stem[-_LONGEST_OTHER:]):
            return True
        stem, _, extension = stem.rpartition(".")
        if not stem or not 0 < len(extension) <= LONGEST_EXTENSION:
            return False
    return False


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


class PathsOfOneOutput:
    """Paths that can be files of one output together, on a file system that folds case and Unicode forms too.

    A path cannot be added that is another one there, the variant or the delta of another one, or a folder of
    one.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._files: dict[str, str] = {}
        self._folders: set[str] = set()
        for path in paths:
            self._add(path)

    def add(self, path: str) -> str | None:
        """Add a path; or return the path that it conflicts with, and add nothing."""
        folded = _folded(path)
        conflict = self._conflict(folded)
        if conflict is None:
            self._add(path)
        return conflict

    def _conflict(self, folded: str) -> str | None:
        for name in (folded, *_coded_from(folded), *(folded + suffix for suffix in _SUFFIXES)):
            if name in self._files:
                return self._files[name]
            if name in self._folders:
                return name
        folder = folded.rpartition("/")[0]
        while folder and folder not in self._folders:
            if folder in self._files:
                return self._files[folder]
            folder = folder.rpartition("/")[0]
        return None

    def _add(self, path: str) -> None:
        folded = _folded(path)
        self._files[folded] = path
        folder = folded.rpartition("/")[0]
        while folder and folder not in self._folders:
            self._folders.add(folder)
            folder = folder.rpartition("/")[0]


_SUFFIXES = tuple(coding.suffix for coding in CODINGS.values())


def _folded(path: str) -> str:
    return path if path.isascii() and path.islower() else unicodedata.normalize("NFC", path).casefold()


def _coded_from(path: str) -> list[str]:
    """Return the paths of the files that a path may be a variant or a delta of, by its name."""
    file = file_of_delta(path)
    return [
        *(path[: -len(suffix)] for suffix in _SUFFIXES if path.endswith(suffix)),
        *(() if file is None else (file,)),
    ]
