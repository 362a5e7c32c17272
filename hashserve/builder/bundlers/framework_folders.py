"""Folders whose files a framework itself serves as immutable.

Invariant: a folder is here only if its framework reserves its name, writes a token into each name in it,
and sends its files as immutable from its own server. A file there without a token is not taken: a framework
can be told to write none (``_astro/Checkout.css``), and a word may have as many letters as a token.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

__all__ = ["named_by_frameworks"]

# Next.js, SvelteKit, Nuxt and Astro. What Next.js has in folders of a build id, and Nuxt in "builds", is not
# named by its content.
_FOLDER = re.compile(
    r"((?:.*/)?(?:(?P<next>_next/static)/(?:chunks|css|media)|_app/immutable|_nuxt(?!/builds)|(?P<astro>_astro))/)"
    r"(?:.*/)?",
    re.DOTALL,
)

_EXTENSION = r"\.(?:js|mjs|css|woff2?|ttf|otf|eot|png|jpe?g|gif|webp|avif|svg|ico|wasm|mp3|mp4|webm|pdf)"

# "start.Deipxzk4.js", "worker-BzputcT5.js"; all but Astro also write "B-nZ5Vxz.js".
_NAME = re.compile(rf"(?P<name>[^/]*[.-])?(?P<token>[A-Za-z0-9_-]{{8}}){_EXTENSION}")
_BOTH_CASES = re.compile("(?=.*[a-z])(?=.*[A-Z])")

# "0cz1d0mv5g_q7.js", "logo.1a2b3c4d.png", "a34f9d1faa5f3315-s.p.woff2" (with what is added to fonts).
_NAME_OF_NEXT = re.compile(
    rf"(?:[^/]*[.-])?(?P<token>[a-z0-9_-]{{13,20}}|[A-Za-z0-9]{{8}})(?:-s)?(?:\.p)?{_EXTENSION}"
)
_DIGIT = re.compile(".*[0-9]")
_LONGEST_NAME = 255

# Where the kind of character changes, and where a word starts: seldom in words, often in what is random.
_RUNS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def named_by_frameworks(paths: Iterable[str]) -> Iterator[str]:
    """Yield each path that a framework named by its content, and serves as immutable.

    A token that may be a word counts only if another one in the folder of the framework is random: there is a
    token in every name, or in none.
    """
    found: dict[str, list[str]] = defaultdict(list)
    proven: set[str] = set()
    for path in paths:
        start = path.rfind("/") + 1
        folder = _FOLDER.fullmatch(path[:start])
        if folder is None or len(path) - start > _LONGEST_NAME:
            continue
        is_next = folder["next"] is not None
        match = (_NAME_OF_NEXT if is_next else _NAME).fullmatch(path, start)
        if match is None or (folder["astro"] and not match["name"]):
            continue
        if (_DIGIT if is_next else _BOTH_CASES).match(match["token"]):
            found[folder[1]].append(path)
            if len(_RUNS.findall(match["token"])) > (4 if is_next else 3):
                proven.add(folder[1])
    for top in proven:
        yield from found[top]
