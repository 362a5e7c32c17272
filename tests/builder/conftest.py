"""Folders that most tests of the build use; each module has its own ``source``."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.builder import build


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The output folder, which does not exist yet."""
    return tmp_path / "out"


@pytest.fixture
def first(source: Path, tmp_path: Path) -> Path:
    """The output folder of an earlier build of the source."""
    out = tmp_path / "first"
    build(source, out)
    return out
