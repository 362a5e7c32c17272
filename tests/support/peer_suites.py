"""The peers' own tests of what hashserve replaces, with its classes in the place of theirs.

Invariant: the test modules are unedited, and come from the peer's source distribution at the time of the
test. Those of internal parts (compression, media types, strings) are left out: nothing is replaced in them.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.support.files import put
from tests.support.sdists import unpacked_sdist

__all__ = ["PeerOutcome", "PeerSuite", "run_peer_suite"]

SUPPORT = Path(__file__).parent / "in_peer_suites"
COPIED = {"utils.py": "utils.py", "django_settings.py": "django_settings.py", "swap.py": "conftest.py"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSuite:
    """The tests of one release of a peer: its package, and the modules that test what is replaced."""

    package: str
    version: str
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOutcome:
    """How many tests passed, how often each test failed and was skipped, and the output."""

    passed: int
    failed: Counter[str]
    skipped: Counter[str]
    output: str


def run_peer_suite(suite: PeerSuite) -> PeerOutcome:
    """Run the tests. Raises `tests.support.sdists.SdistUnavailableError`."""
    sdist = unpacked_sdist(suite.package, suite.version)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tests = folder / "tests"
        tests.mkdir()
        (tests / "__init__.py").touch()
        for name in suite.modules:
            shutil.copy(sdist / "tests" / name, tests)
        for name, copy in COPIED.items():
            shutil.copy(SUPPORT / name, tests / copy)
        _write_files(tests / "test_files")
        report = folder / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}"]
        done = subprocess.run(
            [*command, "--rootdir", str(folder), "-c", os.devnull, "tests"],
            cwd=folder,
            env={**os.environ, "PEER": suite.package, "PYTHONPATH": f"{folder}{os.pathsep}{sdist / 'src'}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return _outcome(report, done.stdout + done.stderr)


def _outcome(report: Path, output: str) -> PeerOutcome:
    assert report.is_file(), output
    failed, skipped, passed = Counter[str](), Counter[str](), 0
    for case in ET.parse(report).iter("testcase"):
        name = case.attrib["name"].partition("[")[0]
        if case.find("failure") is not None or case.find("error") is not None:
            failed[name] += 1
        elif case.find("skipped") is not None:
            skipped[name] += 1
        else:
            passed += 1
    return PeerOutcome(passed=passed, failed=failed, skipped=skipped, output=output)


def _write_files(folder: Path) -> None:
    """Write the files that the tests name, with contents of the sizes that they ask for."""
    style = b".none { margin: 0 }\n" * 60
    page = b"<!doctype html><title>index</title>\n"
    put(folder, "assets/subdir/javascript.js", b"console.log('a script of more than thirty bytes');\n" * 4)
    put(folder, "assets/compressed.css", style)
    put(folder, "assets/compressed.css.gz", gzip.compress(style, mtime=0))
    put(folder, "assets/custom-mime.foobar", b"fizzbuzz\n")
    put(folder, "assets/with-index/index.html", page)
    put(folder, "static/app.js", b"console.log('an application of over a hundred bytes');\n" * 8)
    put(folder, "static/nonascii\u2713.txt", b"hi\n")
    put(folder, "static/styles.css", style + b".a { background: url(directory/pixel.gif) }\n")
    put(folder, "static/directory/pixel.gif", b"GIF89a pixel")
    put(folder, "static/with-index/index.html", page)
    put(folder, "root/robots.txt", b"Disallow: /no-bots-here/\n")
