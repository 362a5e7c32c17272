"""The system checks that ``manage.py check`` runs.

Invariant: each message names a setting, its value and what to write instead. Importing this module
registers the checks. The app imports it; the middleware and the storages do too, but ``manage.py check``
does not import these.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags

from hashserve.django.build_settings import build_settings
from hashserve.django.class_names import (
    BUILDING_STORAGE,
    CACHED_STORAGE,
    MIDDLEWARE,
    STORAGE,
    class_named,
    is_a,
    static_storage,
)
from hashserve.django.settings import KEYS, NAME, given, load, problems, static_prefix, twice_given
from hashserve.django.static_location import static_root
from hashserve.errors import SettingError
from hashserve.whitenoise_names import FOR_MIDDLEWARE, FOR_STORAGE, check_overrides

__all__ = ["check_deployment", "check_project", "check_settings"]

SECURITY = "django.middleware.security.SecurityMiddleware"
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"


def check_settings(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Report wrong keys and values in ``HASHSERVE``, and in WhiteNoise's settings that have an effect."""
    messages = [_wrong(problem) for problem in problems()]
    return messages or [*_conflicts(), *_set_twice()]


def check_project(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Report other settings of the project that keep static files from being served, or served well."""
    return [] if problems() else [*_middleware(), *_folders(), *_storage(), *_cached_names(), *_prefix()]


def check_deployment(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Report what is missing in a deployment; tests and migrations do not need it."""
    return [] if problems() else [*_collection()]


# The settings themselves


def _wrong(problem: SettingError) -> CheckMessage:
    places = {f'{NAME}["{key}"]' for key in KEYS}
    is_unknown = problem.name.startswith(f"{NAME}[") and problem.name not in places
    return Error(str(problem), id="hashserve.E002" if is_unknown else "hashserve.E001")


def _conflicts() -> Iterator[CheckMessage]:
    yield from _raised_by(load().headers_hook)
    yield from _raised_by(build_settings)


def _raised_by(read: Callable[[], object]) -> Iterator[CheckMessage]:
    try:
        read()
    except SettingError as error:
        yield Error(str(error), id="hashserve.E003")


def _set_twice() -> Iterator[CheckMessage]:
    for name, other in twice_given():
        yield checks.Warning(
            f'{NAME}["{name}"] and {other} are both set.',
            hint=f"{other} has no effect. Remove it.",
            id="hashserve.W001",
        )


# The project around them


def _middleware() -> Iterator[CheckMessage]:
    names = list(django_settings.MIDDLEWARE)
    above = list(takewhile(lambda name: not is_a(name, MIDDLEWARE), names))
    if above == names:
        yield checks.Warning(
            f'MIDDLEWARE does not contain "{MIDDLEWARE}", so static files are not served.',
            hint=f'Add it directly after "{SECURITY}". If a web server serves the files, add '
            '"hashserve.W002" to SILENCED_SYSTEM_CHECKS.',
            id="hashserve.W002",
        )
    elif above not in ([], [SECURITY]):
        others = ", ".join(name for name in above if name != SECURITY)
        yield checks.Warning(
            f'In MIDDLEWARE, "{names[len(above)]}" is not directly after "{SECURITY}".',
            hint=f"Move these below it, so that static files do not pass through them: {others}.",
            id="hashserve.W003",
        )
    for name in names:
        if is_a(name, MIDDLEWARE):
            yield from _overrides(name, MIDDLEWARE, FOR_MIDDLEWARE)
    if any(is_a(name, WHITENOISE) for name in names):
        yield checks.Warning(
            f'MIDDLEWARE still contains "{WHITENOISE}".',
            hint="Remove it. It lists all of STATIC_ROOT at each start, and serves what hashserve does not.",
            id="hashserve.W004",
        )


def _folders() -> Iterator[CheckMessage]:
    root = load().own.root
    if static_root() is None:
        yield checks.Warning(
            f"STATIC_ROOT={django_settings.STATIC_ROOT!r}: collectstatic has no folder to write to.",
            hint='Set it, for example to BASE_DIR / "staticfiles".',
            id="hashserve.W005",
        )
    if root is not None and not os.path.isdir(root):
        yield checks.Warning(
            f'{NAME}["ROOT"]={root!r}: there is no such folder.',
            hint="Create it, or remove the key.",
            id="hashserve.W007",
        )


def _collection() -> Iterator[CheckMessage]:
    folder = static_root()
    if folder and not (django_settings.DEBUG or load().own.use_finders or os.path.isdir(folder)):
        yield checks.Warning(
            f"STATIC_ROOT={folder!r}: there is no such folder.",
            hint="Run manage.py collectstatic. A running server finds the files without a restart.",
            id="hashserve.W006",
        )


def _storage() -> Iterator[CheckMessage]:
    backend = static_storage()
    if not (django_settings.DEBUG or _is_ours(class_named(backend))):
        yield checks.Warning(
            f'STORAGES["staticfiles"]["BACKEND"]={backend!r}: this storage does not compress files, and '
            "keeps no earlier release.",
            hint=f'Use "{STORAGE}".',
            id="hashserve.W008",
        )
    if is_a(backend, BUILDING_STORAGE):
        yield from _overrides(backend, BUILDING_STORAGE, FOR_STORAGE)


def _overrides(name: str, parent: str, refused: Mapping[str, str]) -> Iterator[CheckMessage]:
    """Report what a subclass overrides without effect; a server would stop at its start."""
    kind, base = class_named(name), class_named(parent)
    if kind is None or base is None:
        return
    try:
        check_overrides(kind, base, refused)
    except TypeError as error:
        yield Error(str(error), id="hashserve.E005")


def _is_ours(storage: type | None) -> bool:
    return storage is not None and any(kind.__module__.startswith("hashserve.") for kind in storage.__mro__)


def _cached_names() -> Iterator[CheckMessage]:
    """Report a cache in which processes miss names, or may find those of another site."""
    if not is_a(static_storage(), CACHED_STORAGE):
        return
    settings = load().own
    if "SITE" not in given():
        yield checks.Warning(
            f'{NAME} has no "SITE": the cache keeps the names of this site under {settings.site!r}.',
            hint="Set it to a name that no other site in this cache uses, such as its domain.",
            id="hashserve.W010",
        )
    backend = django_settings.CACHES.get(settings.cache, {}).get("BACKEND", "")
    if is_a(backend, "django.core.cache.backends.dummy.DummyCache"):
        yield _of_cache(settings.cache, backend, "keeps nothing", Error, "hashserve.E004")
    elif is_a(backend, "django.core.cache.backends.locmem.LocMemCache"):
        problem = "serves one process only"
        yield _of_cache(settings.cache, backend, problem, checks.Warning, "hashserve.W011")


def _of_cache(
    alias: str, backend: str, problem: str, kind: Callable[..., CheckMessage], number: str
) -> CheckMessage:
    return kind(
        f'CACHES[{alias!r}]["BACKEND"]={backend!r}: this cache must keep the names of static files, but it '
        f"{problem}.",
        hint=f'Use a cache that all processes share, or set {NAME}["CACHE"] to the alias of another one.',
        id=number,
    )


def _prefix() -> Iterator[CheckMessage]:
    prefix, expected = load().own.prefix, static_prefix()
    if prefix != expected:
        yield checks.Warning(
            f'{NAME}["PREFIX"]={prefix!r}: templates refer to static files below {expected!r} (STATIC_URL).',
            hint="Remove the key, unless a proxy in front of this server changes the path.",
            id="hashserve.W009",
        )


checks.register(check_settings, Tags.staticfiles, "hashserve")
checks.register(check_project, "hashserve")
checks.register(check_deployment, "hashserve", deploy=True)
