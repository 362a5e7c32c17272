"""Shared code of the tests of the build: make sources, read outputs, run the command."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hashserve import Manifest
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS
from hashserve.http.dictionaries import decode_delta
from tests.support.files import put

__all__ = [
    "CSS",
    "DOT",
    "RULES",
    "TEXT",
    "command",
    "contents",
    "few_frames",
    "manifest_of",
    "put_site",
    "put_texts",
    "run",
    "snapshot",
    "temporaries",
    "wrong_files",
]


CSS = b"/* a comment with url(nothing.png) in it */\nbody { background: url(../img/dot.svg) }\n" * 20
DOT = b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>"
RULES = b"".join(b".a%d { margin: %dpx; color: #%06x }\n" % (n, n % 97, n * 7919 % 2**24) for n in range(400))
"""A style sheet that is large enough to have deltas, and of which a delta saves much."""

TEXT = b"text that can be compressed, and is long enough for it\n" * 20


def put_site(folder: Path) -> Path:
    """Write a source: a style sheet, the file that it refers to, and a file that keeps its name."""
    put(folder, "css/app.css", CSS)
    put(folder, "img/dot.svg", DOT)
    put(folder, "robots.txt", b"User-agent: *\n")
    return folder


def put_texts(folder: Path) -> Path:
    """Write a source: a style sheet, the file that it refers to, and a text."""
    put(folder, "css/app.css", b"body { background: url(../img/dot.svg) }\n" * 20)
    put(folder, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    put(folder, "a.txt", TEXT)
    return folder


def manifest_of(out: Path) -> Manifest:
    """Load the manifest of an output."""
    return Manifest.load(out / "staticfiles.json")


def snapshot(out: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of every file, private ones too. A write changes one of them."""
    return {
        str(path.relative_to(out)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in out.rglob("*")
        if path.is_file()
    }


def contents(out: Path) -> dict[str, bytes]:
    """Return the content of every published file."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and ".hashserve" not in path.parts
    }


def temporaries(out: Path) -> list[str]:
    """List the temporary files."""
    return [
        str(path.relative_to(out))
        for path in out.rglob("*")
        if path.is_file() and ("temporary" in path.parts or path.name.startswith(".hashserve-"))
    ]


def wrong_files(out: Path) -> list[str]:
    """List the files of a manifest, with their variants and deltas, that are missing or have other bytes."""
    manifest = manifest_of(out)
    wrong = []
    for path in manifest.files:
        record = manifest.record(path)
        assert record is not None
        forms: Mapping[str, int | None] = {"identity": record.size, **record.variants}
        for coding, size in forms.items():
            location = out / (path + (CODINGS[coding].suffix if coding in CODINGS else ""))
            try:
                content = location.read_bytes()
                identity = CODINGS[coding].decode([content]) if coding in CODINGS else [content]
                if len(content) != size or digest_of(identity) != record.sha256:
                    wrong.append(str(location))
            except (OSError, ValueError):
                wrong.append(str(location))
    return [*wrong, *_wrong_deltas(out, manifest)]


def _wrong_deltas(out: Path, manifest: Manifest) -> list[str]:
    wrong = []
    for delta in (delta for path in manifest.deltas or () for delta in manifest.deltas_of(path)):
        record = manifest.record(delta.of)
        assert record is not None
        try:
            content, dictionary = (out / delta.path).read_bytes(), (out / delta.dictionary).read_bytes()
            identity = decode_delta([content], dictionary, record.size or 0)
            if len(content) != delta.size or digest_of(identity) != record.sha256:
                wrong.append(delta.path)
        except (OSError, ValueError):
            wrong.append(delta.path)
    return wrong


def command(*arguments: str | os.PathLike[str]) -> list[str]:
    """Return the command line of ``hashserve`` with these arguments."""
    return [sys.executable, "-m", "hashserve", *(os.fspath(argument) for argument in arguments)]


def run(
    *arguments: str | os.PathLike[str], environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``hashserve`` to its end."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environ or {})},
        timeout=120,
    )


@contextmanager
def few_frames(number: int = 150) -> Iterator[None]:
    """Limit Python's recursion to fewer calls than a deep tree has levels."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + number)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
