"""A mix of twenty files like those of a page, with the types and sizes of HttpArena's static profile.

They have 842 kB, of which 99 kB are fonts and pictures. Invariant: all text is cut from real packages and no
part is used twice, so it compresses as real text does. Fonts and pictures are random bytes, because real ones
do not compress either.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.corpus import FILM_SIZE, Content, compressed, fingerprinted, put, write_manifest
from tests.support.npm_trees import tree

__all__ = ["ONE", "Mix", "build_mix"]

ONE = "js/helpers.js"
"""The script of 60 kB that the loads with one file request."""

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
    """The tree of the twenty files: ``sent`` has the body that a client with brotli receives, by path.

    ``one`` is the path that the loads with one file request; ``size`` is that of all files, uncoded. The
    film of 5 MB is in the tree too, but not in the mix.
    """

    root: Path
    sent: dict[str, bytes]
    one: str
    size: int
    film: str
    film_bytes: bytes


def build_mix(root: Path) -> Mix:
    """Make the tree. Raises `tests.support.npm_trees.TreeUnavailableError`."""
    mix = dict(_contents())
    film = Content(identity=random.Random(5).randbytes(FILM_SIZE), variants={})
    contents = {**mix, "media/film.mp4": film}
    names = {logical: fingerprinted(logical, content) for logical, content in contents.items()}
    for logical, content in contents.items():
        put(root, names[logical], content)
    write_manifest(root, names, [content.record(names[logical]) for logical, content in contents.items()])
    return Mix(
        root=root,
        sent={names[path]: content.variants.get("br", content.identity) for path, content in mix.items()},
        one=names[ONE],
        size=sum(len(content.identity) for content in mix.values()),
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
    """Return the files from which the text of a folder is cut."""
    if folder == "html":
        django = find_spec("django")
        if django is None or django.origin is None:
            raise ModuleNotFoundError("the mix needs Django's templates: install hashserve[bench]")
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
