"""Small trees for tests, made by hand so that the serve side is tested without the build."""

from __future__ import annotations

import gzip
import os
import time
from dataclasses import dataclass, field
from hashlib import md5

import brotli

from hashserve.digests import digest_of
from hashserve.manifest import AssetRecord, Manifest, format_row, release_id

TEN = b"0123456789"
STYLES = b"body { color: rebeccapurple; margin: 0 auto; }\n" * 200


@dataclass
class BuiltTree:
    """A folder with a manifest; ``names`` maps logical to fingerprinted paths."""

    root: str
    names: dict[str, str] = field(default_factory=dict)
    records: list[AssetRecord] = field(default_factory=list)

    def add(self, logical_path: str, content: bytes, *, variants: bool = False) -> str:
        """Add an asset, under its unhashed name too; gives its fingerprinted path."""
        stem, extension = os.path.splitext(logical_path)
        token = md5(content, usedforsecurity=False).hexdigest()[:12]
        path = f"{stem}.{token}{extension}"
        bodies = {"br": brotli.compress(content), "gzip": gzip.compress(content, 9, mtime=0)} if variants else {}
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
        """Give the manifest of what was added so far."""
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


def put(root: str, path: str, content: bytes, *, age: float = 60.0) -> str:
    """Write a file whose times lie ``age`` seconds in the past; gives where it is."""
    location = os.path.join(root, path)
    os.makedirs(os.path.dirname(location), exist_ok=True)
    with open(location, "wb") as stream:
        stream.write(content)
    moment = time.time() - age
    os.utime(location, (moment, moment))
    return location


def build_tree(root: str) -> BuiltTree:
    """Make the tree that most tests serve."""
    tree = BuiltTree(root)
    tree.add("ten.txt", TEN)
    tree.add("css/styles.css", STYLES, variants=True)
    tree.add("empty.txt", b"")
    tree.publish()
    return tree
