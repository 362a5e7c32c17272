"""HTML elements for static files: preload links and the import map.

Invariant: a name, a setting or a nonce cannot change the HTML around it. A URL and the integrity next to
it are of the same release.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urljoin
from weakref import WeakKeyDictionary

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.utils.encoding import iri_to_uri
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from hashserve.django.finders import list_paths
from hashserve.django.page_release import one_release
from hashserve.errors import SettingError
from hashserve.http.media_types import MediaTypes
from hashserve.module_graph import SCRIPT_EXTENSIONS, ModuleGraph, reached_modules
from hashserve.url_paths import url_of

__all__ = ["DESTINATIONS", "import_map", "integrity", "preload_link"]

DESTINATIONS = ("fetch", "font", "image", "script", "style", "track")
"""The values of ``as`` (HTML standard: "translate a preload destination")."""

_DESTINATION_BY_EXTENSION = {".css": "style", ".vtt": "track", **dict.fromkeys(SCRIPT_EXTENSIONS, "script")}
_DESTINATION_BY_TOP_LEVEL_TYPE = {"font": "font", "image": "image"}
_OTHER_ORIGIN = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_UNKNOWN_MEDIA_TYPE = "application/octet-stream"
_MAX_KEPT_MAPS = 32

# As in django.utils.html.json_script: no end tag, comment or entity in a script element.
_SCRIPT_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}

_media_types = MediaTypes()


def integrity(name: str) -> str:
    """Return the ``integrity`` of a static file from the storage's manifest; empty if there is none.

    There is none with DEBUG or with a storage that has no digests: a file without a fingerprint may
    change under its URL, and a browser would refuse it. An unknown name has none either, because
    ``{% static %}`` reports it already.
    """
    integrity_of = getattr(staticfiles_storage, "integrity", None)
    if integrity_of is None or settings.DEBUG:
        return ""
    try:
        return str(integrity_of(name))
    except ValueError:
        return ""


def _url(name: str) -> str:
    """Return a static file's URL, percent-encoded: Django's hashing storages do not encode it."""
    return str(iri_to_uri(staticfiles_storage.url(name)))


def _attributes(values: Mapping[str, object]) -> SafeString:
    """Write attributes. None, False and "" leave one out; True writes it without a value."""
    written = ((name, value) for name, value in values.items() if value not in (None, False, ""))
    return format_html_join(
        "", " {}{}", ((name, "" if value is True else format_html('="{}"', value)) for name, value in written)
    )


# The preload link


def preload_link(name: str, attributes: Mapping[str, Any]) -> SafeString:
    """Write the ``link`` element that preloads a static file.

    ``attributes`` may hold ``as`` (one of `DESTINATIONS`), ``module`` and ``crossorigin``. Others are
    written as they are.
    """
    others = dict(attributes)
    destination = others.pop("as", None) or _destination_of(name)
    if destination not in DESTINATIONS:
        raise SettingError("as", destination, f"must be one of {', '.join(DESTINATIONS)}")
    is_module = others.pop("module", name.endswith(".mjs") and destination == "script")
    crossorigin = _crossorigin(others.pop("crossorigin", None), destination)
    media_type = _media_type(name)
    with one_release():
        url, digest = _url(name), integrity(name)
    values = {
        "rel": "modulepreload" if is_module else "preload",
        "as": destination,
        "href": url,
        # A browser ignores a preload of a type that it does not know.
        "type": None if is_module or media_type == _UNKNOWN_MEDIA_TYPE else media_type,
        "crossorigin": crossorigin,
        "integrity": digest if _takes_integrity(destination, url, crossorigin or is_module) else None,
        **others,
    }
    return format_html("<link{}>", _attributes(values))


def _destination_of(name: str) -> str:
    extension = os.path.splitext(name)[1].lower()
    top_level_type = _media_type(name).partition("/")[0]
    return _DESTINATION_BY_EXTENSION.get(extension) or _DESTINATION_BY_TOP_LEVEL_TYPE.get(
        top_level_type, "fetch"
    )


def _media_type(name: str) -> str:
    return _media_types.content_type(name).partition(";")[0]


def _crossorigin(value: object, destination: str) -> object:
    """Return the attribute's value: a browser always requests fonts, and what scripts fetch, with CORS."""
    if value is None:
        return "anonymous" if destination in ("font", "fetch") else None
    return "anonymous" if value is True else value


def _takes_integrity(destination: str, url: str, has_cors: object) -> bool:
    """Whether a browser checks the integrity: of scripts and styles, and from other origins with CORS.

    Chromium warns about other destinations.
    """
    return destination in ("script", "style") and bool(has_cors or not _OTHER_ORIGIN.match(url))


