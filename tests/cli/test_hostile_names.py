"""Names that write to the terminal: in a source, in a manifest, in references and in errors."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from hashserve.cli.main import main
from hashserve.manifest.model import Manifest
from tests.cli.running import Ran
from tests.support.files import put

ESCAPE, C1, BIDI, LINE = "\x1b[2J", "\x9b31m", "\u202e", "\u2028"
HOSTILE = f"a{ESCAPE}{C1}{BIDI}{LINE}\x7f"


def assert_visible(text: str) -> None:
    """Assert that text, line by line, holds nothing that a terminal obeys."""
    assert [line for line in text.split("\n") if not line.isprintable()] == []
    assert "forged" not in [line.strip() for line in text.split("\n")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    put(root, f"{HOSTILE}.css", f"a {{ background: url('{ESCAPE}{C1}gone.png') }}".encode())
    put(root, f"{HOSTILE}/b.js", f'import "./{BIDI}{ESCAPE}gone.js";\n'.encode() * 3)
    put(root, "x\nforged\n.css", b"a {}")
    put(root, f"{HOSTILE.upper()}.CSS", b"b {}")
    return root


@pytest.fixture
def out(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    ran = Ran(capsys, "build", source, "--out", tmp_path / "out")
    assert ran.code == 0
    assert r"a\x1b[2J\x9b31m\u202e\u2028\x7f.css" in ran.out
    assert r"x\nforged\n.css: is left out" in ran.out
    assert_visible(ran.out + ran.err)
    put(tmp_path / "out", f"left{HOSTILE}.txt", b"x")
    put(tmp_path / "out", f"left{HOSTILE}\nforged\n.0123456789ab.txt", b"x")
    with open(os.fsencode(tmp_path / "out") + b"/left\xff\x9b.txt", "wb") as stream:
        stream.write(b"not UTF-8")
    return tmp_path / "out"


@pytest.mark.parametrize("options", [[], ["--json"], ["--sarif", "-"], ["--strict", "--quiet"]])
def test_a_check_prints_only_what_can_be_seen(
    out: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = Manifest.load(out / "staticfiles.json")
    gone = {f"{HOSTILE}.png": f"{HOSTILE}.0123456789ab.png"}
    row = f"1 {'A' * 43}= 0 0"
    manifest._replace(
        paths={**manifest.paths, **gone}, files={**manifest.files, **dict.fromkeys(gone.values(), row)}
    ).write(out / "staticfiles.json")
    ran = Ran(capsys, "check", out, *options)
    assert ran.code == 1
    assert_visible(ran.out + ran.err)
    assert ran.out.isascii() or not options
    if options[0:1] in (["--json"], ["--sarif"]):
        json.loads(ran.out)
    assert r"\x1b" in ran.out
    if "--quiet" not in options:
        assert r"\udcff" in ran.out or "%FF" in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("prune", "--dry-run"),
        ("prune",),
        ("report",),
        ("report", "--json"),
    ],
)
def test_other_commands_print_only_what_can_be_seen(
    out: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(capsys, *arguments, out)
    assert ran.code == 0
    assert_visible(ran.out + ran.err)


def test_errors_print_only_what_can_be_seen(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / f"{HOSTILE}\nforged\n"
    for arguments in (
        ("build", source, "--out", tmp_path / "out", "--strict"),
        ("build", place, "--out", tmp_path / "out"),
        ("build", source, "--out", tmp_path / "out", "--require-previous", "--previous", place),
        ("build", source, "--out", tmp_path / "out", f"--prefix={HOSTILE}"),
        ("report", place),
        ("check", place),
        ("prune", place),
    ):
        ran = Ran(capsys, *arguments)
        assert ran.code in (1, 2)
        assert ran.err.startswith("hashserve: ")
        assert_visible(ran.out + ran.err)
    with pytest.raises(SystemExit):
        main(["build", "source", f"--{HOSTILE}\nforged\n"])
    assert_visible(capsys.readouterr().err)


def test_a_name_that_is_not_utf_8_is_an_error_that_can_be_printed(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(os.fsencode(source) + b"/\xff\x1b.css", "wb"):
        pass
    ran = Ran(capsys, "build", source, "--out", tmp_path / "out")
    assert ran.code == 1
    assert r"\udcff\x1b.css: has a name that is not UTF-8; rename it" in ran.err


def test_a_stream_that_writes_ascii_alone_stops_no_command(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(source, "é漢.css", "a { background: url(é.png) }".encode())
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["build", str(source), "--out", str(tmp_path / "out")]) == 0
    assert rb"\xe9\u6f22.css" in written.getvalue()
    written.truncate(0)
    assert main(["check", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(written.getvalue().lstrip(b"\0"))["findings"]
