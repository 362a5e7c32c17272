"""Folders whose files a framework itself serves as immutable.

Invariant: a folder is here only if its framework reserves its name, writes a token into each name in it,
and sends its files as immutable from its own server. A file there without a token is not taken.
"""

from __future__ import annotations

import re

__all__ = ["is_in_framework_folder"]

# What Next.js has in folders of a build id, and Nuxt in "builds", is not named by its content.
_NEXT = re.compile(r"(?:.*/)?_next/static/(?:chunks|css|media)/(?:.*/)?", re.DOTALL)
_OF_VITE = re.compile(r"(?:.*/)?(?:_app/immutable|_nuxt(?!/builds)|_astro)/(?:.*/)?", re.DOTALL)
"""SvelteKit, Nuxt and Astro."""

_EXTENSION = r"\.(?:js|mjs|css|woff2?|ttf|otf|eot|png|jpe?g|gif|webp|avif|svg|ico|wasm|mp3|mp4|webm|pdf)"

# The token is the last part of a name, or all of it: "start.Deipxzk4.js", "B-nZ5Vxz.js", "0cz1d0mv5g_q7.js".
_NAME_OF_VITE = re.compile(rf"(?:[^/]*[.-])?(?P<token>[A-Za-z0-9_-]{{8}}){_EXTENSION}")
_NAME_OF_NEXT = re.compile(
    r"(?:[^/]*[.-])?(?P<token>[A-Za-z0-9_-]{8}|[a-z0-9_-]{13,20})"
    rf"(?:-s)?(?:\.p)?{_EXTENSION}"  # with what Next.js adds to fonts
)

# Projects can configure names such as "error-component.js". Few tokens have neither a digit nor both cases.
_MARK = re.compile(r"[0-9]|[a-z].*[A-Z]|[A-Z].*[a-z]")
_LONGEST_NAME = 255


def is_in_framework_folder(path: str) -> bool:
    """Whether a framework named the file at a path, and serves it as immutable."""
    start = path.rfind("/") + 1
    if len(path) - start > _LONGEST_NAME:
        return False
    folder = path[:start]
    if _NEXT.fullmatch(folder):
        match = _NAME_OF_NEXT.fullmatch(path, start)
    elif _OF_VITE.fullmatch(folder):
        match = _NAME_OF_VITE.fullmatch(path, start)
    else:
        return False
    return match is not None and _MARK.search(match["token"]) is not None
