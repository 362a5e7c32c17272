from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import Ran
from tests.support.building import command, run


def test_only_a_terminal_shows_a_progress_bar(source: Path, out: Path) -> None:
    leader, follower = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        command("build", source, "--out", out),
        stdout=subprocess.PIPE,
        stderr=follower,
        env=environ,
        text=True,
    )
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:  # on Linux: the other side is closed
        pass
    os.close(leader)
    written, _ = process.communicate()
    assert process.returncode == 0
    assert "4 files" in written
    for step in (b"read", b"publish", b"compress"):
        assert step in shown
    elsewhere = run("build", source, "--out", out)
    assert elsewhere.stderr == ""
    assert "\x1b" not in elsewhere.stdout


def test_a_progress_bar_names_the_steps(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    ran = Ran(capsys, "build", source, "--out", out)
    assert "4 files" in ran.out
    assert "compress" in ran.err
