"""Django's own tests of static files, with hashserve's storage in the place of Django's.

Invariant: the tests are unedited and belong to the installed release of Django.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import django

__all__ = ["Outcome", "SuiteUnavailableError", "run_staticfiles_tests"]

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "django"

_SETTINGS = """\
from django.contrib.staticfiles import storage as theirs
from test_sqlite import *  # noqa: F403

from hashserve.django import storage as ours

theirs.ManifestStaticFilesStorage = ours.ManifestStaticFilesStorage
"""


class SuiteUnavailableError(Exception):
    """Django's source distribution is not in the cache and cannot be downloaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The number of tests, the names of failed tests, and the output."""

    ran: int
    failed: frozenset[str]
    output: str


def run_staticfiles_tests() -> Outcome:
    """Run the tests. Raises `SuiteUnavailableError`."""
    tests = _source() / "tests"
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
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    return Outcome(
        ran=int(ran[1]) if ran else 0,
        failed=frozenset(re.findall(r"^(?:FAIL|ERROR): (\w+)", done.stderr, re.MULTILINE)),
        output=done.stdout + done.stderr,
    )


def _source() -> Path:
    """Return the folder of the source distribution, downloaded once for each release."""
    folder: Path = CACHE / str(django.get_version())
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            archive = _downloaded(Path(temporary))
            with tarfile.open(archive) as opened:
                opened.extractall(temporary, filter="data")
            archive.unlink()
            (unpacked,) = Path(temporary).iterdir()
            shutil.move(unpacked, folder)
    return folder


def _downloaded(folder: Path) -> Path:
    wanted = f"django=={django.get_version()}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-q"]
    done = subprocess.run(
        [*command, "-d", str(folder), wanted], capture_output=True, text=True, check=False, timeout=240
    )
    if done.returncode:
        raise SuiteUnavailableError(f"{wanted}: {done.stderr.strip()}")
    return next(folder.glob("*.tar.gz"))
