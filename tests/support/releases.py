"""The releases of a small site, built one after the other, and the expected responses of its URLs.

Invariant: expected bodies come from the files of the build, checked by their digests, never from a server.
Only entity-tags come from the origin.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hashserve import Manifest
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS
from tests.support.building import run
from tests.support.files import put
from tests.support.served_root import RawConnection, RawResponse

__all__ = ["CHANGING", "PREFIX", "ExpectedResponses", "Releases", "Representation", "get"]

PREFIX = "/static/"
FILM = random.Random(0).randbytes(1_300_000)
FONT = random.Random(1).randbytes(40_000)
SOURCES = {
    "css/site.css": b'@import "base.css";\nheader { background: url(../img/logo.svg) }\n'
    b"@font-face { font-family: text; src: url(../fonts/text.woff2) }\n",
    "css/base.css": b"body { color: rebeccapurple; margin: 0 auto; }\n" * 900,
    "js/app.js": b'import { state } from "./store.js";\nexport const app = () => state;\n',
    "js/store.js": b"export const state = { count: 1, names: [] };\n" * 100,
    "img/logo.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h8v8H0z"/></svg>\n' * 40,
    "img/dot.png": b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(60),
    "fonts/text.woff2": FONT,
    "film/tea.mp4": FILM,
}
"""Texts with variants, files without variants, and a film that is too large for the memory."""

CHANGING = ("css/base.css", "js/store.js", "img/logo.svg")
"""The files that change in each release. The files that refer to them change too."""


def get(path: str, *, method: str = "GET", **fields: str | None) -> bytes:
    """Return a request; field names have underscores for hyphens, and fields that are None are left out."""
    lines = [f"{method} {path} HTTP/1.1", "Host: www.example.com"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Releases:
    """The sources below ``folder``, and the releases that `build` makes of them in ``root``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._source = folder / "source"
        self.root = folder / "root"
        self.number = -1
        for path, content in SOURCES.items():
            put(self._source, path, content)

    def change(self) -> None:
        """Change the sources for the next release."""
        self.number += 1
        for path in CHANGING if self.number else ():
            note = f"<!-- {self.number} -->" if path.endswith("svg") else f"/* {self.number} */"
            with (self._source / path).open("ab") as source:
                source.write(f"{note}\n".encode())

    def build(self, out: Path | None = None, *, previous: Path | None = None) -> Manifest:
        """Build the current sources into ``root`` or another folder."""
        out = self.root if out is None else out
        more = ("--previous", previous) if previous else ()
        done = run(
            *("build", self._source, "--out", out, "--prefix", PREFIX, "--keep", "3", "--quiet"),
            *("--cache", self._folder / "cache", *more),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return Manifest.load(out / "staticfiles.json")

    def upcoming(self) -> set[str]:
        """Return the URL paths that the next release adds, from a build into another folder."""
        manifest = self.build(self._folder / f"upcoming-{self.number}")
        return {PREFIX + path for path in manifest.files if not (self.root / path).exists()}


@dataclass(frozen=True, kw_only=True)
class Representation:
    """A response of one URL path in one coding; ``sha256`` is the digest of the decoded body."""

    path: str
    sha256: str
    coding: str
    etag: str
    body: bytes = field(repr=False)


@dataclass(kw_only=True)
class ExpectedResponses:
    """Every representation of every URL path so far, by path and entity-tag.

    ``early`` has the fingerprinted paths that a client may have requested during their deploy.
    """

    root: Path
    by_tag: dict[str, dict[str, Representation]] = field(default_factory=dict)
    fingerprinted: list[str] = field(default_factory=list)
    unhashed: list[str] = field(default_factory=list)
    early: set[str] = field(default_factory=set)

    def add_release(self, port: int) -> None:
        """Read the files of the folder, and get their tags from the origin at a port."""
        manifest = Manifest.load(self.root / "staticfiles.json")
        with RawConnection(port) as connection:
            for path in [*manifest.files, *manifest.paths]:
                self._add_path(connection, manifest, path)
        self.fingerprinted = sorted(PREFIX + path for path in manifest.files)
        self.unhashed = sorted(PREFIX + path for path in manifest.paths)

    def _add_path(self, connection: RawConnection, manifest: Manifest, path: str) -> None:
        record = manifest.unhashed_record(path) or manifest.record(manifest.paths.get(path, path))
        assert record is not None
        for coding in ("identity", *CODINGS):
            answer = connection.ask(get(PREFIX + path, Accept_Encoding=coding))
            given = answer.fields.get("content-encoding", "identity")
            body = (self.root / (path + ("" if given == "identity" else CODINGS[given].suffix))).read_bytes()
            assert (answer.status, answer.body) == (200, body)
            assert digest_of(decoded(body, given)) == record.sha256
            found = Representation(
                path=PREFIX + path, sha256=record.sha256, coding=given, etag=answer.fields["etag"], body=body
            )
            self.by_tag.setdefault(found.path, {})[found.etag] = found

    def tags(self, path: str) -> list[str]:
        """Return every entity-tag that a path has had."""
        return sorted(self.by_tag[path])

    def has_variants(self, path: str) -> bool:
        """Return whether a path has had more than one coding."""
        return len({known.coding for known in self.by_tag[path].values()}) > 1

    def in_coding(self, known: Representation, coding: str) -> Representation | None:
        """Return the same content of the same path in another coding."""
        others = self.by_tag[known.path].values()
        found = (other for other in others if (other.sha256, other.coding) == (known.sha256, coding))
        return next(found, None)

    def representation(self, path: str, answer: RawResponse) -> Representation | None:
        """Return the representation that the entity-tag of a response names."""
        etag = answer.fields.get("etag", "")
        return self.by_tag[path].get(etag.removeprefix("W/"))


def decoded(body: bytes, coding: str) -> Iterable[bytes]:
    """Decode a body."""
    return [body] if coding == "identity" else CODINGS[coding].decode([body])
