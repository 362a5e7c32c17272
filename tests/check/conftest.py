from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.published_folder import build_releases


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean build, which no test changes."""
    return build_releases(tmp_path_factory.mktemp("built"))


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    """A copy of the clean build, to be damaged."""
    return Path(shutil.copytree(built, tmp_path / "out", symlinks=True))
