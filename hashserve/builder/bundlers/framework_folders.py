"""Folders whose files a framework itself serves as immutable.

Invariant: a folder is here only if its framework reserves its name, writes a token into each name in it,
and sends its files as immutable from its own server. A file there without a token is not taken.
"""

from __future__ import annotations

import re

__all__ = ["is_in_framework_folder"]

# Next.js, SvelteKit, Nuxt and Astro. What Next.js has in folders of a build id, and Nuxt in "builds", is not
# named by its content.
_FOLDER = re.compile(
    r"(?:.*/)?(?:_next/static/(?:chunks|css|media)|_app/immutable|_nuxt(?!/builds)|_astro)/(?:.*/)?",
    re.DOTALL,
)

# The last part of a name, or all of it: "start.Deipxzk4.js", "B-nZ5Vxz.js", "0cz1d0mv5g_q7.js".
_NAME = re.compile(
    r"(?:(?:[^/]*[.-])?(?P<token>[A-Za-z0-9_-]{8})|(?:[^/]*[.-])?(?P<long>[a-z0-9_-]{13,20}))"
    r"(?:-s)?(?:\.p)?"  # what Next.js adds to fonts
    r"\.(?:js|mjs|css|woff2?|ttf|otf|eot|png|jpe?g|gif|webp|avif|svg|ico|wasm|mp3|mp4|webm|pdf)"
)
_MARK = re.compile(r"[0-9]|[a-z].*[A-Z]|[A-Z].*[a-z]|[_-]")
_LONGEST_NAME = 255


def is_in_framework_folder(path: str) -> bool:
    """Whether a framework named the file at a path, and serves it as immutable."""
    start = path.rfind("/") + 1
    if _FOLDER.fullmatch(path[:start]) is None or len(path) - start > _LONGEST_NAME:
        return False
    match = _NAME.fullmatch(path, start)
    return match is not None and _MARK.search(match["token"] or match["long"]) is not None
