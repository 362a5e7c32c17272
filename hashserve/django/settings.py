"""What a Django project sets: the dictionary ``HASHSERVE``, and WhiteNoise's settings where it is silent.

Invariant: a value is validated before anybody uses it, and whoever set it is told its key, the value
and what would be right. Nothing is read before it is asked for, and nothing of the build is imported.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from hashserve.django.static_location import static_url
from hashserve.errors import SettingError
from hashserve.http.codings import CODINGS
from hashserve.settings.serve import HeadersHook, ImmutableTest

__all__ = ["KEYS", "NAME", "DjangoSettings", "given", "load", "problems", "static_prefix", "twice_given"]

NAME = "HASHSERVE"
"""The name of the setting that holds all of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoSettings:
    """The settings in force; each is the key of the same name in upper case.

    For serving, as `hashserve.HashServe` documents them where not said here:

    * ``max_age``, ``allow_all_origins``, ``charset``, ``mimetypes``, ``index_file``,
      ``immutable_file_test``, ``on_unknown``, ``on_missing``, ``expires``, ``follow_symlinks``,
      ``publish_manifest``, ``nosniff``, ``check_interval``, ``body_budget``, ``largest_body``,
      ``memo_size``, ``preload``, ``counters``, ``manifest``;
    * ``add_headers_function``: a function, or the dotted path of one (`headers_hook` gives it);
    * ``autorefresh`` (DEBUG): the client is to ask each time whether a file has changed;
    * ``use_finders`` (DEBUG): files are found where Django's finders find them;
    * ``root``: a folder that is served at the root of the site, beside the static files;
    * ``prefix``: the URL path of the static files, relative to where the site is mounted.

    For the build, as `hashserve.builder.settings.BuildSettings` documents them; None is its default:
    ``keep``, ``keep_days``, ``previous``, ``require_previous``, ``build_cache`` (its ``cache``),
    ``codings``, ``digest`` and ``digest_length`` (of its ``fingerprinter``), ``js_references``,
    ``strict``, ``already_hashed``, ``import_map_bare``; and

    * ``wait``: for how many seconds ``collectstatic`` waits for another one: hosts often run it as
      each of their containers starts, and all of them are to start;
    * ``keep_only_hashed_files``: the unhashed originals do not stay in STATIC_ROOT;
    * ``skip_compress_extensions``: extensions without their dot of what is not compressed;
    * ``manifest_strict``: what the storage's attribute of that name says, None for its own.

    For names kept in Django's cache: ``cache``, the alias; ``site``, which parts the names of
    several sites in one cache; ``pointer_interval``, how often in seconds a process looks for a new release;
    ``publish_names``: whether ``collectstatic`` puts them there, which a build without a cache cannot.
    """

    max_age: int | None = 60
    allow_all_origins: bool = True
    charset: str = "utf-8"
    mimetypes: Mapping[str, str] | None = None
    add_headers_function: HeadersHook | str | None = None
    index_file: str | None = None
    immutable_file_test: ImmutableTest | str | None = None
    autorefresh: bool
    use_finders: bool
    root: str | None = None
    prefix: str
    expires: bool = False
    manifest: str | None = None
    on_unknown: Literal["404", "redirect", "pass"] = "404"
    on_missing: Literal["pass", "404"] = "pass"
    follow_symlinks: bool = False
    publish_manifest: bool = False
    nosniff: bool = True
    check_interval: float = 1.0
    body_budget: int = 64 * 1024 * 1024
    largest_body: int = 1024 * 1024
    memo_size: int = 10_000
    preload: bool = False
    counters: bool = False

    keep: int | None = None
    keep_days: float | None = None
    previous: str | None = None
    require_previous: bool = False
    build_cache: str | None = None
    wait: float = 600.0
    codings: tuple[str, ...] | None = None
    digest: str | None = None
    digest_length: int | None = None
    js_references: Literal["rewrite", "import-map", "off"] | None = None
    strict: bool = False
    already_hashed: tuple[str, ...] = ()
    import_map_bare: Mapping[str, str] | None = None
    keep_only_hashed_files: bool = False
    skip_compress_extensions: tuple[str, ...] | None = None
    manifest_strict: bool | None = None

    cache: str
    site: str
    pointer_interval: float = 5.0
    publish_names: bool = True

    def headers_hook(self) -> HeadersHook | None:
        """Give ``add_headers_function`` as a function. Raises `SettingError`."""
        hook = self.add_headers_function
        if not isinstance(hook, str):
            return hook
        try:
            found = import_string(hook)
        except ImportError as error:
            raise SettingError(_of("ADD_HEADERS_FUNCTION"), hook, f"cannot be imported: {error}") from error
        if not callable(found):
            raise SettingError(_of("ADD_HEADERS_FUNCTION"), hook, "is not a function")
        return cast(HeadersHook, found)


