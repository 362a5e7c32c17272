"""``{% load hashserve %}``: tags for what ``{% static %}`` does not say of static files.

Invariant: a tag that cannot know says nothing: with DEBUG, or with a storage that is not ours, pages
have plain URLs and no integrity, and work.
"""

# Django has no types.
# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import time
from typing import Any

from django import template
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.base import FilterExpression, Parser, Token
from django.utils.safestring import SafeString

from hashserve.django import html_elements
from hashserve.django.settings import load

__all__ = ["cache_bust", "import_map", "preload", "register", "static_integrity"]

register = template.Library()


@register.simple_tag
def static_integrity(name: str) -> str:
    """Give the value of the ``integrity`` attribute of a static file: ``sha256-`` and its digest.

    ::

        <script src="{% static "js/app.js" %}" integrity="{% static_integrity "js/app.js" %}"></script>

    Empty, which browsers take for no integrity, where the name is unknown and with DEBUG, since a
    file that changes under its URL would be refused. If STATIC_URL is of another origin, the
    element needs ``crossorigin`` too, or the browser refuses the file.
    """
    return html_elements.integrity(name)


@register.simple_tag
def import_map(*starts: str, **attributes: Any) -> SafeString:
    """Write the page's import map; it has to stand before the first module.

    ::

        {% import_map nonce=request.csp_nonce %}
        <script type="module">import "js/app.js"; import { html } from "lit";</script>

    Scripts can be imported by their logical paths, by their unhashed URLs (so relative imports in
    scripts work that the build has not rewritten) and by the specifiers of the setting
    ``IMPORT_MAP_BARE``. ``{% import_map "shop/" "vendor/" %}`` maps only scripts whose logical paths
    start so, beside those of the setting.
    """
    return html_elements.import_map(load().import_map_bare or {}, starts, attributes)


@register.simple_tag
def preload(name: str, **attributes: Any) -> SafeString:
    """Write a link that has the browser fetch a static file before it finds that it needs it.

    ::

        {% preload "css/app.css" %} {% preload "fonts/inter.woff2" %} {% preload "js/app.js" module=True %}

    ``as`` and ``type`` follow from the name; ``as=`` overrides the one. ``module=True`` makes it a
    ``modulepreload``, which ``.mjs`` is anyway. Other keywords (``media``, ``fetchpriority``,
    ``nonce``) become attributes. From another origin, integrity is only written along with
    ``crossorigin="anonymous"``, which the element that uses the file must then have too.
    """
    return html_elements.preload_link(name, attributes)


class _CacheBust(template.Node):
    """Gives a token each time that it is rendered."""

    def __init__(self, kind: FilterExpression | None, target: str | None) -> None:
        self._kind = kind
        self._target = target

    def render(self, context: template.Context) -> str:
        """Give the token, or put it into the context where the tag says ``as``."""
        kind = "time" if self._kind is None else self._kind.resolve(context)
        if kind not in ("release", "time"):
            raise template.TemplateSyntaxError(f'cache_bust takes "release" or "time", not {kind!r}')
        token = _token(kind)
        if self._target is None:
            return token
        context[self._target] = token
        return ""


@register.tag
def cache_bust(parser: Parser, token: Token) -> template.Node:
    """Give a token that makes a URL new: for URLs that are not static files.

    ::

        <img src="/captcha/?cache_bust={% cache_bust %}">
        <link rel="manifest" href="/app.webmanifest?r={% cache_bust release %}">

    By default the time in seconds, so that the URL is new in every second; with ``release`` the id
    of the release, so that it is new with every deploy that changes a static file, and cached
    until then. Where there is no release (with DEBUG, or another storage), that is the time too.
    """
    _, *words = token.split_contents()
    target = None
    if len(words) >= 2 and words[-2] == "as":
        target = words[-1]
        words = words[:-2]
    if len(words) > 1:
        raise template.TemplateSyntaxError(
            'cache_bust takes "release", "time" or nothing, and "as" a variable'
        )
    # Words that are not quoted stand for themselves, not for variables.
    quoted = [f'"{word}"' if word in ("release", "time") else word for word in words]
    kind = parser.compile_filter(quoted[0]) if quoted else None
    return _CacheBust(kind, target)


def _token(kind: str) -> str:
    release = getattr(staticfiles_storage, "release", "") if kind == "release" else ""
    return str(release or int(time.time()))
