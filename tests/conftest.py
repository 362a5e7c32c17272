"""Fixtures that every test may use, and the list of what was skipped for want of a real part."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.trees import BuiltTree, build_tree

MISSING_PARTS: list[str] = []


def must_have_all() -> bool:
    """Whether a missing part is a failure here: on CI, or where it is asked for."""
    return os.environ.get("CI") == "true" or os.environ.get("HASHSERVE_REQUIRE_ALL") == "1"


def require_tool(name: str) -> str:
    """Give the path of an executable; without it, skip and list the test, or fail where all is required."""
    path = shutil.which(name)
    if path is not None:
        return path
    if must_have_all():
        pytest.fail(f"{name} is not installed; `make test` installs it where it may")
    MISSING_PARTS.append(name)
    pytest.skip(f"{name} is not installed")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("not run, for want of a part")
        for report in skipped:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2]}")


@pytest.fixture
def built(tmp_path: os.PathLike[str]) -> Iterator[BuiltTree]:
    """A small built tree: a fingerprinted 10-byte file, a style sheet with variants, and more."""
    yield build_tree(os.fspath(tmp_path))
