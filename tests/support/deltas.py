"""A folder with deltas between releases, made without the build, as those of `tests.support.trees`."""

from __future__ import annotations

import os
import random
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from hashserve import Manifest, Release
from hashserve.builder.compression.compressors import compress_delta
from hashserve.fingerprint_patterns import fingerprint_of
from hashserve.http.dictionaries import decode_delta
from hashserve.manifest.model import DeltaRecord, format_delta_row
from tests.support.client import Reply
from tests.support.files import put
from tests.support.trees import BuiltTree

__all__ = [
    "BROWSER",
    "TreeWithDeltas",
    "available_dictionary",
    "built_with_deltas",
    "decoded",
    "malformed_fields",
    "publish_with_delta",
    "three_releases",
]

BROWSER = "gzip, deflate, br, zstd, dcb, dcz"
"""The Accept-Encoding of Chromium for a request with a dictionary."""


class TreeWithDeltas(NamedTuple):
    """A folder, and the fingerprinted paths of each release by logical path, the oldest first."""

    root: str
    releases: list[dict[str, str]]

    def path(self, logical_path: str, release: int = -1) -> str:
        """Return the fingerprinted path of a file in a release."""
        return self.releases[release][logical_path]

    def delta(self, logical_path: str, release: int) -> DeltaRecord:
        """Return the delta of the newest release of a file against an earlier one."""
        records = self.manifest().deltas_of(self.path(logical_path))
        (found,) = (record for record in records if record.dictionary == self.path(logical_path, release))
        return found

    def url(self, logical_path: str, release: int = -1) -> str:
        """Return the URL path of a file in a release."""
        return f"/static/{self.releases[release][logical_path]}"

    def content(self, logical_path: str, release: int = -1) -> bytes:
        """Return the content of a file in a release."""
        return Path(self.root, self.releases[release][logical_path]).read_bytes()

    def dictionary(self, logical_path: str, release: int) -> str:
        """Return the Available-Dictionary field of a client that has a file in a release."""
        return available_dictionary(self.content(logical_path, release))

    def manifest(self) -> Manifest:
        """Return the manifest on disk."""
        return Manifest.load(os.path.join(self.root, "staticfiles.json"))

    def rows(self) -> list[tuple[str, str]]:
        """Return the path and the row of each file in the manifest."""
        return [(path, row) for path, row in self.manifest().files.items() if row is not None]

    def replace(self, **parts: Any) -> None:
        """Write the manifest with other parts."""
        self.manifest()._replace(**parts).write(os.path.join(self.root, "staticfiles.json"))


def built_with_deltas(
    root: str | os.PathLike[str], releases: Sequence[Mapping[str, bytes]]
) -> TreeWithDeltas:
    """Make the folder of some releases, the oldest first; each file has deltas against all earlier ones."""
    tree = BuiltTree(os.fspath(root))
    found: list[dict[str, str]] = []
    deltas: dict[str, list[str]] = {}
    for release in releases:
        tree.names.clear()
        for logical_path, content in release.items():
            path = tree.add(logical_path, content, variants=True)
            earlier = dict.fromkeys(names[logical_path] for names in reversed(found) if logical_path in names)
            rows = [_put_delta(tree.root, path, content, old) for old in earlier if old != path]
            if rows:
                deltas[path] = rows
        found.append(dict(tree.names))
    tree.records = list({record.path: record for record in tree.records}.values())
    older = [
        Release(id=f"old{number}", created=1_600_000_000 + number, changed=names)
        for number, names in enumerate(found[:-1])
    ]
    manifest = tree.manifest()._replace(releases=older[::-1], deltas=deltas)
    manifest.write(os.path.join(tree.root, "staticfiles.json"))
    return TreeWithDeltas(tree.root, found)


