"""docs/deltas.md: its exchanges are those of a real run, and its commands and its example work as written."""

from __future__ import annotations

import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import make_server

import pytest

from hashserve import HashServe, Manifest
from hashserve.builder import build
from hashserve.builder.compression.compressors import is_delta_worth_keeping
from hashserve.dictionary_files import LARGEST_BYTES, SMALLEST_BYTES
from hashserve.http.dictionaries import LONGEST_FIELD
from hashserve.settings.build import BuildSettings
from hashserve.settings.serve import ServeSettings
from tests.docs.test_readme import PROJECT, QuietHandler, blocks
from tests.support.client import Reply, request, wrapped_application
from tests.support.parts import require_tool

PAGE = "docs/deltas.md"
TEXT = (PROJECT / PAGE).read_text(encoding="utf-8")
SCRIPT = "".join(f'export const label{number} = "Label {number * 7919 % 1000}";\n' for number in range(2000))


@dataclass(frozen=True)
class Releases:
    """Two releases of one script in one folder: its paths, and the application that serves them."""

    root: Path
    old: str
    new: str
    application: Any

    def content(self, path: str) -> bytes:
        return (self.root / path).read_bytes()


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    folder = tmp_path_factory.mktemp("deltas")
    script = folder / "assets/js/app.js"
    script.parent.mkdir(parents=True)
    paths = []
    for text in (SCRIPT, SCRIPT.replace("Label 42", "Text 42")):
        script.write_text(text, encoding="utf-8")
        build(folder / "assets", folder / "static")
        paths.append(Manifest.load(folder / "static/staticfiles.json").paths["js/app.js"])
    application = HashServe(wrapped_application, root=folder / "static")
    return Releases(folder / "static", paths[0], paths[1], application)


# What is sent


@dataclass(frozen=True)
class Exchange:
    """A request of the page and the response that it shows."""

    path: str
    fields: dict[str, str]
    response: list[str]


def exchanges() -> list[Exchange]:
    found = []
    for block in blocks(PAGE, "http"):
        asked, answered = block.rstrip().split("\n\n")
        line, *fields = asked.splitlines()
        parsed = dict(field.split(": ", 1) for field in fields)
        found.append(Exchange(line.removeprefix("GET "), parsed, answered.splitlines()))
    return found


def shown(reply: Reply) -> list[str]:
    assert reply.status == 200
    return ["200 OK", *(f"{name}: {value}" for name, value in reply.headers)]


def without_sizes(lines: list[str]) -> list[str]:
    """Leave out what depends on the versions of the compressors."""
    text = re.sub(r"(?m)^(Content-Length: )\d+$", r"\1N", "\n".join(lines))
    return re.sub(r'(?m)^(ETag: "[^-"]+-\w+-?)[^"]*"$', r'\1N"', text).splitlines()


def test_the_exchanges_are_those_of_a_real_run(releases: Releases) -> None:
    first, second = exchanges()
    assert [first.path, second.path] == [f"/static/{releases.old}", f"/static/{releases.new}"]
    digest = b64encode(sha256(releases.content(releases.old)).digest()).decode()
    assert second.fields["Available-Dictionary"] == f":{digest}:"
    for exchange in (first, second):
        fields = {name.replace("-", "_").lower(): value for name, value in exchange.fields.items()}
        reply = request(releases.application, exchange.path, **fields)
        assert without_sizes(exchange.response) == without_sizes(shown(reply))
    assert "Content-Encoding: dcz" in second.response


@contextmanager
def served(application: Any) -> Iterator[str]:
    with make_server("127.0.0.1", 0, application, handler_class=QuietHandler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/static/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.real
def test_the_commands_decode_a_delta_without_a_browser(releases: Releases, tmp_path: Path) -> None:
    for program in ("curl", "openssl", "zstd"):
        require_tool(program)
    (commands,) = blocks(PAGE, "console")
    with served(releases.application) as url:
        urls = {"OLD": url + releases.old, "NEW": url + releases.new}
        subprocess.run(
            ["sh", "-euc", commands], cwd=tmp_path, env={**os.environ, **urls}, check=True, timeout=120
        )
    assert (tmp_path / "new.js").read_bytes() == releases.content(releases.new)
    assert (tmp_path / "new.js.dcz").stat().st_size < 500
    assert "content-encoding: dcz" in (tmp_path / "fields.txt").read_text("latin-1").lower()


def test_the_example_sends_no_delta_and_says_nothing_of_dictionaries(
    releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "static").symlink_to(releases.root)
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(PAGE, "python")
    names: dict[str, Any] = {"application": wrapped_application}
    exec(compile(block, PAGE, "exec"), names)
    digest = b64encode(sha256(releases.content(releases.old)).digest()).decode()
    reply = request(
        names["application"],
        f"/static/{releases.new}",
        accept_encoding="br, dcz",
        available_dictionary=f":{digest}:",
    )
    assert (reply["Content-Encoding"], reply["Vary"]) == ("br", "Accept-Encoding")
    assert "Use-As-Dictionary" not in reply


# What the page says


def test_the_only_languages_are_those_that_are_run() -> None:
    assert set(re.findall(r"^```(\w+)$", TEXT, re.MULTILINE)) == {"http", "python", "js", "console"}


def test_the_settings_have_the_defaults_of_the_page() -> None:
    rows = re.findall(
        r"^\|[^|]+\| `(\w+)\(\.\.\., (\w+)=(\w+)\)` \|[^|]+\| `(.+?)` \| (\w+) \|$", TEXT, re.MULTILINE
    )
    assert len(rows) == 3
    for function, name, given, key, default in rows:
        settings = BuildSettings if function == "build" else ServeSettings
        assert str(getattr(settings(), name)) == given == default
        assert key == f'HASHSERVE["{name.upper()}"]'


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    assert f"of {SMALLEST_BYTES:,} bytes or more" in TEXT
    assert f"over {LARGEST_BYTES // 1024**2} MiB has no deltas" in TEXT
    assert f"of over {LONGEST_FIELD} characters is not read" in TEXT


def test_a_delta_is_worth_keeping_from_the_sizes_of_the_page_on() -> None:
    assert "less than 80 % of the bytes of the smallest variant, and saves at least 256" in TEXT
    assert [is_delta_worth_keeping(10_000, size) for size in (7_999, 8_000)] == [True, False]
    assert [is_delta_worth_keeping(1_000, size) for size in (744, 745)] == [True, False]
