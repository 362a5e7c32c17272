"""The list at the end of a run: which part is missing, and how many tests that skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PROJECT

MODULE = """
import pytest
from tests.support.parts import missing, require_tool

@pytest.fixture(scope="module")
def node():
    return require_tool("node")

@pytest.mark.parametrize("number", [1, 2])
def test_one(node, number): pass

def test_two(): missing("cannot be compiled", "node")

def test_three(): missing("a device cannot be made without root")

def test_four(): require_tool("traffic_server")
"""


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The answers of apt-cache: everything but trafficserver."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "apt-cache"
    script.write_text('#!/bin/sh\nshift\nfor name; do [ "$name" = trafficserver ] || echo "$name |"; done\n')
    script.chmod(0o755)
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    return script.parent


def run(lists: Path, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the module with pytest-xdist, on a machine without parts."""
    module = tmp_path / "test_module.py"
    module.write_text(MODULE)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PATH": str(lists), "PYTHONPATH": str(PROJECT), **variables}
    plugins = ["-p", "no:cacheprovider", "-p", "tests.conftest", "-n", "1"]
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(PROJECT / "pyproject.toml"), *plugins]
    return subprocess.run(
        [*command, f"--rootdir={tmp_path}", str(module)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


LIST = """\
These parts of the system are missing; `make system-packages` installs them:
  node (bundlers and their parsers): 3 tests skipped; node is not installed
This distribution has no package of these:
  trafficserver (caches): 1 test skipped; traffic_server is not installed
Tests were skipped for other reasons:
  1 test: a device cannot be made without root
"""


def test_the_list_names_each_part_with_the_number_of_its_tests(lists: Path, tmp_path: Path) -> None:
    done = run(lists, tmp_path, HASHSERVE_SKIPPED=str(tmp_path / "list"))

    assert done.returncode == 0, done.stdout
    assert LIST in done.stdout
    assert (tmp_path / "list").read_text() == LIST


def test_under_ci_only_a_part_that_the_distribution_lacks_is_skipped(lists: Path, tmp_path: Path) -> None:
    done = run(lists, tmp_path, CI="true")

    assert done.returncode == 1
    assert "2 failed, 1 skipped, 2 errors" in done.stdout
    assert "node is not installed; `make system-packages` installs it" in done.stdout
    assert "trafficserver (caches): 1 test skipped" in done.stdout
