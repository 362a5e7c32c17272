"""The corpus: the files of Django's admin, which need no network, and trees made of them.

Invariant: the contents are files that people wrote for browsers; only names and one large file, in the place
of a film, are generated. The manifest of a tree is correct.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import md5
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path

import brotli

from hashserve.builder.compression.compressors import compress_delta
from hashserve.digests import digest_of
from hashserve.http.dictionaries import field_value
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import (
    AssetRecord,
    DeltaRecord,
    Manifest,
    format_delta_row,
    format_row,
    release_id,
)

__all__ = [
    "FILM_SIZE",
    "FINGERPRINT",
    "SETTLING",
    "Content",
    "Site",
    "admin_files",
    "build_many",
    "build_site",
    "bundle",
    "compressed",
    "fingerprinted",
    "put",
    "write_django_manifest",
    "write_manifest",
]

FINGERPRINT = r"\.[0-9a-f]{12}\."
"""The expression that tells WhiteNoise which names are fingerprinted."""

SETTLING = 2.1
"""The age, in seconds, from which hashserve trusts the modification time of a live file."""

FILM_SIZE = 5 * 1024 * 1024
_LARGEST = 40_000
_CODINGS = ("br", "gzip")
_SUFFIXES = {"br": ".br", "gzip": ".gz"}
_BUNDLED = ("js/vendor/select2/select2.full.min.js", "js/SelectFilter2.js", "js/inlines.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The bytes of a file and of its variants, by coding."""

    identity: bytes
    variants: dict[str, bytes]

    @property
    def token(self) -> str:
        """The fingerprint, as Django computes it."""
        return md5(self.identity, usedforsecurity=False).hexdigest()[:12]

    def record(self, path: str) -> AssetRecord:
        """Return the record of the content for a manifest."""
        sizes = {coding: len(body) for coding, body in self.variants.items()}
        sha256 = digest_of([self.identity])
        return AssetRecord(path=path, size=len(self.identity), sha256=sha256, variants=sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A tree to serve: paths below the root, and sizes in bytes of ``hashed`` by coding.

    ``dictionary`` is the field of a client that has the ``hashed`` file of the release before.
    """

    root: str
    hashed: str
    unhashed: str
    film: str
    sizes: dict[str, int]
    dictionary: str = ""


@cache
def admin_files() -> dict[str, bytes]:
    """Read the static files of the installed Django's admin, by path, in order."""
    found = find_spec("django.contrib.admin")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the corpus needs Django's admin: install hashserve[bench]")
    top = Path(found.origin).parent / "static" / "admin"
    files = sorted(path for path in top.rglob("*") if path.is_file())
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in files}


def bundle() -> bytes:
    """Join scripts of the admin as a bundler does: about 110 kB, 23 kB with brotli."""
    return b";\n".join(admin_files()[path] for path in _BUNDLED)


def compressed(identity: bytes) -> Content:
    """Compress as a build does: brotli 11, gzip 9."""
    variants = {"br": brotli.compress(identity, quality=11), "gzip": gzip.compress(identity, 9, mtime=0)}
    return Content(identity=identity, variants=variants)


@cache
def compressible() -> dict[str, Content]:
    """Return the admin's files up to 40 kB whose variants are smaller."""
    small = {path: body for path, body in admin_files().items() if 0 < len(body) <= _LARGEST}
    contents = {path: compressed(body) for path, body in small.items()}
    return {
        path: content
        for path, content in contents.items()
        if all(len(body) < len(content.identity) for body in content.variants.values())
    }