# The import map


def import_map(
    bare: Mapping[str, str], names: tuple[str, ...], attributes: Mapping[str, object]
) -> SafeString:
    """Write the ``script`` element with the import map of this release.

    It maps the unhashed URL and the logical path of each module to its URL, and each ``bare``
    specifier to the URL of its script. ``names`` limit it: the paths of scripts, and ``bare`` specifiers,
    to what these import; others to the scripts whose logical path starts with one of them.
    ``attributes`` are added to the element.
    """
    with one_release():
        text = _kept_map(bare, names)
    return format_html("<script{}>{}</script>", _attributes({"type": "importmap", **attributes}), text)


_MapKey = tuple[object, ...]
_kept_maps: WeakKeyDictionary[object, dict[_MapKey, SafeString]] = WeakKeyDictionary()
"""The text of import maps by storage and key: to write a map of 500 scripts takes 10 ms or more."""


def _kept_map(bare: Mapping[str, str], names: tuple[str, ...]) -> SafeString:
    """Return the map's JSON, which is written once for each release."""
    release = "" if settings.DEBUG else getattr(staticfiles_storage, "release", "")
    if not release:
        return _written_map(bare, names)
    maps = _kept_maps.setdefault(staticfiles_storage._wrapped, {})
    key: _MapKey = (release, staticfiles_storage.base_url, names, *sorted(bare.items()))
    if key not in maps:
        if len(maps) >= _MAX_KEPT_MAPS:  # old releases have some, and each page may pass other names
            maps.clear()
        maps[key] = _written_map(bare, names)
    return maps[key]


def _written_map(bare: Mapping[str, str], names: tuple[str, ...]) -> SafeString:
    document = json.dumps(_map(bare, names), ensure_ascii=False)
    return mark_safe(document.translate(_SCRIPT_ESCAPES))  # noqa: S308  # escaped for a script element


def _map(bare: Mapping[str, str], names: tuple[str, ...]) -> dict[str, dict[str, str]]:
    base = staticfiles_storage.base_url or ""
    entries = {bare.get(name, name) for name in names if name in bare or name.endswith(SCRIPT_EXTENSIONS)}
    selected = _selected(bare, names, entries)
    if entries:
        bare = {specifier: name for specifier, name in bare.items() if name in selected}
    required = {*bare.values(), *entries}
    imports: dict[str, str] = {}
    digests: dict[str, str] = {}
    for name in sorted({*required, *selected}):
        try:
            url = _url(name)
        except ValueError:
            if name in required:
                raise
            continue  # a finder lists it, but it is not collected; or it is a bare specifier of another map
        imports[name] = imports[urljoin(base, url_of(name))] = url
        digests[url] = integrity(name)
    imports.update((specifier, imports[name]) for specifier, name in bare.items())
    document = {"imports": dict(sorted(imports.items()))}
    known = {url: digest for url, digest in digests.items() if digest}
    return {**document, "integrity": known} if known else document


def _selected(bare: Mapping[str, str], names: tuple[str, ...], entries: Collection[str]) -> set[str]:
    """Return the scripts that the names of a tag select; without names, all modules.

    Where the modules are not known, every script may be one, and import every other.
    """
    modules = _modules()
    if modules is None or not names:
        chosen = set(_scripts() if modules is None else modules)
    else:
        chosen = reached_modules(modules, entries, bare)
        chosen &= {*modules, *entries}
    starts = tuple(name for name in names if bare.get(name, name) not in entries)
    if not starts:
        return chosen
    started = {name for name in _scripts() if name.startswith(starts)}
    return started | chosen if entries else started


def _modules() -> ModuleGraph | None:
    """Return the modules of the release; None if its manifest does not tell them from other scripts."""
    if not settings.DEBUG:
        modules_of_release = getattr(staticfiles_storage, "modules", None)
        return None if modules_of_release is None else modules_of_release()
    try:
        from hashserve.django.development_modules import development_modules
    except ImportError:  # what a build needs is not installed
        return None
    return development_modules()


def _scripts() -> Iterable[str]:
    return (name for name in _logical_paths() if name.endswith(SCRIPT_EXTENSIONS))


def _logical_paths() -> Collection[str]:
    """Return the logical paths of the release; without a release, those that the finders list."""
    paths_of_release = getattr(staticfiles_storage, "logical_paths", None)
    paths = tuple(paths_of_release()) if paths_of_release is not None and not settings.DEBUG else ()
    return paths or tuple(list_paths())
