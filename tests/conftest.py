"""Fixtures for every test, the folders of a run, and the list of tests that were skipped."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import hypothesis_profile, skipped_tests
from tests.support.isolation import isolate
from tests.support.trees import BuiltTree, build_tree

# A shell starts background jobs with SIGINT ignored. Commands of the tests would inherit that, and the
# tests of an interrupt would fail.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LIST = pytest.StashKey[str]()
"""The file into which the list of skipped tests is written too."""


def pytest_configure(config: pytest.Config) -> None:
    hypothesis_profile.load()
    # Taken away, so that a pytest that a test runs does not write it too.
    config.stash[LIST] = os.environ.pop("HASHSERVE_SKIPPED", "")
    if not hasattr(config, "workerinput"):  # workers of pytest-xdist have the folders of the run
        config.add_cleanup(isolate())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    skipped_tests.note_part(report, call)
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the list, and write it into the file that HASHSERVE_SKIPPED names."""
    lines = list(skipped_tests.lines(terminalreporter.stats.get("skipped", [])))
    if lines:
        terminalreporter.section("skipped")
        for line in lines:
            terminalreporter.line(line)
    if file := config.stash[LIST]:
        Path(file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def built(tmp_path: os.PathLike[str]) -> BuiltTree:
    """A small built tree: a fingerprinted 10-byte file, a style sheet with variants, and more."""
    return build_tree(os.fspath(tmp_path))
