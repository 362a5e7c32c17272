"""Twenty files like those of a page: kinds, number and sizes are those of HttpArena's static profile.

They are 842 kB in all; 99 kB of them are fonts and pictures. Invariant: the text is cut from real packages,
and no part of it is used twice, so that it compresses as real text does. Fonts and pictures are made-up
bytes, because nothing compresses them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.corpus import FILM_SIZE, Content, compressed, fingerprinted, publish, put
from tests.support.npm_trees import tree

__all__ = ["ONE", "Mix", "build_mix"]

ONE = "js/helpers.js"
"""The file of the load of one file: 60 kB of script."""

_TEXTS = {
    "css": {"reset.css": 8, "layout.css": 12, "theme.css": 20, "utilities.css": 40, "components.css": 140},
    "js": {"analytics.js": 12, "router.js": 15, "app.js": 23, "helpers.js": 60, "vendor.js": 200},
    "html": {"header.html": 35, "footer.html": 85},
    "img": {"logo.svg": 15, "sprite.svg": 75},
    "json": {"manifest.json": 3},
}
_BINARIES = {
    "fonts": {"regular.woff2": 18, "bold.woff2": 22},
    "img": {"1.webp": 6, "2.webp": 8, "3.webp": 45},
}
"""Sizes in kB, by folder and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A tree of twenty files: the bytes for a client that accepts brotli, by fingerprinted path.

    ``one`` is the path of the file of the load of one file; ``size`` is of all files, uncoded. The film
    of 5 MB is in the tree too, but not in the mix.
    """

    root: Path
    sent: dict[str, bytes]
    one: str
    size: int
    film: str
    film_bytes: bytes


def build_mix(root: Path) -> Mix:
    """Make the tree. Raises `tests.support.npm_trees.TreeUnavailableError`."""
    mixed = dict(_contents())
    film = Content(identity=random.Random(5).randbytes(FILM_SIZE), variants={})
    contents = {**mixed, "media/film.mp4": film}
    names = {logical: fingerprinted(logical, content) for logical, content in contents.items()}
    for logical, content in contents.items():
        put(root, names[logical], content)
    publish(root, names, [content.record(names[logical]) for logical, content in contents.items()])
    return Mix(
        root=root,
        sent={names[path]: content.variants.get("br", content.identity) for path, content in mixed.items()},
        one=names[ONE],
        size=sum(len(content.identity) for content in mixed.values()),
        film=names["media/film.mp4"],
        film_bytes=film.identity,
    )


def _contents() -> Iterator[tuple[str, Content]]:
    for folder, sizes in _TEXTS.items():
        text = b"\n".join(path.read_bytes() for path in _sources(folder))
        start = 0
        for name, size in sizes.items():
            end = start + size * 1000
            yield f"{folder}/{name}", compressed(text[start:end])
            start = end
    random_bytes = random.Random(20).randbytes
    for folder, sizes in _BINARIES.items():
        for name, size in sizes.items():
            yield f"{folder}/{name}", Content(identity=random_bytes(size * 1000), variants={})


def _sources(folder: str) -> list[Path]:
    """List the files that the text of a folder comes from."""
    if folder == "html":
        django = find_spec("django")
        if django is None or django.origin is None:
            raise ModuleNotFoundError("the mix has Django's templates in it: install hashserve[bench]")
        return sorted(Path(django.origin).parent.rglob("*.html"))
    found = {
        "css": ("bootstrap", "dist/css/bootstrap.css"),
        "js": ("jquery", "dist/jquery.js"),
        "img": ("fontawesome-free", "sprites/regular.svg"),
        "json": ("three", "package.json"),
    }
    package, path = found[folder]
    more = [tree("bootstrap") / "dist/js/bootstrap.bundle.js"] if folder == "js" else []
    return [tree(package) / path, *more]
