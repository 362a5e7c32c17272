"""REDbot's notes on every kind of URL.

Invariant: each note of REDbot or its linter has its reason in `EXPLAINED`; any other note is a defect.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashserve import Manifest
from tests.support.parts import missing
from tests.support.releases import PREFIX, Releases, get
from tests.support.served_root import ServedRoot
from tests.support.services import TIMEOUT, running

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="REDbot needs Python 3.11"),
]

GOOD = {"GOOD", "INFO"}
PAGE = b"<!doctype html>\n<html lang=en><title>Docs</title><p>Tea.</p></html>\n"
EXPLAINED: dict[str, tuple[str, set[str]]] = {
    "Cache-Control: public is probably not necessary.": (
        "Without it, no cache may store a response to a request with Authorization (RFC 9111, 3.5).",
        set(),
    ),
    "The partial response has a Content-Length equal to the full response.": (
        "The range that REDbot requests covers the whole of such a small file.",
        {"fingerprinted script", "not ASCII", "a folder's index"},
    ),
    "The content doesn't match the declared Content-Type.": (
        "The film of these tests is random bytes.",
        {"fingerprinted and large"},
    ),
    "This response is partial, but doesn't have a Content-Range header.": (
        "Each of several parts has its own; the response must have none (RFC 9110, 15.3.7.2).",
        {"several parts"},
    ),
}
"""Notes of the levels WARN and BAD, with the reason and the kinds of URLs (an empty set means all)."""

LATE = re.compile(r"The server's clock is \d+ seconds? behind\.")
"""A note of a linter that a busy machine starts seconds after the response."""

URLS: dict[str, tuple[str, int]] = {
    "fingerprinted, with variants": ("{css/base.css}", 200),
    "fingerprinted, without variants": ("{fonts/text.woff2}", 200),
    "fingerprinted script": ("{js/app.js}", 200),
    "fingerprinted picture": ("{img/logo.svg}", 200),
    "fingerprinted and large": ("{film/tea.mp4}", 200),
    "unhashed": ("css/base.css", 200),
    "live": ("live.txt", 200),
    "empty": ("empty.txt", 200),
    "not ASCII": ("%C3%A9.txt", 200),
    "a folder's index": ("docs/", 200),
    "redirect to a folder's index": ("docs", 302),
    "redirect from an index by its name": ("docs/index.html", 302),
    "unknown fingerprint": ("css/base.0123456789ab.css", 404),
    "a link out of the root": ("out.txt", 404),
    "the manifest": (".well-known/hashserve.json", 200),
}
"""A path for each kind of URL, in braces if it is fingerprinted, and the status of a plain GET."""

RESPONSES: dict[str, tuple[str, dict[str, str], int]] = {
    "brotli": ("{css/base.css}", {"Accept_Encoding": "br"}, 200),
    "gzip": ("{css/base.css}", {"Accept_Encoding": "gzip"}, 200),
    "not modified": ("{css/base.css}", {"If_None_Match": "*"}, 304),
    "not modified, live": ("live.txt", {"If_None_Match": "*"}, 304),
    "a part": ("{film/tea.mp4}", {"Range": "bytes=0-99"}, 206),
    "several parts": ("{film/tea.mp4}", {"Range": "bytes=0-9,40-59"}, 206),
    "not satisfiable": ("{film/tea.mp4}", {"Range": "bytes=9999999-"}, 416),
    "failed": ("{css/base.css}", {"If_Match": '"nope"'}, 412),
    "not allowed": ("{css/base.css}", {"method": "DELETE"}, 405),
    "options": ("{css/base.css}", {"method": "OPTIONS"}, 204),
}
"""Requests that REDbot does not send. Its linter reads their responses."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built site, with files of every other kind."""
    folder = tmp_path_factory.mktemp("redbot")
    releases = Releases(folder)
    releases.change()
    releases.build()
    for path, content in {
        "docs/index.html": PAGE,
        "live.txt": b"Tea is served.\n" * 40,
        "empty.txt": b"",
        "é.txt": b"accented\n",
    }.items():
        (releases.root / path).parent.mkdir(exist_ok=True)
        (releases.root / path).write_bytes(content)
    os.symlink("/etc/hostname", releases.root / "out.txt")
    return releases.root


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRoot]:
    settings = {"index_file": True, "publish_manifest": True}
    with running(ServedRoot(tmp_path_factory.mktemp("served"), str(root), settings)) as server:
        yield server


def tool(name: str) -> str:
    """Return the path of a command next to this Python."""
    path = Path(sys.executable).parent / name
    return str(path) if path.exists() else missing(f"{name} is not installed")


def path_of(root: Path, path: str) -> str:
    """Return the URL path for a path in the tables."""
    paths = Manifest.load(root / "staticfiles.json").paths
    return PREFIX + re.sub(r"{(.+)}", lambda found: paths[found[1]], path)


@pytest.mark.parametrize("kind", URLS)
def test_every_note_of_redbot_is_explained(server: ServedRoot, root: Path, kind: str) -> None:
    path, status = URLS[kind]
    done = subprocess.run(
        [tool("redbot"), "-o", "har", f"http://{server.address}{path_of(root, path)}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (entry,) = json.loads(done.stdout)["log"]["entries"]
    assert int(entry["response"]["status"]) == status
    notes = flattened(entry["_red_messages"])
    assert len(notes) > 2
    assert unexplained(kind, notes) == set()


def flattened(messages: list[dict[str, object]]) -> list[tuple[str, str]]:
    """Return level and summary of each note and its subnotes."""
    found = []
    for message in messages:
        found.append((str(message["level"]), str(message["summary"])))
        below = message.get("subnotes")
        found += flattened(below) if isinstance(below, list) else []
    return found


@pytest.mark.parametrize("kind", RESPONSES)
def test_the_linter_of_redbot_accepts_other_responses(server: ServedRoot, root: Path, kind: str) -> None:
    path, fields, status = RESPONSES[kind]
    answer = received(server.port, get(path_of(root, path), Connection="close", **fields))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    done = subprocess.run(
        [tool("httplint"), "-n"], input=answer, capture_output=True, timeout=120, check=False
    )
    notes = re.findall(r"\[(\w+)\] (.*)", done.stdout.decode())
    assert len(notes) > 1
    assert unexplained(kind, notes) == set()


def received(port: int, request: bytes) -> bytes:
    """Send a request and return all received bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def unexplained(kind: str, notes: list[tuple[str, str]]) -> set[str]:
    """Return the notes on a kind of URL that have no reason."""
    explained = {note for note, (_, kinds) in EXPLAINED.items() if not kinds or kind in kinds}
    bad = {note for level, note in notes if level not in GOOD and not LATE.fullmatch(note)}
    return bad - explained


def test_every_explanation_names_an_existing_kind() -> None:
    for reason, kinds in EXPLAINED.values():
        assert reason.endswith(".")
        assert kinds <= {*URLS, *RESPONSES}
