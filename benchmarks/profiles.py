"""Whose time it is: what part of a server's processor time goes to the kernel, the server, and Python.

Invariant: a profile is taken apart from what is measured: it costs time itself. Where perf is not there, or
not allowed, there is none.
"""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.machine import tool

__all__ = ["KERNEL", "LIBRARIES", "OWNERS", "PYTHON", "SERVER", "owner_of", "shares"]

KERNEL, SERVER, PYTHON, LIBRARIES = "kernel", "the server's own library", "Python", "other libraries"
OWNERS = (KERNEL, SERVER, PYTHON, LIBRARIES)

_FREQUENCY = "499"
_LINE = re.compile(r"^\s*([\d.]+)%\s+(\S+)", re.MULTILINE)
_PYTHON = re.compile(r"(lib)?python3[\d.]*(\.so.*)?")


def shares(process: psutil.Process, work: Callable[[], object], distribution: str) -> dict[str, float] | None:
    """Sample a process and its descendants while some work is done and return the part of each owner.

    What is written in Python is Python's, whoever wrote it.
    """
    perf = tool("perf")
    if perf is None:
        return None
    numbers = ",".join(str(each.pid) for each in (process, *process.children(recursive=True)))
    with tempfile.TemporaryDirectory() as folder:
        record = str(Path(folder) / "record")
        command = [perf, "record", "--quiet", "-F", _FREQUENCY, "-p", numbers, "-o", record]
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
    """Add up what perf tells of each object; None if it tells nothing."""
    lines = _LINE.findall(report)
    found = dict.fromkeys(OWNERS, 0.0)
    for percent, name in lines:
        found[owner_of(name, distribution)] += float(percent) / 100
    return found if lines else None


def owner_of(name: str, distribution: str) -> str:
    """Tell whose an object of code is, by its file's name."""
    if name.startswith("["):
        return LIBRARIES if name == "[vdso]" else KERNEL
    if distribution in name:
        return SERVER
    return PYTHON if _PYTHON.fullmatch(name) else LIBRARIES
