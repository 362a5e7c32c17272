from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import Ran
from tests.support.building import manifest_of
from tests.support.files import put


def test_prune_lists_what_it_removes(source: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Ran(capsys, "build", source, "--out", out)
    old = manifest_of(out).paths["js/leaf.js"]
    put(source, "js/leaf.js", b"export const leaf = 2;\n")
    Ran(capsys, "build", source, "--out", out)
    assert "0 files, 0 B, and 0 releases removed" in Ran(capsys, "prune", out).out
    dry = Ran(capsys, "prune", out, "--keep", "1", "--dry-run")
    assert f"  {old}\n" in dry.out
    assert "and 1 release would be removed" in dry.out
    assert (out / old).exists()
    done = Ran(capsys, "prune", out, "--keep", "1", "--json")
    assert old in json.loads(done.out)["files"]
    assert not (out / old).exists()
    assert Ran(capsys, "prune", out, "--keep-days", "0", "--quiet").out == ""
    assert Ran(capsys, "prune", out, "--keep", "0").code == 2
    assert Ran(capsys, "prune", out / "nowhere").code == 1