@cache
def load() -> DjangoSettings:
    """Give the settings in force, read once until one of them changes. Raises `SettingError`."""
    values, errors = _read()
    if errors:
        raise errors[0]
    return DjangoSettings(**(_project_defaults() | values))


def problems() -> list[SettingError]:
    """List everything that is wrong with the settings, not only the first."""
    return _read()[1]


def twice_given() -> list[tuple[str, str]]:
    """List our keys that are set although WhiteNoise's setting is there too; ours count."""
    pairs = ((name, key.white_noise) for name, key in KEYS.items() if name in given())
    return [(name, other) for name, other in pairs if other is not None and hasattr(settings, other)]


def static_prefix() -> str:
    """Give the path of STATIC_URL as requests have it: relative to where the site is mounted."""
    mount = settings.FORCE_SCRIPT_NAME
    return _path_below(mount, static_url())


# Where values come from


def given() -> Mapping[object, object]:
    """Give the dictionary as it was set; an empty one where it is none."""
    dictionary = getattr(settings, NAME, {})
    return dictionary if isinstance(dictionary, Mapping) else {}


def _read() -> tuple[dict[str, Any], list[SettingError]]:
    """Read every key: the values by field, and what is wrong."""
    values: dict[str, Any] = {}
    errors = [*_not_a_mapping(), *_unknown_keys()]
    found = given()
    for name, key in KEYS.items():
        if name in found:
            place, value = _of(name), found[name]
        elif key.white_noise is not None and hasattr(settings, key.white_noise):
            place, value = key.white_noise, getattr(settings, key.white_noise)
        else:
            continue
        try:
            values[name.lower()] = key.read(value)
        except ValueError as error:
            errors.append(SettingError(place, value, str(error)))
    return values, errors


def _of(name: str) -> str:
    return f'{NAME}["{name}"]'


def _not_a_mapping() -> Iterator[SettingError]:
    dictionary = getattr(settings, NAME, {})
    if not isinstance(dictionary, Mapping):
        yield SettingError(NAME, dictionary, 'must be a dictionary, such as {"MAX_AGE": 60}')


def _unknown_keys() -> Iterator[SettingError]:
    for name in given():
        if name not in KEYS:
            yield SettingError(_of(str(name)), given()[name], f"is no setting of hashserve{_closest(name)}")


def _closest(name: object) -> str:
    matches = get_close_matches(str(name).upper(), KEYS, n=1)
    return f'; did you mean "{matches[0]}"?' if matches else f"; there are {', '.join(sorted(KEYS))}"


def _project_defaults() -> dict[str, Any]:
    """Give what depends on the rest of the project's settings."""
    return {
        "autorefresh": settings.DEBUG,
        "use_finders": settings.DEBUG,
        "prefix": static_prefix(),
        "cache": "staticfiles" if "staticfiles" in settings.CACHES else "default",
        # The same on every host and in every build of one site, and most often another's is not.
        "site": getattr(settings, "ROOT_URLCONF", None) or "site",
    }


