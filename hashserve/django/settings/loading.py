"""The settings of a project as values, and what is wrong with them.

Invariant: settings are read once, and again after a setting has changed. An error names the setting as
the project wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, cast

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from hashserve.django.settings.table import KEYS, NAME, OwnSettings
from hashserve.django.static_location import static_url
from hashserve.errors import HashserveError, SettingError
from hashserve.settings import closest
from hashserve.settings.serve import HeadersHook, ServeSettings

__all__ = ["DjangoSettings", "given", "load", "problems", "spelt_as_keys", "twice_given"]

WAIT = 600.0
"""How many seconds ``collectstatic`` waits for another one: hosts often run it in every container."""


class DjangoSettings(NamedTuple):
    """The settings in force: those that only Django has, of serving, of the build and of the check.

    ``build`` and ``check`` have the values that are set, by field of `BuildSettings` and of `CheckSettings`,
    which a server does not need.
    """

    own: OwnSettings
    serve: ServeSettings
    build: Mapping[str, Any]
    check: Mapping[str, Any]

    @property
    def revalidates(self) -> bool:
        """Whether browsers must revalidate each file: in development, and with ``AUTOREFRESH``.

        WhiteNoise's setting of this name changes no lifetime.
        """
        return self.serve.autorefresh and (settings.DEBUG or "AUTOREFRESH" in given())

    def headers_hook(self) -> HeadersHook | None:
        """Return ``ADD_HEADERS_FUNCTION`` as a function. Raises `SettingError`."""
        hook = self.own.add_headers_function
        if not isinstance(hook, str):
            return hook
        name = SPELLINGS["add_headers_function"]
        try:
            found = import_string(hook)
        except ImportError as error:
            raise SettingError(name, hook, f"cannot be imported: {error}") from error
        if not callable(found):
            raise SettingError(name, hook, "is not a function")
        return cast(HeadersHook, found)


@cache
def load() -> DjangoSettings:
    """Return the settings in force, read once until one of them changes. Raises `SettingError`."""
    values, errors = _read()
    if errors:
        raise errors[0]
    given_or_default = {
        "use_finders": settings.DEBUG,
        "prefix": static_url() or "/",
        "cache": "staticfiles" if "staticfiles" in settings.CACHES else "default",
        # ROOT_URLCONF is the same on every host and in every build of a site. Most other sites have another.
        "site": getattr(settings, "ROOT_URLCONF", None) or "site",
        **values["own"],
    }
    own = OwnSettings.of(given_or_default)
    serve = ServeSettings.of({"autorefresh": settings.DEBUG, **values["serve"]})
    build = {"prefix": own.prefix, "wait": WAIT, **values["build"]}
    return DjangoSettings(own, serve, build, values["check"])


def problems() -> list[SettingError]:
    """List everything that is wrong with the settings, not only the first."""
    return _read()[1]


def twice_given() -> list[tuple[str, str]]:
    """List each key that is set in addition to WhiteNoise's setting, with that setting; the key is used."""
    pairs = ((name, key.white_noise) for name, key in KEYS.items() if name in given())
    return [(name, other) for name, other in pairs if other is not None and hasattr(settings, other)]


def given() -> Mapping[object, object]:
    """Return the dictionary as it was set; an empty one if the value is not a dictionary."""
    dictionary = getattr(settings, NAME, {})
    return dictionary if isinstance(dictionary, Mapping) else {}


def _read() -> tuple[dict[str, dict[str, Any]], list[SettingError]]:
    """Read every key; return the values as they were set, by part and name, and the errors."""
    values: dict[str, dict[str, Any]] = {"own": {}, "serve": {}, "build": {}, "check": {}}
    errors = [*_not_a_mapping(), *_unknown_keys()]
    found = given()
    for name, key in KEYS.items():
        if name in found:
            place, value = _place(name), found[name]
        elif key.white_noise is not None and hasattr(settings, key.white_noise):
            place, value = key.white_noise, getattr(settings, key.white_noise)
        else:
            continue
        if value is None and key.part in ("build", "check"):
            continue  # as if it were not set, so that a project can pass on a variable
        try:
            used = key.setting.check(value)
        except ValueError as error:
            errors.append(SettingError(place, value, str(error)))
        else:
            values[key.part][key.setting.name] = used if key.part == "check" else value
    return values, errors


def _not_a_mapping() -> Iterator[SettingError]:
    dictionary = getattr(settings, NAME, {})
    if not isinstance(dictionary, Mapping):
        yield SettingError(NAME, dictionary, 'must be a dictionary, such as {"MAX_AGE": 60}')


def _unknown_keys() -> Iterator[SettingError]:
    for name, value in given().items():
        if name not in KEYS:
            problem = f"there is no such setting; {closest(str(name).upper(), KEYS)}"
            yield SettingError(_place(str(name)), value, problem)


# How a setting is spelt


@contextmanager
def spelt_as_keys() -> Iterator[None]:
    """Raise each error of the block with its settings spelt as keys, ``HASHSERVE["KEEP"]``."""
    try:
        yield
    except HashserveError as error:
        spelt = error.spelt(SPELLINGS)
        if spelt is error:
            raise
        raise spelt from error


def _place(name: str) -> str:
    return f'{NAME}["{name}"]'


def _places() -> dict[str, str]:
    # Those of serving and of the build come last and replace others: "cache" in an error is the folder of the
    # build, and "accept" what the build accepts. The check's errors name the options of its command.
    keys = sorted(KEYS.items(), key=lambda item: item[1].part in ("serve", "build"))
    return {key.setting.name: _place(name) for name, key in keys}


SPELLINGS: Mapping[str, str] = {**_places(), "out": "STATIC_ROOT"}
"""How a project writes the settings of serving and of the build, by their names."""


def _forget(**changed: Any) -> None:
    """Forget the settings in force: they may depend on any setting, such as DEBUG, STATIC_URL or CACHES."""
    load.cache_clear()


setting_changed.connect(_forget, dispatch_uid="hashserve.django.settings")
