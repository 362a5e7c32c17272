"""A published folder of three releases, and ways to look at it and to damage it."""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path
from typing import Any

from hashserve import Manifest
from hashserve.builder import BuildSettings, build
from hashserve.builder.compression.compressors import compress_delta
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.check import CheckReport, CheckSettings, check
from hashserve.fingerprint_patterns import fingerprint_of
from hashserve.manifest.model import DeltaRecord, format_delta_row
from tests.support.files import put

__all__ = [
    "CIRCLE_A",
    "CIRCLE_B",
    "CSS",
    "DOT",
    "SOURCE",
    "add_delta",
    "build_releases",
    "checked",
    "damaged",
    "fingerprinted",
    "found",
    "paths_of",
    "plain_manifest",
    "publish_css",
]

CSS = b"body { background: url(../img/dot.svg) }\n" * 30

DOT = b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>"

CIRCLE_A = b"/* one of two that import each other */\n@import 'b.css';\n" + b"a { color: red }\n" * 30

CIRCLE_B = b"@import url(a.css);\n@import url(b.css#itself);\n" + b"b { color: red }\n" * 30

SOURCE = {
    "css/app.css": CSS,
    "css/a.css": CIRCLE_A,
    "css/b.css": CIRCLE_B,
    "img/dot.svg": DOT,
    "js/main.mjs": b"import { f } from './part.mjs'\nf()\n//# sourceMappingURL=main.mjs.map\n",
    "js/part.mjs": b"export { g } from './main.mjs'\nexport function f() {}\n",
    "js/main.mjs.map": b"{}",
    "empty.txt": b"",
    "robots.txt": b"User-agent: *\n",
    ".well-known/security.txt": b"Contact: mailto:a@example.com\n",
}


def build_releases(folder: Path) -> Path:
    """Build three releases with two circles, the older ones with files of their own; return the output."""
    source = folder / "source"
    for path, content in SOURCE.items():
        put(source, path, content)
    put(source, "css/once.css", CSS + b"/* only the first release has it */")
    build(source, folder / "out", BuildSettings(codings=("br", "gzip", "zstd")))
    (source / "css/once.css").unlink()
    for turn in (b"1", b"2"):
        put(source, "css/a.css", CIRCLE_A + b"/* " + turn + b" */")
        put(source, "img/dot.svg", DOT + b"<!-- " + turn + b" -->")
        build(source, folder / "out", BuildSettings(codings=("br", "gzip", "zstd")))
    return folder / "out"


def paths_of(out: Path) -> dict[str, str]:
    return dict(Manifest.load(out / "staticfiles.json").paths)


def found(report: CheckReport) -> list[tuple[str, str]]:
    return [(item.rule, item.path) for item in report.findings]


def checked(out: Path, **settings: Any) -> list[tuple[str, str]]:
    return found(check(out, CheckSettings(**settings)))


def plain_manifest(out: Path, paths: dict[str, str]) -> None:
    """Write a manifest as Django does, which states no digests."""
    document = {"paths": paths, "version": "1.1", "hash": "0123456789ab"}
    put(out, "staticfiles.json", json.dumps(document).encode())


def fingerprinted(out: Path, path: str, content: bytes, token: str = "") -> str:
    """Put a file under both of its names; return the fingerprinted one."""
    token = token or md5(content, usedforsecurity=False).hexdigest()[:12]
    name = Fingerprinter().insert(path, token)
    put(out, path, content)
    put(out, name, content)
    return name


def publish_css(out: Path, content: bytes) -> str:
    """Add a style sheet to the release in force; return its fingerprinted path."""
    name = fingerprinted(out, "css/new.css", content)
    location = out / "staticfiles.json"
    document = json.loads(location.read_bytes())
    document["paths"]["css/new.css"] = name
    document["hashserve"]["files"][name] = None
    location.write_text(json.dumps(document), encoding="utf-8")
    return name


def add_delta(out: Path, logical_path: str) -> DeltaRecord:
    """Publish a delta of a file in force, against the version of the last release; return its record."""
    location = out / "staticfiles.json"
    manifest = Manifest.load(location)
    path, old = manifest.paths[logical_path], manifest.paths_of(manifest.releases[0])[logical_path]
    content = compress_delta((out / path).read_bytes(), (out / old).read_bytes())
    row = format_delta_row(len(content), fingerprint_of(old) or "", old)
    manifest._replace(deltas={**(manifest.deltas or {}), path: [row]}).write(location)
    (delta,) = Manifest.load(location).deltas_of(path)
    put(out, delta.path, content)
    return delta


def damaged(out: Path) -> str:
    """Damage a folder once for each level; return the path of a style sheet with a reference to no file."""
    put(out, "img/dot.0123456789ab.svg", b"old")
    put(out, "robots.txt", b"x")
    return publish_css(out, b"a { background: url('go ne[1].png') }\n")
