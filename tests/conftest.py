"""Fixtures for every test, and the list of tests that were skipped because a program is missing."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.parts import require_tool
from tests.support.trees import BuiltTree, build_tree

__all__ = ["require_tool"]

# A shell starts background jobs with SIGINT ignored. Commands of the tests would inherit that, and the
# tests of an interrupt would fail.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("skipped, because a program is missing")
        for report in skipped:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2]}")


@pytest.fixture
def built(tmp_path: os.PathLike[str]) -> BuiltTree:
    """A small built tree: a fingerprinted 10-byte file, a style sheet with variants, and more."""
    return build_tree(os.fspath(tmp_path))
