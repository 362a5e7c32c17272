"""The keys of ``HASHSERVE``: those that serving and the build have too, and Django's own.

Invariant: this module declares a key only if no other table has it, or if it means more in Django.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from hashserve.django.settings.value_checks import cache_alias, headers_function, prefix, root_folder
from hashserve.settings import Setting, Settings, setting
from hashserve.settings.build import BuildSettings
from hashserve.settings.check import CheckSettings
from hashserve.settings.serve import HeadersHook, ServeSettings
from hashserve.settings.value_checks import flag, optional, path, seconds, specifiers, strings, text

__all__ = ["KEYS", "NAME", "Key", "OwnSettings"]

NAME = "HASHSERVE"
"""The name of the setting that has all of these keys."""


class OwnSettings(Settings, keys=True):
    """The settings that only a Django project has."""

    add_headers_function: HeadersHook | str | None = setting(
        default=None,
        check=optional(headers_function),
        help="As in `HashServe`, or the dotted path of the function.",
        is_of_whitenoise=True,
    )
    use_finders: bool = setting(
        default=False,  # `load` takes DEBUG
        check=flag,
        help="Serve the files that Django's finders find.",
        is_of_whitenoise=True,
    )
    root: str | None = setting(
        default=None,
        check=root_folder,
        help="A folder whose files are served at the root of the site.",
        is_of_whitenoise=True,
    )
    prefix: str = setting(
        default="/static/",  # `load` takes the path of STATIC_URL
        check=prefix,
        help="The URL path of the static files, relative to where the site is mounted.",
        is_of_whitenoise=True,
    )
    manifest: str | None = setting(
        default=None,
        check=optional(path),
        help="The name of the manifest below STATIC_ROOT, if another tool wrote it.",
    )
    keep_only_hashed_files: bool = setting(
        default=False,
        check=flag,
        help="Leave no unhashed files in STATIC_ROOT.",
        is_of_whitenoise=True,
    )
    manifest_strict: bool | None = setting(
        default=None,
        check=optional(flag),
        help="Whether `{% static %}` fails for an unknown name; None leaves it to the storage.",
        is_of_whitenoise=True,
    )
    import_map_bare: Mapping[str, str] | None = setting(
        default=None,
        check=optional(specifiers),
        help="Bare specifiers for `{% import_map %}`, with the logical path of each.",
    )
    import_map_entries: Sequence[str] = setting(
        default=(),
        check=strings,
        help="The scripts, or bare specifiers, that pages import: what `{% import_map %}` has by default.",
    )
    cache: str = setting(
        default="default",  # `load` takes "staticfiles" if CACHES has it
        check=cache_alias,
        help="The alias of the cache that holds names.",
    )
    site: str = setting(
        default="site",  # `load` takes ROOT_URLCONF
        check=text,
        help="What keeps the names of several sites in one cache apart.",
    )
    pointer_interval: float = setting(
        default=5.0,
        check=seconds,
        help="Seconds between checks for a new release in the cache.",
    )
    publish_names: bool = setting(
        default=True,
        check=flag,
        help="Whether `collectstatic` puts names into the cache.",
    )


class Key(NamedTuple):
    """One key of ``HASHSERVE``.

    ``part`` is what the setting is for. ``white_noise`` is WhiteNoise's setting that is used without the key.
    """

    setting: Setting
    part: Literal["serve", "build", "check", "own"]
    white_noise: str | None


def _keys() -> dict[str, Key]:
    parts: dict[Literal["serve", "build", "check", "own"], type[Settings]] = {
        "serve": ServeSettings,
        "build": BuildSettings,
        "check": CheckSettings,
        "own": OwnSettings,  # replaces keys of the others
    }
    return {
        row.key: Key(row, part, _white_noise(row))
        for part, settings in parts.items()
        for row in settings.table.values()
        if row.key
    }


def _white_noise(row: Setting) -> str | None:
    if not row.is_of_whitenoise:
        return None
    return f"WHITENOISE_{'STATIC_PREFIX' if row.key == 'PREFIX' else row.key}"


KEYS: Mapping[str, Key] = _keys()