def publish_with_delta(tree: BuiltTree, logical_path: str, old: bytes, new: bytes) -> None:
    """Publish a tree with one more file, which has a delta against its version in a retained release."""
    older, path = (tree.add(logical_path, content, variants=True) for content in (old, new))
    release = Release(id="old", created=1_600_000_000, changed={logical_path: older})
    deltas = {path: [_put_delta(tree.root, path, new, older)]}
    manifest = tree.manifest()._replace(releases=[release], deltas=deltas)
    manifest.write(os.path.join(tree.root, "staticfiles.json"))


def _put_delta(root: str, path: str, content: bytes, old: str) -> str:
    delta = compress_delta(content, Path(root, old).read_bytes())
    token = fingerprint_of(old)
    assert token is not None
    put(root, f"{path}.{token}.dcz", delta)
    return format_delta_row(len(delta), token, old)


def three_releases(root: str | os.PathLike[str]) -> TreeWithDeltas:
    """Make three releases of a style sheet and of a script; a text is the same in all."""
    names = [f"{number:x}" for number in random.Random(0).choices(range(1 << 32), k=300)]
    rules = "".join(f".c{name} {{ color: #{name[:6]} }}\n" for name in names).encode()
    script = "".join(f"export const c{name} = 0x{name};\n" for name in names).encode()
    return built_with_deltas(
        root,
        [
            {
                "css/app.css": b"body { width: %dpx }\n" % number + rules,
                "js/app.js": script + b"export const release = %d;\n" % number,
                "ten.txt": b"0123456789",
            }
            for number in (1, 2, 3)
        ],
    )


def available_dictionary(content: bytes) -> str:
    """Return the Available-Dictionary field of a client that has this content."""
    return f":{b64encode(sha256(content).digest()).decode()}:"


def decoded(reply: Reply, dictionary: bytes) -> bytes:
    """Return the content of a response with a delta, decoded as a client does."""
    assert reply["Content-Encoding"] == "dcz"
    return b"".join(decode_delta([reply.body], dictionary, 10_000_000))


def malformed_fields(digest: str) -> list[str]:
    """Return Available-Dictionary fields that name no dictionary, near one that would name ``digest``."""
    return [
        "",
        " ",
        ":",
        "::",
        digest,
        f":{digest}",
        f"{digest}:",
        f'"{digest}"',
        f"'{digest}'",
        f"sha-256=:{digest}:",  # the form of Repr-Digest
        f":{digest}:, :{digest}:",
        f":{digest}:,",
        f",:{digest}:",
        f":{digest}: :{digest}:",
        f"(:{digest}:)",
        f"(:{digest}: :{digest}:)",
        f":{digest}:;",
        f":{digest}: ;a",
        f":{digest}:;A=1",
        f":{digest}:;1=1",
        f":{digest}:;a=",
        f":{digest}:;a=1.",
        f":{digest}:;a=1.2345",
        f":{digest}:;a={'9' * 16}",
        f":{digest}:;a=?2",
        f":{digest}:;a=@1.5",
        f":{digest}:;a=(1)",
        f":{digest}:;a=:A:",
        f":{digest}:;a=:A=A:",
        f':{digest}:;a="\\n"',
        f":{digest}:\t",
        f"\t:{digest}:",
        f":{digest}:\n",
        f":{digest}:\r\nX: y",
        f": {digest}:",
        f":{digest} :",
        f":{digest[:20]} {digest[20:]}:",
        f":{digest}=:",
        f":{digest[:-2]}:",
        f":{digest[:-4]}:",
        f":{digest[:-1]}A:",  # 33 bytes
        f":AAAA{digest}:",
        f":{digest.replace('+', '-').replace('/', '_')}:",  # base64url
        f":{sha256(b'x').hexdigest()}:",
        ":AAAA:",
        "?1",
        "1",
        "-1.5",
        "@1700000000",
        "token",
        "*",
        '%"%c3%a9"',
        f":{digest[:-3]}é=:",
        f":{digest}:é",
        f":{digest}:\0",
        "\ud800",
        ":" * 100_000,
        f":{'A' * 100_000}:",
        f":{digest}:" + ";a=1" * 25_000,
        f":{digest}:" + " " * 100_000,
        f":{digest}:".ljust(257),
    ]
