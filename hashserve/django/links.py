"""The elements that pages have for static files: preload links and the import map, as HTML.

Invariant: whatever is in a name, a setting or a nonce, the HTML around it stays what it is; and a URL and
the integrity beside it are of one release.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin
from weakref import WeakKeyDictionary

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.utils.encoding import iri_to_uri
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from hashserve.django.page_release import one_release
from hashserve.errors import SettingError
from hashserve.http.media_types import MediaTypes
from hashserve.paths import url_of

__all__ = ["DESTINATIONS", "import_map", "integrity", "logical_paths", "preload_link"]

DESTINATIONS = ("fetch", "font", "image", "script", "style", "track")
"""What a preload may be for (HTML standard: "translate a preload destination")."""

_SCRIPTS = (".js", ".mjs", ".cjs")
_BY_EXTENSION = {".css": "style", ".vtt": "track", **dict.fromkeys(_SCRIPTS, "script")}
_BY_KIND = {"font": "font", "image": "image"}
_OF_ANOTHER_ORIGIN = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_MOST_TEXTS = 32
_UNKNOWN = "application/octet-stream"
"""A browser would leave a preload alone that promises this."""

_types = MediaTypes()

# As django.utils.html.json_script has them: no end tag, comment or entity in a script element.
_IN_SCRIPT = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


def integrity(name: str) -> str:
    """Give the ``integrity`` of a static file from the storage's manifest; empty where there is none.

    There is none with DEBUG, or for a storage that does not tell: a file that is not fingerprinted
    may change under its URL, and a browser refuses one that does not fit. An unknown name has none
    either; that ``{% static %}`` fails for it is enough.
    """
    known = getattr(staticfiles_storage, "integrity", None)
    if known is None or settings.DEBUG:
        return ""
    try:
        return str(known(name))
    except ValueError:
        return ""


def logical_paths() -> Iterable[str]:
    """List the logical paths of all static files: of the release, or where there is none, of the finders."""
    known = getattr(staticfiles_storage, "logical_paths", None)
    listed = tuple(known()) if known is not None and not settings.DEBUG else ()
    return listed or _found()


def _found() -> Iterable[str]:
    for finder in get_finders():
        for path, storage in finder.list([]):
            folder = getattr(storage, "prefix", None)
            path = path.replace(os.sep, "/")
            yield f"{folder}/{path}" if folder else path


# Preload


def preload_link(name: str, attributes: Mapping[str, Any]) -> SafeString:
    """Write the ``link`` element that has a browser fetch a static file early.

    ``attributes`` may hold ``as`` (one of `DESTINATIONS`), ``module``, ``crossorigin``, and others,
    which are written as they are.
    """
    given = dict(attributes)
    destination = given.pop("as", None) or _destination_of(name)
    if destination not in DESTINATIONS:
        raise SettingError("as", destination, f"must be one of {', '.join(DESTINATIONS)}")
    is_module = given.pop("module", name.endswith(".mjs") and destination == "script")
    with one_release():
        url, digest = _url(name), integrity(name)
    crossorigin = _crossorigin(given.pop("crossorigin", None), destination)
    pairs = {
        "rel": "modulepreload" if is_module else "preload",
        "as": destination,
        "href": url,
        "type": None if is_module or _media_type(name) == _UNKNOWN else _media_type(name),
        "crossorigin": crossorigin,
        "integrity": digest if _takes_integrity(destination, url, crossorigin or is_module) else None,
        **given,
    }
    return format_html("<link{}>", _attributes(pairs))


def _url(name: str) -> str:
    """Give a static file's URL percent-encoded: Django's storages with hashed names do not."""
    return str(iri_to_uri(staticfiles_storage.url(name)))


def _destination_of(name: str) -> str:
    by_extension = _BY_EXTENSION.get(os.path.splitext(name)[1].lower())
    return by_extension or _BY_KIND.get(_media_type(name).partition("/")[0], "fetch")


def _media_type(name: str) -> str:
    return _types.content_type(name).partition(";")[0]


def _crossorigin(given: object, destination: str) -> object:
    """Give the attribute's value: fonts and what scripts fetch are always asked for with CORS."""
    if given is None:
        return "anonymous" if destination in ("font", "fetch") else None
    return "anonymous" if given is True else given


def _takes_integrity(destination: str, url: str, has_cors: object) -> bool:
    """Whether a browser minds it (for others Chromium warns), and can: elsewhere, with CORS alone."""
    return destination in ("script", "style") and bool(has_cors or not _OF_ANOTHER_ORIGIN.match(url))


def _attributes(pairs: Mapping[str, object]) -> SafeString:
    """Write attributes; those that are None, False or empty are left out, and True has no value."""
    written = ((name, value) for name, value in pairs.items() if value not in (None, False, ""))
    return format_html_join(
        "", " {}{}", ((name, "" if value is True else format_html('="{}"', value)) for name, value in written)
    )


# The import map


def import_map(
    bare: Mapping[str, str], starts: tuple[str, ...], attributes: Mapping[str, object]
) -> SafeString:
    """Write the ``script`` element that maps names that stay to the URLs of this release.

    It maps the unhashed URL and the logical path of every script whose logical path starts with one
    of ``starts`` (of all of them, if there are none), and each ``bare`` specifier to the script
    that it stands for; ``attributes`` are added to the element.
    """
    with one_release():
        text = _remembered(bare, starts)
    return format_html("<script{}>{}</script>", _attributes({"type": "importmap", **attributes}), text)


_Key = tuple[object, ...]
_texts: WeakKeyDictionary[object, dict[_Key, SafeString]] = WeakKeyDictionary()
"""Import maps that were written before, by storage: one of 500 scripts takes 10 ms or more."""


def _remembered(bare: Mapping[str, str], starts: tuple[str, ...]) -> SafeString:
    """Write the map's JSON; once for each release, if there are any."""
    release = "" if settings.DEBUG else getattr(staticfiles_storage, "release", "")
    if not release:
        return _text(bare, starts)
    # Replaced when it fills up: old releases, and starts that a page makes up.
    texts = _texts.setdefault(staticfiles_storage._wrapped, {})
    key: _Key = (release, staticfiles_storage.base_url, starts, *sorted(bare.items()))
    if key not in texts:
        if len(texts) >= _MOST_TEXTS:
            texts.clear()
        texts[key] = _text(bare, starts)
    return texts[key]


def _text(bare: Mapping[str, str], starts: tuple[str, ...]) -> SafeString:
    document = json.dumps(_import_map(bare, starts), ensure_ascii=False)
    return mark_safe(document.translate(_IN_SCRIPT))  # noqa: S308  # escaped for a script element


def _import_map(bare: Mapping[str, str], starts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    base = staticfiles_storage.base_url or ""
    imports: dict[str, str] = {}
    digests: dict[str, str] = {}
    for name in sorted({*bare.values(), *_scripts(starts)}):
        try:
            url = _url(name)
        except ValueError:
            if name in bare.values():
                raise
            continue  # a finder has it, and the storage has not collected it
        imports[name] = imports[urljoin(base, url_of(name))] = url
        digests[url] = integrity(name)
    imports.update((specifier, imports[name]) for specifier, name in bare.items())
    document = {"imports": dict(sorted(imports.items()))}
    known = {url: digest for url, digest in digests.items() if digest}
    return {**document, "integrity": known} if known else document


def _scripts(starts: tuple[str, ...]) -> Iterable[str]:
    return (name for name in logical_paths() if name.endswith(_SCRIPTS) and name.startswith(starts or ""))
