"""Tokens in names: the part of a file's name that a bundler may have taken from the file's content.

Invariant: a token is only a possibility. What proves it is elsewhere; here is only its shape.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

__all__ = ["CODE", "SCRIPTS", "NameToken", "token_of"]

SCRIPTS = (".js", ".mjs")
"""How the names of a bundler's scripts end."""

CODE = (*SCRIPTS, ".css")
"""How the names of its scripts and style sheets end."""


class NameToken(NamedTuple):
    """A path in parts: ``start``, ``separator``, ``text`` (the token), ``extension``.

    In a name that is only a token (``44f4ac0463c3ce7ca14b.png``), ``start`` is the folder and ``separator``
    is empty. ``is_hex`` says which alphabet the token has: hexadecimal, or that of base64url.
    """

    start: str
    separator: str
    text: str
    extension: str
    is_hex: bool

    @property
    def folder(self) -> str:
        """The folder of the file, with a slash at the end."""
        return self.start[: self.start.rfind("/") + 1]

    @property
    def plain_path(self) -> str:
        """The path without the token; without a name, if that is only a token."""
        return self.start + self.extension

    @property
    def is_random(self) -> bool:
        """Whether the token looks as if nobody had thought of it.

        In base64url, words change the case or the kind of character less often than chance does: "HomePage"
        and "3DViewer" are no proof, and "C_rL51Fj" is. 82 % of random tokens are called random.
        """
        if self.is_hex:
            return _LETTER.search(self.text) is not None and _DIGIT.search(self.text) is not None
        if _BASE32.fullmatch(self.text):
            return _DIGIT.search(self.text) is not None
        return self.has_both_cases and len(_RUNS.findall(self.text)) > 3

    @property
    def is_word(self) -> bool:
        """Whether the token is neither hexadecimal nor has a capital letter, as what people write."""
        return not self.is_hex and _UPPER.search(self.text) is None

    @property
    def may_be_words(self) -> bool:
        """Whether people may have written the token: "HomePage", but also 15 % of random tokens."""
        return not (self.is_random or (self.has_both_cases and self.has_digit))

    @property
    def has_digit(self) -> bool:
        """Whether there is a decimal digit."""
        return _DIGIT.search(self.text) is not None

    @property
    def has_both_cases(self) -> bool:
        """Whether there are letters of both cases, as in 96 % of random tokens of base64url."""
        return _UPPER.search(self.text) is not None and _LOWER.search(self.text) is not None

    @property
    def has_scheme_of_esbuild(self) -> bool:
        """Whether the token is eight characters of base32, as esbuild and the Angular CLI write it."""
        return self.separator == "-" and _BASE32.fullmatch(self.text) is not None

    @property
    def has_scheme_of_rollup(self) -> bool:
        """Whether the token is as Rollup and Vite write it: eight characters of base64url."""
        return self.separator in ("-", ".") and not self.is_hex and len(self.text) == 8

    def is_copy_in(self, files: Container[str]) -> bool:
        """Whether the file is next to its original, as in the output of a build, which makes it again."""
        return self.is_hex and self.separator == "." and self.plain_path in files

    @property
    def glob(self) -> str:
        """A pattern of the paths in the same folder whose tokens have this separator and length."""
        return f"{_GLOB_SPECIAL.sub(_escaped, self.folder)}*{self.separator}{'?' * len(self.text)}.*"


def _escaped(special: re.Match[str]) -> str:
    return f"[{special[0]}]"


_LETTER = re.compile("[a-f]")
_DIGIT = re.compile("[0-9]")
_UPPER = re.compile("[A-Z]")
_LOWER = re.compile("[a-z]")
_BASE32 = re.compile("[A-Z2-7]{8}")
_RUNS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_GLOB_SPECIAL = re.compile(r"[*?\[]")

# Create React App writes "360.c9ebbf45.chunk.js".
_NAME = re.compile(
    r"(?:(?:(?P<name>[^/]*[^/.-])(?P<separator>[.-]))?(?P<hex>[0-9a-f]{8,64})"
    r"|(?P<name64>[^/]*[^/.])(?P<separator64>[.-])(?P<base64>[A-Za-z0-9_-]{8}))"
    r"(?P<extension>(?:\.chunk)?\.[A-Za-z0-9]{1,8})",
    re.DOTALL,
)
_SHORTEST_BARE = 16
_LONGEST_NAME = 255

_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]*")


def token_of(path: str, *, numbers: bool = False) -> NameToken | None:
    """Return the token in the name of a file, or None. A date or a number is one only with ``numbers``."""
    name = path[path.rfind("/") + 1 :]
    if len(name) > _LONGEST_NAME:
        return None
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    folder, text, is_hex = path[: len(path) - len(name)], match["hex"], True
    start, separator = match["name"] or "", match["separator"] or ""
    if text is None:
        text, is_hex = match["base64"], False
        start, separator = match["name64"], match["separator64"]
    if not separator and len(text) < _SHORTEST_BARE:
        return None
    if not numbers and (text.isdecimal() or _DATE.fullmatch(text)):
        return None
    return NameToken(folder + start, separator, text, match["extension"], is_hex)
