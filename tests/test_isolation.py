"""A run of the tests changes nothing outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import PROJECT


def test_the_home_and_the_temporary_folder_are_those_of_the_run() -> None:
    assert Path.home().parent == Path(os.environ["TMPDIR"]) == Path(tempfile.gettempdir())
    assert Path.home().parent.name.startswith("hs-")


def test_a_run_leaves_nothing_in_the_home_and_in_the_temporary_folder(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    for folder in (home, temporary):
        folder.mkdir()
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary)}
    for name in ("HASHSERVE_SKIPPED", "PIP_CONFIG_FILE", "GIT_CONFIG_GLOBAL", "npm_config_userconfig"):
        environment.pop(name, None)
    tests = ["tests/test_file_tree.py", "tests/builder/test_lock.py", "-n", "1"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert list(home.iterdir()) == list(temporary.iterdir()) == []
