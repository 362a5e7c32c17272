"""Django's own tests of static files, with hashserve's storage in the place of Django's.

Invariant: the tests are unedited and belong to the installed release of Django.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import django

from tests.support.sdists import unpacked_sdist

__all__ = ["Outcome", "run_staticfiles_tests"]

_SETTINGS = """\
from django.contrib.staticfiles import storage as theirs
from test_sqlite import *  # noqa: F403

from hashserve.django import storage as ours

theirs.ManifestStaticFilesStorage = ours.ManifestStaticFilesStorage
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The number of tests, the names of all and of those that failed, and the output."""

    ran: int
    names: frozenset[str]
    failed: frozenset[str]
    output: str


def run_staticfiles_tests() -> Outcome:
    """Run the tests. Raises `SdistUnavailableError`."""
    tests = unpacked_sdist("django", str(django.get_version())) / "tests"
    (tests / "test_swapped.py").write_text(_SETTINGS, encoding="utf-8")
    # Django's settings warn about later releases, which these tests do not check.
    command = [sys.executable, "-W", "ignore", "runtests.py", "--settings", "test_swapped", "--parallel", "1"]
    done = subprocess.run(
        [*command, "staticfiles_tests"],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (tests / "staticfiles_tests").glob("test_*.py")
    )
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    return Outcome(
        ran=int(ran[1]) if ran else 0,
        names=frozenset(re.findall(r"def (test_\w+)", sources)),
        failed=frozenset(re.findall(r"^(?:FAIL|ERROR): (\w+)", done.stderr, re.MULTILINE)),
        output=done.stdout + done.stderr,
    )
