"""Checks of the values of settings: each returns the value to use, or says what it must be.

Invariant: a check returns the value that is used, or raises `ValueError` with what the value must be. The
message does not name the setting: every view spells it in its own way.
"""

# Here, a wrong type is a wrong value of a setting, and not a defect in the caller's code.
# ruff: noqa: TRY004
from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from hashserve.http.codings import CODINGS
from hashserve.manifest.limits import LONGEST_TEXT
from hashserve.manifest.schema import unsafe_path
from hashserve.settings import ValueCheck
from hashserve.url_paths import is_servable

__all__ = [
    "codings",
    "duration",
    "extensions",
    "flag",
    "folder",
    "header_text",
    "headers_hook",
    "index_file",
    "media_types",
    "number_to",
    "one_of",
    "optional",
    "path",
    "paths",
    "patterns",
    "positive",
    "seconds",
    "servable_path",
    "size_limits",
    "specifiers",
    "strings",
    "text",
    "url",
    "url_path",
    "url_test",
    "whole_number",
]


def optional(check: ValueCheck) -> ValueCheck:
    """Return a check that accepts None too."""
    return lambda value: None if value is None else check(value)


def flag(value: Any) -> bool:
    """Accept True or False."""
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


# Numbers


def whole_number(value: Any) -> int:
    """Accept a whole number, 0 or more."""
    return _whole(value, 0)


def positive(value: Any) -> int:
    """Accept a whole number, 1 or more."""
    return _whole(value, 1)


def number_to(most: int) -> ValueCheck:
    """Return a check that accepts a whole number from 0 to ``most``."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise ValueError(f"must be a whole number from 0 to {most}")
        return value

    return check


def _whole(value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"must be a whole number, {least} or more")
    return value


def seconds(value: Any) -> float:
    """Accept a finite number, 0 or more."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError("must be a number, 0 or more")
    return value  # type: ignore[no-any-return]


def duration(value: Any) -> float:
    """Accept a number, 0 or more; infinity stands for ever."""
    if not _is_number(value) or not value >= 0:  # NaN is not, either
        raise ValueError("must be a number, 0 or more")
    return value  # type: ignore[no-any-return]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# Text


def text(value: Any) -> str:
    """Accept text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string that is not empty")
    return value


def header_text(value: Any) -> str:
    """Accept text that can be part of a header field."""
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII text")
    return value


def one_of(*choices: str) -> ValueCheck:
    """Return a check that accepts one of ``choices``."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(map(repr, choices))}")
        return value

    return check


def strings(value: Any) -> tuple[str, ...]:
    """Accept a list of strings that are not empty."""
    is_list = isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
    items = tuple(value) if is_list else (None,)
    if not all(isinstance(item, str) and item for item in items):
        raise ValueError("must be a list of strings, none of them empty")
    return items


def patterns(value: Any) -> tuple[str, ...]:
    """Accept a list of patterns; a manifest states them."""
    found = strings(value)
    if not all(map(str.isprintable, found)):
        raise ValueError('must have printable characters only; "?" in a pattern stands for any character')
    _check_lengths(found)
    return found


def _check_lengths(texts: Iterable[str]) -> None:
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise ValueError(f"must have at most {LONGEST_TEXT:,} characters in each item")


def extensions(value: Any) -> tuple[str, ...]:
    """Accept file name extensions, used in lower case and without a dot; a manifest states them."""
    used = tuple(extension.lower().lstrip(".") for extension in strings(value))
    if not all(text and text.isprintable() for text in used):
        raise ValueError('must be a list of extensions, such as "jpg"')
    _check_lengths(used)
    return used


def codings(value: Any) -> tuple[str, ...]:
    """Accept a list of content codings."""
    used = strings(value)
    if len(set(used)) < len(used) or not set(used) <= set(CODINGS):
        raise ValueError(f"must be a list of {', '.join(CODINGS)}, each at most once")
    return used


# Places


def path(value: Any) -> str:
    """Accept a path on disk, as text."""
    used = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(used, str) or not used:
        raise ValueError("must be a path, as text, that is not empty; is a variable not set?")
    return used


