"""Profiles: the shares of kernel, server and Python in a server's processor time.

Invariant: profiles and measurements are separate runs, because profiling takes time. Without perf, or without
the permission to use it, there is no profile.
"""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.support.system_parts import find_executable

__all__ = ["KERNEL", "LIBRARIES", "OWNERS", "PYTHON", "SERVER", "owner_of", "shares"]

KERNEL, SERVER, PYTHON, LIBRARIES = "kernel", "the server's own library", "Python", "other libraries"
OWNERS = (KERNEL, SERVER, PYTHON, LIBRARIES)

_FREQUENCY = "499"
_LINE = re.compile(r"^\s*([\d.]+)%\s+(\S+)", re.MULTILINE)
_PYTHON = re.compile(r"(lib)?python3[\d.]*(\.so.*)?")


def shares(process: psutil.Process, work: Callable[[], object], distribution: str) -> dict[str, float] | None:
    """Profile a process and its descendants during some work, and return the share of each owner.

    All Python code counts as Python's. Returns None if there is no profile.
    """
    perf = find_executable("perf")
    if perf is None:
        return None
    process_ids = ",".join(str(each.pid) for each in (process, *process.children(recursive=True)))
    with tempfile.TemporaryDirectory() as folder:
        record = str(Path(folder) / "record")
        command = [perf, "record", "--quiet", "-F", _FREQUENCY, "-p", process_ids, "-o", record]
        sampling = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            work()
        finally:
            sampling.send_signal(signal.SIGINT)
            sampling.wait()
        report = [perf, "report", "-i", record, "--stdio", "--quiet", "--no-children", "--sort", "dso"]
        done = subprocess.run(report, capture_output=True, text=True, check=False)
    return shares_in(done.stdout, distribution)


def shares_in(report: str, distribution: str) -> dict[str, float] | None:
    """Sum up the lines of perf's report by owner; None if there are none."""
    lines = _LINE.findall(report)
    found = dict.fromkeys(OWNERS, 0.0)
    for percent, name in lines:
        found[owner_of(name, distribution)] += float(percent) / 100
    return found if lines else None


def owner_of(name: str, distribution: str) -> str:
    """Return the owner of a binary or library, by its file name."""
    if name.startswith("["):
        return LIBRARIES if name == "[vdso]" else KERNEL
    if distribution in name:
        return SERVER
    return PYTHON if _PYTHON.fullmatch(name) else LIBRARIES
