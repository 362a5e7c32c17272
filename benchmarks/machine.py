"""The machine, the interpreter, the versions and the commit on which figures depend.

Invariant: every installed program and package that takes part is listed with its version. Nothing identifies
the machine's owner.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.harness import PROJECT
from tests.support.system_parts import find_executable

__all__ = ["cores", "machine"]

_DISTRIBUTIONS = (
    "hashserve",
    "whitenoise",
    "servestatic",
    "Django",
    "brotli",
    "gunicorn",
    "pyuwsgi",
    "waitress",
    "granian",
    "cheroot",
    "bjoern",
    "fastpysgi",
    "playwright",
)
_TOOLS = {
    "nginx": ("-v",),
    "caddy": ("version",),
    "wrk": ("-v",),
    "chromium": ("--version",),
}
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


def machine() -> dict[str, Any]:
    """Return machine, versions and commit for JSON."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    processor = _processor()
    return {
        "machine": {
            "description": f"{processor}, {cores()} cores, {platform.system()}, {python}",
            "processor": processor,
            "cores": cores(),
            "system": f"{platform.system()} {platform.release()}",
            "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
            "python": sys.version,
        },
        "versions": {
            name: version
            for names, ask in ((_DISTRIBUTIONS, _version), (_TOOLS, _version_of_tool))
            for name in names
            if (version := ask(name))
        },
        "commit": _commit(),
    }


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _version_of_tool(name: str) -> str | None:
    executable = find_executable(name)
    if executable is None:
        return None
    done = subprocess.run([executable, *_TOOLS[name]], capture_output=True, text=True, check=False)
    found = _NUMBER.search(done.stdout + done.stderr)
    return found[0] if found else None


def _commit() -> str | None:
    """Return the commit, with a plus if hashserve/ has uncommitted changes."""
    try:
        commit = _git("rev-parse", "HEAD")
        return f"{commit}+" if _git("status", "--porcelain", "hashserve") else commit
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