def paths(value: Any) -> tuple[str, ...]:
    """Accept a list of paths on disk."""
    if isinstance(value, (str, bytes, os.PathLike)) or not isinstance(value, Iterable):
        raise ValueError("must be a list of paths")
    return tuple(path(item) for item in value)


def folder(value: Any) -> str:
    """Accept the path of a folder, which may not exist yet."""
    used = path(value)
    if os.path.isfile(used):
        raise ValueError("is a file; name the folder that it is in")
    return used


def index_file(value: Any) -> str | bool | None:
    """Accept the name of a file; True stands for ``index.html``, and False, None and "" for no file."""
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str) or "/" in value:
        raise ValueError('must be True (for "index.html"), the name of a file, or None')
    return value


def servable_path(value: Any) -> str:
    """Accept the path of a file below a root."""
    if not isinstance(value, str) or not is_servable(value):
        raise ValueError('must be the path of a file below the root, such as "index.html"')
    return value


def url(value: Any) -> str:
    """Accept a URL or the path of one."""
    if not isinstance(value, str):
        raise ValueError('must be the path of a URL, such as "/static/", or a URL')
    try:
        urlsplit(value)
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from None
    return value


def url_path(value: Any) -> str:
    """Accept the path of a URL with a slash at both ends."""
    if not isinstance(value, str) or not (value.startswith("/") and value.endswith("/")) or "//" in value:
        raise ValueError("must be a URL path that starts and ends with a slash")
    if value != "/" and unsafe_path([value[1:-1]]) is not None:
        raise ValueError("must be a URL path as browsers send it, without .. or a backslash")
    return value


# Media types, functions, tests


def media_types(value: Any) -> Mapping[str, str]:
    """Accept media types by extension or file name."""
    if not isinstance(value, Mapping):
        raise ValueError('must be a dictionary, such as {".foo": "application/x-foo"}')
    for name, media_type in value.items():
        if not isinstance(name, str) or "/" not in header_text(media_type):
            raise ValueError(f'must map extensions to media types; {name!r} does not, ".foo" would')
    return value


def headers_hook(value: Any) -> Any:
    """Accept a function of header fields, path and URL path."""
    if not callable(value):
        raise ValueError("must be a function")
    if not _takes(value, 3):
        raise ValueError("must be a function of three arguments: headers, path and URL")
    return value


def _takes(function: Any, number: int) -> bool:
    """Whether a function can be called with a number of arguments; it can if it does not say how many.

    A wrong function would fail at each request. To import `inspect` would cost a server 2 ms.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return True
    most = code.co_argcount - (getattr(function, "__self__", None) is not None)
    takes_any = bool(code.co_flags & 0x04)  # inspect.CO_VARARGS
    return most - len(function.__defaults__ or ()) <= number and (takes_any or most >= number)


def url_test(value: Any) -> Any:
    """Accept a regular expression over URL paths, or a function of path and URL path."""
    if callable(value):
        if not _takes(value, 2):
            raise ValueError("must be a function of two arguments: path and URL")
        return value
    try:
        re.compile(value)
    except (TypeError, re.error) as error:
        raise ValueError(f"must be a regular expression over URL paths or a function: {error}") from None
    return value


# Import maps and reports


def specifiers(value: Any) -> Mapping[str, str]:
    """Accept the logical paths of modules by their bare specifiers."""
    pairs = value.items() if isinstance(value, Mapping) else [("", "")]
    if not all(_is_specifier(name) and isinstance(target, str) and target for name, target in pairs):
        raise ValueError('must map specifiers to logical paths, such as {"lit": "vendor/lit.js"}')
    return value  # type: ignore[no-any-return]


def _is_specifier(name: Any) -> bool:
    # A specifier that ends with a slash stands for a folder, and browsers ignore it here (HTML, 8.1.6.2).
    return isinstance(name, str) and bool(name) and not name.endswith("/")


def size_limits(kinds: Iterable[str]) -> ValueCheck:
    """Return a check of limits in bytes by one of ``kinds``; None stands for no limit."""

    def check(value: Any) -> Mapping[str, int | None]:
        if not isinstance(value, Mapping) or not set(value) <= set(kinds):
            raise ValueError(f"must map kinds of files to limits in bytes; the kinds are {', '.join(kinds)}")
        for limit in value.values():
            optional(whole_number)(limit)
        return value

    return check