def build_site(root: Path) -> Site:
    """Make a site: the admin's files, fingerprinted and not, a bundle, and a film of 5 MB.

    Waits until hashserve trusts the files' modification times.
    """
    main = compressed(bundle())
    film = Content(identity=random.Random(5).randbytes(FILM_SIZE), variants={})
    contents = {**compressible(), "js/bundle.js": main, "media/film.mp4": film}
    names = {logical: fingerprinted(logical, content) for logical, content in contents.items()}
    for logical, content in contents.items():
        put(root, logical, content)
        put(root, names[logical], content)
    records = [content.record(names[logical]) for logical, content in contents.items()]
    delta, before = put_delta(root, names["js/bundle.js"], main)
    write_manifest(root, names, [*records, before], [delta])
    time.sleep(SETTLING)
    sizes = {"identity": len(main.identity), **{name: len(body) for name, body in main.variants.items()}}
    sizes["dcz"] = delta.size
    return Site(
        root=str(root),
        hashed=names["js/bundle.js"],
        unhashed="js/bundle.js",
        film=names["media/film.mp4"],
        sizes=sizes,
        dictionary=field_value(delta.dictionary_sha256),
    )


def put_delta(root: Path, path: str, content: Content) -> tuple[DeltaRecord, AssetRecord]:
    """Write the bundle of the release before, and the delta of the new one against it."""
    old = Content(identity=content.identity + b"// the release before\n", variants={})
    before = old.record(fingerprinted("js/bundle.js", old))
    put(root, before.path, old)
    body = compress_delta(content.identity, old.identity)
    delta = DeltaRecord(path, old.token, before.path, before.sha256 or "", len(body))
    (root / delta.path).write_bytes(body)
    return delta, before


def build_many(root: Path, number: int) -> str:
    """Make ``number`` fingerprinted files with two variants each, and return the path of the last one.

    The contents repeat in folders with other names. Equal files are hard links, which saves disk space and
    changes no number of names, system calls or manifest entries.
    """
    names, records = {}, []
    originals: dict[str, Path] = {}
    for folder, (original, content) in islice(_many(), number):
        logical = f"{folder}/{original}"
        path = names[logical] = fingerprinted(logical, content)
        records.append(content.record(path))
        first = originals.setdefault(original, root / path)
        if first == root / path:
            put(root, path, content)
        else:
            _link(first, root / path)
    write_manifest(root, names, records)
    return path


def _many() -> Iterator[tuple[str, tuple[str, Content]]]:
    for number in count():
        for item in compressible().items():
            yield f"app-{number:04}/static", item


def _link(first: Path, other: Path) -> None:
    other.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", *_SUFFIXES.values()):
        _link_or_copy(f"{first}{suffix}", f"{other}{suffix}")


def _link_or_copy(first: str, other: str) -> None:
    try:
        os.link(first, other)
    except OSError:  # the file system has no links, or the file has too many
        shutil.copyfile(first, other)


def fingerprinted(logical_path: str, content: Content) -> str:
    """Return the path with the fingerprint of the content, as Django does."""
    stem, extension = os.path.splitext(logical_path)
    return f"{stem}.{content.token}{extension}"


def put(root: Path, path: str, content: Content) -> None:
    """Write a file and its variants."""
    location = root / path
    location.parent.mkdir(parents=True, exist_ok=True)
    location.write_bytes(content.identity)
    for coding, body in content.variants.items():
        Path(f"{location}{_SUFFIXES[coding]}").write_bytes(body)


def write_manifest(
    root: Path, names: dict[str, str], records: list[AssetRecord], deltas: Sequence[DeltaRecord] = ()
) -> None:
    """Write the manifest in the format of ``hashserve build``."""
    manifest = Manifest(
        paths=names,
        files={record.path: format_row(record, _CODINGS) for record in records},
        codings=_CODINGS,
        release=release_id(names),
        created=1_700_000_000,
        prefix="/static/",
        deltas={each.of: [format_delta_row(each.size, each.token, each.dictionary)] for each in deltas},
    )
    manifest.write(root / MANIFEST_NAME)


def write_django_manifest(root: Path, name: str) -> None:
    """Write Django's own format of the manifest next to a tree's manifest."""
    known = Manifest.load(root / MANIFEST_NAME)
    document = {"paths": dict(known.paths), "version": "1.1", "hash": known.release}
    (root / name).write_text(json.dumps(document), encoding="utf-8")
