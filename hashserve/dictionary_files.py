"""Files that are dictionaries: clients keep them, to decode deltas of later releases against them (RFC 9842).

Invariant: the build, the server and the check agree, because only this module decides which files these are.
"""

from __future__ import annotations

import os
import re
from binascii import a2b_base64
from collections.abc import Mapping

from hashserve.fingerprint_patterns import fingerprint_of
from hashserve.url_paths import url_of

__all__ = [
    "LARGEST_BYTES",
    "SMALLEST_BYTES",
    "WHY_NOT_DICTIONARY",
    "delta_token",
    "dictionary_match",
    "is_offered",
    "use_as_dictionary",
    "version_name",
    "why_not_dictionary",
]

SMALLEST_BYTES = 2048
"""The smallest file, in bytes, for which a dictionary is worth the fields of its responses."""

LARGEST_BYTES = 32 * 1024 * 1024
"""The largest file, in bytes, that has deltas or is a dictionary of one: both are in memory to make it."""

_KINDS = (
    ("css", "js", "mjs", "cjs", "wasm", "glsl", "wgsl"),
    ("html", "htm", "xhtml", "txt", "md", "csv", "tsv", "vtt", "srt", "ics"),
    ("json", "jsonld", "geojson", "webmanifest", "xml", "xsl", "rss", "atom", "gltf", "obj", "dat", "bin"),
    ("svg", "bmp", "ico", "ttf", "otf", "eot"),
)

EXTENSIONS = frozenset(extension for kind in _KINDS for extension in kind)
"""Extensions of files that a delta makes smaller: text, scripts, styles, data and code, uncompressed fonts.

Source maps are not among them, because only developer tools load them.
"""

# URLPattern gives each of these a meaning, in a pattern of a path (URL Pattern Standard, section 2). In a
# folder, they become a wildcard, which also matches them where a page percent-encodes them.
_MEANINGFUL = re.compile(r"[\\*+?:{}()\[\]]+")


# The name is in a manifest, so that it has a fingerprint: this one may be a word ("chunk-BYPASSED.js"), and
# Astro's and SvelteKit's come after a dot ("start.DiwrgTda.js").
_EIGHT_CHARACTERS = re.compile(r"[^/][.-]([A-Za-z0-9_-]{8})\.[^./]+\Z")


def _fingerprint_in(path: str) -> str | None:
    """Return the fingerprint in the name of a fingerprinted file, None if nothing looks like one.

    A fourth of the names of esbuild and a fiftieth of those of Vite do not look fingerprinted by themselves.
    """
    found = fingerprint_of(path)
    if found is None and (match := _EIGHT_CHARACTERS.search(path)) is not None:
        return match[1]
    return found


def dictionary_match(path: str) -> str | None:
    """Return the URL pattern of the next versions of the file at ``path``, or None if none is right.

    It is relative to the URL of the file, so that it is right below each mount point and on each host. It
    goes up to the root first: Chromium keeps one dictionary for each pattern as it is written, and files of
    one name in two folders would replace each other. ``css/app.55e7cbb9ba48.css`` has ``../css/app.*.css``.
    """
    parts = _parts(path)
    if parts is None:
        return None
    folder, before, after = parts
    pattern = f"{url_of(before)}*{url_of(after)}"
    if not folder:
        return pattern
    up = "../" * (folder.count("/") + 1)
    return f"{up}{'*'.join(map(url_of, _MEANINGFUL.split(folder)))}/{pattern}"


def version_name(path: str) -> str | None:
    """Return what `dictionary_match` would match, as a path with a wildcard; None if that is None."""
    parts = _parts(path)
    return None if parts is None else f"{parts[0]}/{parts[1]}*{parts[2]}"


def is_offered(dictionary: str, path: str) -> bool:
    """Whether a client that has the file ``dictionary`` offers it when it requests the file at ``path``."""
    folder, _, name = path.rpartition("/")
    parts = _parts(dictionary)
    if parts is None or parts[0] != folder:
        return False
    _, before, after = parts
    return len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)


def _parts(path: str) -> tuple[str, str, str] | None:
    """Return the folder of a fingerprinted file, and its name before and after the fingerprint.

    It is None if no URL pattern matches the names of the next versions, and no other ones.
    """
    folder, _, name = path.rpartition("/")
    fingerprint = _fingerprint_in(path)
    if fingerprint is None or _MEANINGFUL.search(name):
        return None
    before, _, after = name.rpartition(fingerprint)
    return (folder, before, after) if before else None  # else the pattern would match every other file


def delta_token(dictionary: str, sha256: str) -> str:
    """Return the token in the names of deltas against a dictionary: its fingerprint, else one of its digest.

    ``sha256`` is the base64 of the digest.
    """
    return _fingerprint_in(dictionary) or a2b_base64(sha256).hex()[:_TOKEN_LENGTH]


_TOKEN_LENGTH = 12


def why_not_dictionary(path: str, size: int | None) -> str | None:
    """Return why the fingerprinted file at ``path`` is no dictionary, None if it is one.

    The reason is a key of `WHY_NOT_DICTIONARY`. ``size`` is in bytes, None if it is not known.
    """
    if os.path.splitext(path)[1][1:].lower() not in EXTENSIONS:
        return "kind"
    if size is None:
        return "unknown-size"
    if size < SMALLEST_BYTES:
        return "small"
    if size > LARGEST_BYTES:
        return "large"
    if _MEANINGFUL.search(path.rpartition("/")[2]):
        return "pattern-characters"
    if _parts(path) is None:
        return "no-fingerprint"
    return None


WHY_NOT_DICTIONARY: Mapping[str, str] = {
    "kind": "a delta saves nothing for files of its kind",
    "unknown-size": "the manifest does not state its size",
    "small": f"it has fewer than {SMALLEST_BYTES:,} bytes",
    "large": f"it has more than {LARGEST_BYTES:,} bytes",
    "pattern-characters": r"its name has one of \ * + ? : { } ( ) [ ], which have a meaning in URL patterns",
    "no-fingerprint": "its name shows no fingerprint that a URL pattern could leave out",
}
"""What each reason of `why_not_dictionary` means."""


def use_as_dictionary(path: str, size: int | None) -> str | None:
    """Return the value of Use-As-Dictionary for a fingerprinted file; None for no such field (2.1)."""
    if why_not_dictionary(path, size) is not None:
        return None
    return f'match="{dictionary_match(path)}"'
