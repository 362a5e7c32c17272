"""The public names of WhiteNoise's classes that mean nothing here, and what to use instead.

Invariant: code that was written for WhiteNoise is never ignored silently. To use one of these names, to
assign to it or to override it is an error that says what to do. ``docs/from-whitenoise.md`` has every name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, TypeVar, cast

__all__ = [
    "FOR_MIDDLEWARE",
    "FOR_STORAGE",
    "FOR_WRAPPER",
    "SettingAttribute",
    "check_overrides",
    "is_overridden",
    "overridable",
    "refuse_names",
]

F = TypeVar("F", bound=Callable[..., Any])

_FOLDERS = "files are looked up at each request; add folders with add_files()"
_LOOKUP = "files are found below the folders of add_files(); override __call__ to serve fewer or other URLs"
_PATHS = "paths that leave the root are always refused; follow_symlinks=True allows links"
_CACHING = "change Cache-Control in add_headers_function="
_RESPONSE = "change fields in add_headers_function=, or override __call__"

FOR_WRAPPER: Mapping[str, str] = {
    "FOREVER": f"immutable files are cached for a year; {_CACHING}",
    "add_cache_headers": _CACHING,
    "add_file_to_dictionary": _FOLDERS,
    "add_mime_headers": "pass mimetypes= and charset=, or change Content-Type in add_headers_function=",
    "candidate_paths_for_url": _LOOKUP,
    "config_attrs": "pass settings to the constructor",  # of WhiteNoise before 6
    "directories": _FOLDERS,
    "files": _FOLDERS,
    "find_file": _LOOKUP,
    "find_file_at_path": _LOOKUP,
    "get_static_file": _RESPONSE,
    "is_immutable_file": "it is immutable_file_test()",  # of WhiteNoise before 4
    "is_compressed_variant": "variants are the files with .br, .gz or .zst after their name",
    "media_types": "pass mimetypes=",
    "path_is_child_of": _PATHS,
    "redirect": _RESPONSE,
    "serve": _RESPONSE,
    "update_files_dictionary": _FOLDERS,
    "url_is_canonical": _PATHS,
}
"""The names of ``WhiteNoise``."""

_IMMUTABLE = 'the manifest lists immutable files; name others with HASHSERVE["IMMUTABLE_FILE_TEST"]'

# Some names are of WhiteNoise before 6.
FOR_MIDDLEWARE: Mapping[str, str] = {
    **FOR_WRAPPER,
    "add_files_from_finders": 'set HASHSERVE["USE_FINDERS"]',
    "add_mime_headers": 'set HASHSERVE["MIMETYPES"] and HASHSERVE["CHARSET"]',
    "application": "the middleware calls get_response()",
    "check_settings": "set keys of HASHSERVE",
    "config_attrs": "set keys of HASHSERVE",
    "configure_from_settings": "set keys of HASHSERVE",
    "get_name_without_hash": _IMMUTABLE,
    "get_static_url": _IMMUTABLE,
    "process_request": "override __call__()",
    "media_types": 'set HASHSERVE["MIMETYPES"]',
    "update_files_dictionary": f'{_FOLDERS}, or set HASHSERVE["ROOT"]',
}
"""The names of ``WhiteNoiseMiddleware``."""

_BUILD = "the build does it for all files; set keys of HASHSERVE"
_COMPRESSION = 'set HASHSERVE["CODINGS"] and HASHSERVE["SKIP_COMPRESS_EXTENSIONS"]'

FOR_STORAGE: Mapping[str, str] = {
    "compress_files": _COMPRESSION,
    "create_compressor": _COMPRESSION,
    "delete_files": 'set HASHSERVE["KEEP_ONLY_HASHED_FILES"]',
    "keep_only_hashed_files": 'set HASHSERVE["KEEP_ONLY_HASHED_FILES"]',
    "make_helpful_exception": "a missing reference is a warning with file, line and column, and no exception",
    "post_process_with_compression": _BUILD,
    "start_tracking_new_files": _BUILD,
    "stop_tracking_new_files": _BUILD,
}
"""The names of ``CompressedManifestStaticFilesStorage``."""


def check_overrides(kind: type, base: type, names: Mapping[str, str]) -> None:
    """Raise `TypeError` if the class ``kind``, or another one between it and ``base``, overrides a name.

    An attribute of a setting cannot be overridden either.
    """
    for each in kind.__mro__[: kind.__mro__.index(base)]:
        for name in vars(each):
            setting = vars(base).get(name)
            instead = setting.instead if isinstance(setting, SettingAttribute) else names.get(name)
            if instead is not None:
                raise TypeError(f"{each.__name__}.{name} has no effect in hashserve; {instead}")


def is_overridden(kind: type, base: type, name: str) -> bool:
    """Whether ``kind`` has another attribute of this name than its base class ``base``."""
    return getattr(kind, name) is not getattr(base, name)


def refuse_names(kind: type, names: Mapping[str, str]) -> None:
    """Make each of ``names`` an `AttributeError` of the class that says what to do instead."""
    for name, instead in names.items():
        setattr(kind, name, _RefusedName(name, instead))


class _RefusedName:
    """An attribute that cannot be read or assigned to."""

    def __init__(self, name: str, instead: str) -> None:
        self._problem = f"{name} is of WhiteNoise, hashserve has none; {instead}"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        raise AttributeError(self._problem)

    def __set__(self, instance: object, value: object) -> None:
        raise AttributeError(self._problem)


class _OverridableMethod:
    """A method that a subclass may override, and that cannot be assigned to."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self._function, instance)

    def __set__(self, instance: object, value: object) -> None:
        name = self._function.__name__
        raise AttributeError(f"{name} cannot be changed; pass the setting, or override it in a subclass")


def overridable(method: F) -> F:
    """Decorate a method that a subclass may override; to assign to it is an `AttributeError`."""
    return cast("F", _OverridableMethod(method))


class SettingAttribute:
    """An attribute with the value of a setting, which cannot be assigned to.

    ``read`` returns the value, given the instance and the name. ``instead`` says where it is set.
    """

    def __init__(self, name: str, instead: str, read: Callable[[Any, str], Any]) -> None:
        self.instead = instead
        self._name = name
        self._read = read

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else self._read(instance, self._name)

    def __set__(self, instance: object, value: object) -> None:
        raise AttributeError(f"{self._name} cannot be changed; {self.instead}")
