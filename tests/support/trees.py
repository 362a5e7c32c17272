"""Small trees for tests, made without the build, so that its faults do not affect the serve side's tests."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import md5

import brotli

from hashserve.digests import digest_of
from hashserve.manifest.model import AssetRecord, Manifest, format_row, release_id
from tests.support.files import put

TEN = b"0123456789"
POEM = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n".encode()
STYLES = b"body { color: rebeccapurple; margin: 0 auto; }\n" * 200


@dataclass
class BuiltTree:
    """A folder with a manifest; ``names`` maps logical to fingerprinted paths."""

    root: str
    names: dict[str, str] = field(default_factory=dict)
    records: list[AssetRecord] = field(default_factory=list)

    def add(self, logical_path: str, content: bytes, *, variants: bool = False) -> str:
        """Add an asset, also under its unhashed name, and return its fingerprinted path."""
        stem, extension = os.path.splitext(logical_path)
        token = md5(content, usedforsecurity=False).hexdigest()[:12]
        path = f"{stem}.{token}{extension}"
        bodies = (
            {"br": brotli.compress(content), "gzip": gzip.compress(content, 9, mtime=0)} if variants else {}
        )
        for name in (logical_path, path):
            put(self.root, name, content)
            for coding, body in bodies.items():
                put(self.root, name + {"br": ".br", "gzip": ".gz"}[coding], body)
        self.names[logical_path] = path
        sizes = {coding: len(body) for coding, body in bodies.items()}
        self.records.append(
            AssetRecord(path=path, size=len(content), sha256=digest_of([content]), variants=sizes)
        )
        return path

    def manifest(self) -> Manifest:
        """Return the manifest of the assets so far."""
        codings = ("br", "gzip")
        return Manifest(
            paths=dict(self.names),
            files={record.path: format_row(record, codings) for record in self.records},
            codings=codings,
            release=release_id(self.names),
            created=1_700_000_000,
            prefix="/static/",
        )

    def publish(self) -> None:
        """Write the manifest."""
        self.manifest().write(os.path.join(self.root, "staticfiles.json"))


def build_tree(root: str) -> BuiltTree:
    """Make the tree that most tests serve."""
    tree = BuiltTree(root)
    tree.add("ten.txt", TEN)
    tree.add("css/styles.css", STYLES, variants=True)
    tree.add("empty.txt", b"")
    tree.publish()
    return tree


SOURCES = {"ten.txt": TEN, "css/styles.css": STYLES, "empty.txt": b"", "tëxt/é.txt": POEM}
"""The files of every kind of root; only the style sheet has variants."""

_COLLECT = """
import sys
from django.conf import settings
settings.configure(STATIC_URL="/static/", STATIC_ROOT=sys.argv[1])
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
storage = ManifestStaticFilesStorage()
paths = {path: (storage, path) for path in sys.argv[2:]}
for name, hashed, processed in storage.post_process(paths):
    if isinstance(processed, Exception):
        raise processed
"""


@dataclass(frozen=True)
class ServedTree:
    """A root of one kind and the paths in it: ``names`` maps logical to served ones."""

    kind: str
    root: str
    names: dict[str, str]

    @property
    def is_fingerprinted(self) -> bool:
        """Whether there is a manifest, so that the served paths are fingerprinted."""
        return self.kind != "live"

    def url(self, logical_path: str) -> str:
        """Return the URL path of a logical path, as text."""
        return f"/static/{self.names[logical_path]}"

    def location(self, logical_path: str) -> str:
        """Return the location of the file behind `url`."""
        return os.path.join(self.root, self.names[logical_path])


def make_tree(kind: str, root: str) -> ServedTree:
    """Make a root: ``built`` has our manifest, ``django`` has Django's own, ``live`` has none."""
    if kind == "built":
        tree = BuiltTree(root)
        for path, content in SOURCES.items():
            tree.add(path, content, variants=path.endswith(".css"))
        tree.publish()
        return ServedTree(kind, root, tree.names)
    for path, content in SOURCES.items():
        put(root, path, content)
    names = {path: path for path in SOURCES} if kind == "live" else collect_as_django(root, list(SOURCES))
    put_variants(root, names["css/styles.css"], STYLES, age=0)
    return ServedTree(kind, root, names)


def collect_as_django(root: str, paths: list[str]) -> dict[str, str]:
    """Let Django fingerprint the files of a folder and write its manifest, and return that."""
    subprocess.run([sys.executable, "-c", _COLLECT, root, *paths], check=True)
    with open(os.path.join(root, "staticfiles.json"), encoding="utf-8") as stream:
        names: dict[str, str] = json.load(stream)["paths"]
    return names


def put_variants(root: str, path: str, content: bytes, *, age: float = 60.0) -> None:
    """Write the brotli and gzip variants of a file."""
    put(root, f"{path}.br", brotli.compress(content), age=age)
    put(root, f"{path}.gz", gzip.compress(content, 9, mtime=0), age=age)


def copy_tree(tree: ServedTree, root: str) -> ServedTree:
    """Copy a tree with its times."""
    shutil.copytree(tree.root, root)
    return ServedTree(tree.kind, root, tree.names)


def wait_for_tick(root: str) -> None:
    """Wait until the clock of the file system ticks, so that the next change has another time."""
    probe = put(root, ".tick", b"")
    before = os.stat(probe).st_ctime_ns
    while os.stat(probe).st_ctime_ns == before:
        os.utime(probe)
