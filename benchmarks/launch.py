"""What a command costs: its wall-clock and processor time, and its highest memory.

Invariant: an interpreter with hardly any modules starts the command, because Linux counts the memory of the
starting process (13 MB here) as the program's own, until that has more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "LaunchError", "launch"]


class LaunchError(Exception):
    """A command failed; holds its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one command: seconds, and bytes of resident memory, with all threads and children."""

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int


def launch(command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command in a folder; ``environment`` is added to the current one. Raises `LaunchError`."""
    done = subprocess.run(
        [sys.executable, "-S", "-E", __file__, *command],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LaunchError(f"{command} failed:\n{done.stderr[-4000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def _main(command: list[str]) -> int:
    """Run the command, print its cost as the last line, and return its exit code."""
    started = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    cost = {
        "wall_seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * unit,
    }
    print(f"\n{json.dumps(cost)}", flush=True)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
