"""Checks of the values of settings that only Django has.

Invariant: as in `hashserve.settings.value_checks`, a check returns the value that is used, or raises
`ValueError` with what the value must be.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings

from hashserve.django.static_location import static_url
from hashserve.settings.serve import HeadersHook
from hashserve.settings.value_checks import folder, headers_hook, url

__all__ = ["cache_alias", "headers_function", "prefix", "root_folder", "static_prefix"]


def prefix(value: Any) -> str:
    """Accept the URL of the static files; the path below the mount point is used."""
    if value == "":
        raise ValueError('must be the path of a URL, such as "/static/", or a URL')
    return _path_below(settings.FORCE_SCRIPT_NAME, url(value))


def static_prefix() -> str:
    """Return the path of STATIC_URL as requests have it: relative to where the site is mounted."""
    mount = settings.FORCE_SCRIPT_NAME
    return _path_below(mount, static_url())


def _path_below(mount: str | None, url: str) -> str:
    """Return the path of a URL without its origin and without the mount point, with a slash at both ends."""
    path = "/" + urlsplit(url).path.strip("/")
    start = "/" + (mount or "").strip("/")
    if start != "/" and f"{path}/".startswith(f"{start}/"):
        path = path[len(start) :] or "/"
    return path if path == "/" else f"{path}/"


def root_folder(value: Any) -> str | None:
    """Accept the path of a folder; "" stands for none, as WhiteNoise has it."""
    return None if value is None or value == "" else folder(value)


def headers_function(value: Any) -> HeadersHook | str:
    """Accept a function, or the dotted path of one."""
    if isinstance(value, str) and "." in value.strip("."):
        return value
    try:
        return cast(HeadersHook, headers_hook(value))
    except ValueError as error:
        raise ValueError(f'{error}, or the dotted path of one, such as "site.headers.add"') from None


def cache_alias(value: Any) -> str:
    """Accept the alias of one of the project's caches."""
    if not isinstance(value, str) or value not in settings.CACHES:
        raise ValueError(f"is not a cache of this project; CACHES has {', '.join(settings.CACHES)}")
    return value