def _path_below(mount: str | None, url: str) -> str:
    """Give the path of a URL without its origin and without the mount point, with slashes around."""
    path = "/" + urlsplit(url).path.strip("/")
    start = "/" + (mount or "").strip("/")
    if start != "/" and f"{path}/".startswith(f"{start}/"):
        path = path[len(start) :] or "/"
    return path if path == "/" else f"{path}/"


# What a value may be. Each function gives the value that is used, or raises `ValueError`.

Read = Callable[[Any], Any]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be True or False")  # noqa: TRY004  # a wrong value of a setting, not of code
    return value


def _whole_number(value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"must be a whole number, {least} or more")
    return value


def _positive(value: Any) -> int:
    return _whole_number(value, 1)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError("must be a number, 0 or more")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string that is not empty")
    return value


def _header_text(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII text")
    return value


def _path(value: Any) -> str:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path:
        raise ValueError("must be a path, as text, that is not empty; is a variable not set?")
    return path


def _folder(value: Any) -> str:
    path = _path(value)
    if os.path.isfile(path):
        raise ValueError("is a file; name the folder that it is in")
    return path


def _folder_or_none(value: Any) -> str | None:
    # WhiteNoise takes "" for none.
    return _folder(value) if value else None


def _media_types(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError('must be a dictionary, such as {".foo": "application/x-foo"}')  # noqa: TRY004
    for name, media_type in value.items():
        if not isinstance(name, str) or "/" not in _header_text(media_type):
            raise ValueError(f'must map extensions to media types; {name!r} does not, ".foo" would')
    return value


def _specifiers(value: Any) -> Mapping[str, str]:
    pairs = value.items() if isinstance(value, Mapping) else [("", "")]
    # A browser leaves out what ends with a slash and stands for none that does (HTML, 8.1.6.2).
    if not all(_is_text(name) and not name.endswith("/") and _is_text(path) for name, path in pairs):
        raise ValueError('must map specifiers to logical paths, such as {"lit": "vendor/lit.js"}')
    return cast(Mapping[str, str], value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, (str, bytes)) or not all(isinstance(item, str) for item in _items(value)):
        raise ValueError("must be a list of strings")
    return tuple(value)


def _items(value: Any) -> Iterator[object]:
    try:
        return iter(value)
    except TypeError:
        raise ValueError("must be a list of strings") from None


def _extensions(value: Any) -> tuple[str, ...]:
    return tuple(extension.removeprefix(".").lower() for extension in _strings(value))


def _codings(value: Any) -> tuple[str, ...]:
    codings = _strings(value)
    if len(set(codings)) < len(codings) or not set(codings) <= set(CODINGS):
        raise ValueError(f"must be a list of {', '.join(CODINGS)}, each at most once")
    return codings


def _index_file(value: Any) -> str | None:
    if value is None or value is False:
        return None
    name = "index.html" if value is True else value
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError('must be True (for "index.html"), the name of a file, or None')
    return name


def _immutable_file_test(value: Any) -> ImmutableTest | str:
    if callable(value):
        return cast(ImmutableTest, value)
    try:
        re.compile(value)
    except (TypeError, re.error) as error:
        raise ValueError(f"must be a regular expression over URL paths or a function: {error}") from error
    return cast(str, value)


def _headers_function(value: Any) -> HeadersHook | str:
    if callable(value):
        return cast(HeadersHook, value)
    if isinstance(value, str) and "." in value.strip("."):
        return value
    raise ValueError('must be a function, or the dotted path of one, such as "site.headers.add"')


def _prefix(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError('must be the path of a URL, such as "/static/"')
    return _path_below(settings.FORCE_SCRIPT_NAME, value)


def _cache_alias(value: Any) -> str:
    if value not in settings.CACHES:
        raise ValueError(f"is no cache of this project; CACHES has {', '.join(settings.CACHES)}")
    return cast(str, value)


def _one_of(*choices: str) -> Read:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(map(repr, choices))}")
        return cast(str, value)

    return read


def _or_none(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


@dataclass(frozen=True, slots=True)
class SettingKey:
    """How the value of a key is read, and WhiteNoise's setting that counts where the key is not set."""

    read: Read
    white_noise: str | None = None


def _as_whitenoise(name: str, read: Read) -> tuple[str, SettingKey]:
    return name, SettingKey(read, f"WHITENOISE_{name}")


KEYS: Mapping[str, SettingKey] = {
    **dict(
        [
            _as_whitenoise("MAX_AGE", _or_none(_whole_number)),
            _as_whitenoise("ALLOW_ALL_ORIGINS", _flag),
            _as_whitenoise("CHARSET", _header_text),
            _as_whitenoise("MIMETYPES", _or_none(_media_types)),
            _as_whitenoise("ADD_HEADERS_FUNCTION", _or_none(_headers_function)),
            _as_whitenoise("INDEX_FILE", _index_file),
            _as_whitenoise("IMMUTABLE_FILE_TEST", _or_none(_immutable_file_test)),
            _as_whitenoise("AUTOREFRESH", _flag),
            _as_whitenoise("USE_FINDERS", _flag),
            _as_whitenoise("ROOT", _folder_or_none),
            _as_whitenoise("KEEP_ONLY_HASHED_FILES", _flag),
            _as_whitenoise("SKIP_COMPRESS_EXTENSIONS", _or_none(_extensions)),
            _as_whitenoise("MANIFEST_STRICT", _or_none(_flag)),
        ]
    ),
    "PREFIX": SettingKey(_prefix, "WHITENOISE_STATIC_PREFIX"),
    "EXPIRES": SettingKey(_flag),
    "MANIFEST": SettingKey(_or_none(_path)),
    "ON_UNKNOWN": SettingKey(_one_of("404", "redirect", "pass")),
    "ON_MISSING": SettingKey(_one_of("pass", "404")),
    "FOLLOW_SYMLINKS": SettingKey(_flag),
    "PUBLISH_MANIFEST": SettingKey(_flag),
    "NOSNIFF": SettingKey(_flag),
    "CHECK_INTERVAL": SettingKey(_number),
    "BODY_BUDGET": SettingKey(_whole_number),
    "LARGEST_BODY": SettingKey(_whole_number),
    "MEMO_SIZE": SettingKey(_whole_number),
    "PRELOAD": SettingKey(_flag),
    "COUNTERS": SettingKey(_flag),
    "KEEP": SettingKey(_or_none(_positive)),
    "KEEP_DAYS": SettingKey(_or_none(_number)),
    "PREVIOUS": SettingKey(_or_none(_path)),
    "REQUIRE_PREVIOUS": SettingKey(_flag),
    "BUILD_CACHE": SettingKey(_or_none(_folder)),
    "WAIT": SettingKey(_number),
    "CODINGS": SettingKey(_or_none(_codings)),
    "DIGEST": SettingKey(_or_none(_text)),
    "DIGEST_LENGTH": SettingKey(_or_none(_positive)),
    "JS_REFERENCES": SettingKey(_or_none(_one_of("rewrite", "import-map", "off"))),
    "STRICT": SettingKey(_flag),
    "ALREADY_HASHED": SettingKey(_strings),
    "IMPORT_MAP_BARE": SettingKey(_or_none(_specifiers)),
    "CACHE": SettingKey(_cache_alias),
    "SITE": SettingKey(_text),
    "POINTER_INTERVAL": SettingKey(_number),
    "PUBLISH_NAMES": SettingKey(_flag),
}


def _forget(**changed: Any) -> None:
    """Read again what may depend on any setting: DEBUG, STATIC_URL, CACHES and WhiteNoise's among them."""
    load.cache_clear()


setting_changed.connect(_forget, dispatch_uid="hashserve.django.settings")
