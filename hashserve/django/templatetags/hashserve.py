"""``{% load hashserve %}``: template tags for integrity, import maps, preloads and cache busting.

Invariant: pages work with DEBUG and with any storage. They then have plain URLs and no integrity.
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
    """Return the value of the ``integrity`` attribute of a static file.

    ::

        <script src="{% static "js/app.js" %}" integrity="{% static_integrity "js/app.js" %}"></script>

    It is empty, which browsers ignore, with DEBUG and for an unknown name: a browser would refuse a
    file that changed under its URL. If STATIC_URL has another origin, the element needs ``crossorigin``
    too, or the browser refuses the file.
    """
    return html_elements.integrity(name)


@register.simple_tag(takes_context=True)
def import_map(context: template.Context, *names: str, **attributes: Any) -> SafeString:
    """Write the page's import map. It must come before the first module.

    ::

        {% import_map "js/app.js" %}
        <script type="module">import "js/app.js"; import { html } from "lit";</script>

    A script can be imported by its logical path, by its unhashed URL (so relative imports work that the
    build did not rewrite), and by its specifier in ``HASHSERVE["IMPORT_MAP_BARE"]``.

    The names are the scripts and specifiers that the page imports: the map has these and all that they
    import. Without names, they are those of ``HASHSERVE["IMPORT_MAP_ENTRIES"]``; if that is empty too, the
    map has every module. ``{% import_map "shop/" "vendor/" %}`` maps the scripts whose logical paths start
    with one of these.

    The element has the ``nonce`` of the page's Content-Security-Policy, as Django 6.0 or django-csp makes
    it; ``nonce=`` overrides that.
    """
    settings = load().own
    attributes.setdefault("nonce", _nonce_of(context))
    return html_elements.import_map(
        settings.import_map_bare or {}, names or tuple(settings.import_map_entries), attributes
    )


def _nonce_of(context: template.Context) -> str | None:
    """Return the nonce of Django's context processor ``csp``, or of django-csp; None if there is none."""
    nonce = context.get("csp_nonce")
    if nonce is None:
        nonce = getattr(context.get("request"), "csp_nonce", None)
    return None if nonce is None else str(nonce)


@register.simple_tag
def preload(name: str, **attributes: Any) -> SafeString:
    """Write a link that lets the browser fetch a static file early.

    ::

        {% preload "css/app.css" %} {% preload "fonts/inter.woff2" %} {% preload "js/app.js" module=True %}

    ``as`` and ``type`` follow from the name; ``as=`` overrides ``as``. ``module=True`` makes it a
    ``modulepreload``; a ``.mjs`` file always is. Other keywords (``media``, ``fetchpriority``, ``nonce``)
    become attributes. If STATIC_URL has another origin, integrity needs ``crossorigin="anonymous"``, here
    and in the element that uses the file.
    """
    return html_elements.preload_link(name, attributes)


class _CacheBust(template.Node):
    """Renders a new token each time."""

    def __init__(self, kind: FilterExpression | None, target: str | None) -> None:
        self._kind = kind
        self._target = target

    def render(self, context: template.Context) -> str:
        """Return the token, or put it into the context if the tag has ``as``."""
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
    """Return a token that makes a URL new; for URLs that are not of static files.

    ::

        <img src="/captcha/?cache_bust={% cache_bust %}">
        <link rel="manifest" href="/app.webmanifest?r={% cache_bust release %}">

    By default it is the time in seconds, so the URL is new each second. With ``release`` it is the id of
    the release, so the URL is new after each deploy that changes a static file. Without a release (with
    DEBUG or another storage) it is the time.
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
    # An unquoted release or time is the word, not a variable.
    quoted = [f'"{word}"' if word in ("release", "time") else word for word in words]
    kind = parser.compile_filter(quoted[0]) if quoted else None
    return _CacheBust(kind, target)


def _token(kind: str) -> str:
    release = getattr(staticfiles_storage, "release", "") if kind == "release" else ""
    return str(release or int(time.time()))
